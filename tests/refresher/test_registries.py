"""Which hosts are private ECR registries, and where."""

import pytest
from refresher.registries import PUBLIC, Group, Registry, groups_of, parse_registry

from tests.refresher.fakes import FRANKFURT, FRANKFURT_OTHER_ACCOUNT, VIRGINIA, registries

ACCOUNT = "123456789012"


@pytest.mark.parametrize(
    ("rest", "region"),
    [
        (".dkr.ecr.eu-central-1.amazonaws.com", "eu-central-1"),
        (".dkr.ecr-fips.us-east-2.amazonaws.com", "us-east-2"),
        (".dkr.ecr.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        (".dkr.ecr-fips.us-gov-east-1.amazonaws.com", "us-gov-east-1"),
        (".dkr-ecr.eu-west-3.on.aws", "eu-west-3"),
        (".dkr-ecr-fips.us-west-2.on.aws", "us-west-2"),
        (".dkr.ecr.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1"),
        (".dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", "cn-north-1"),
        (".dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"),
        (".dkr.ecr.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"),
        (".dkr.ecr.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1"),
        (".dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk", "eu-isoe-west-1"),
        (".dkr.ecr.us-isof-south-1.csp.hci.ic.gov", "us-isof-south-1"),
    ],
)
def test_a_registry_of_any_partition_tells_account_and_region(rest: str, region: str) -> None:
    assert parse_registry(ACCOUNT + rest) == Registry(ACCOUNT + rest, ACCOUNT, region)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "public.ecr.aws",
        "registry.example.com",
        "12345678901.dkr.ecr.eu-central-1.amazonaws.com",
        "1234567890123.dkr.ecr.eu-central-1.amazonaws.com",
        "\N{FULLWIDTH DIGIT ONE}23456789012.dkr.ecr.eu-central-1.amazonaws.com",
        "https://" + FRANKFURT,
        FRANKFURT + "/app",
        FRANKFURT + ":443",
        FRANKFURT + "\n",
        FRANKFURT.upper(),
        "x" + FRANKFURT,
        FRANKFURT.replace(".amazonaws", "xamazonaws"),
        f"{ACCOUNT}.dkr.ecr.central.amazonaws.com",
        f"{ACCOUNT}.dkr.ecr..amazonaws.com",
    ],
)
def test_what_is_not_the_bare_host_of_a_private_registry_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="not the host of a private ECR registry"):
        parse_registry(host)


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (".dkr.ecr.cn-north-1.amazonaws.com", "is at amazonaws.com.cn, not amazonaws.com"),
        (".dkr.ecr.eu-central-1.amazonaws.com.cn", "is at amazonaws.com, not amazonaws.com.cn"),
        (".dkr.ecr.eu-central-1.on.aws", "is at amazonaws.com, not on.aws"),
        (".dkr-ecr.eu-central-1.amazonaws.com", "is at on.aws, not amazonaws.com"),
        (".dkr.ecr.eusc-de-east-1.amazonaws.com", "is at amazonaws.eu, not amazonaws.com"),
        (".dkr.ecr.us-isob-east-1.c2s.ic.gov", "is at sc2s.sgov.gov, not c2s.ic.gov"),
        (".dkr.ecr.eu-central-1.amazonaws.com.evil.example", "is at amazonaws.com, not amazonaws.com.evil.example"),
        (".dkr.ecr.eu-central-1.amazonaws.com.", "is at amazonaws.com, not amazonaws.com."),
        (".dkr-ecr.us-iso-east-1.on.aws", "no dual-stack registry is known in us-iso-east-1"),
    ],
)
def test_a_domain_of_another_partition_is_refused_and_the_right_one_named(rest: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        parse_registry(ACCOUNT + rest)


def test_registries_are_grouped_by_region_in_the_order_in_which_they_came() -> None:
    found = groups_of(registries(VIRGINIA, FRANKFURT, FRANKFURT_OTHER_ACCOUNT), {})
    assert found == (
        Group("us-east-1", registries(VIRGINIA)),
        Group("eu-central-1", registries(FRANKFURT, FRANKFURT_OTHER_ACCOUNT)),
    )
    assert [str(group) for group in found] == ["ECR in us-east-1", "ECR in eu-central-1"]


def test_what_a_role_logs_in_to_is_apart_from_the_rest_of_its_region() -> None:
    role = "arn:aws:iam::123456789012:role/pull"
    found = groups_of(registries(FRANKFURT, VIRGINIA, FRANKFURT_OTHER_ACCOUNT), {"123456789012": role})
    assert found == (
        Group("eu-central-1", registries(FRANKFURT), role),
        Group("us-east-1", registries(VIRGINIA), role),
        Group("eu-central-1", registries(FRANKFURT_OTHER_ACCOUNT)),
    )
    assert str(found[0]) == f"ECR in eu-central-1 as {role}"


def test_ecr_public_is_apart_from_the_private_registries_of_the_region_that_it_is_asked_in() -> None:
    found = groups_of((*registries(VIRGINIA), PUBLIC), {})
    assert found == (Group("us-east-1", registries(VIRGINIA)), Group("us-east-1", (PUBLIC,)))
    assert [(group.is_public, str(group)) for group in found] == [(False, "ECR in us-east-1"), (True, "ECR Public")]
