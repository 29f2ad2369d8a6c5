"""What the logins reach, once it is known whose registries are meant."""

import json

import pytest

from settings import ConfigurationError, parse
from tests.settings.bad_configurations import CRONJOB, GOOD

OWN, OTHER = "123456789012", "222222222222"
ROLE = f"arn:aws:iam::{OTHER}:role/ecr-pull"


def host(account: str) -> str:
    return f"{account}.dkr.ecr.eu-central-1.amazonaws.com"


def config(**keys: object) -> dict[str, str]:
    return {
        **GOOD,
        **{f"everpull:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in keys.items()},
    }


def late_fault(account: str = OWN, **keys: object) -> list[tuple[str, str | None, str]]:
    """What is found once the deploying account is known, and not before."""
    settings = parse(config(**keys), "dev")
    with pytest.raises(ConfigurationError) as caught:
        settings.of_account(account, "amazonaws.com")
    return [(fault.key, fault.value, fault.problem) for fault in caught.value.faults]


def test_no_registry_means_the_deploying_accounts_own() -> None:
    (registry,) = parse(GOOD, "dev").of_account(OWN, "amazonaws.com").registries
    assert (registry.host, registry.account, registry.region) == (host(OWN), OWN, "eu-central-1")
    china = parse({"aws:region": "cn-north-1"}, "dev").of_account(OWN, "amazonaws.com.cn").registries
    assert [registry.host for registry in china] == [f"{OWN}.dkr.ecr.cn-north-1.amazonaws.com.cn"]


def test_listed_registries_stay_as_they_are() -> None:
    settings = parse(config(registries=[host(OTHER)]), "dev")
    assert settings.of_account(OWN, "amazonaws.com") == settings


@pytest.mark.parametrize("mode", ["lambda", "cronjob"])
def test_a_role_fetches_the_login_of_its_own_account(mode: str) -> None:
    keys = config(mode=mode, registries=[host(OWN), host(OTHER)], assumeRoles=[ROLE])
    assert parse(keys, "dev").reach.roles == {OTHER: ROLE}
    assert parse({**GOOD, **CRONJOB}, "dev").reach.roles == {}


def test_the_deploying_account_may_have_a_role_too() -> None:
    settings = parse(config(assumeRoles=[ROLE]), "dev")
    assert [registry.host for registry in settings.of_account(OTHER, "amazonaws.com").registries] == [host(OTHER)]


def test_a_role_of_another_account_than_the_deploying_one_is_refused_where_no_registry_is_listed() -> None:
    assert late_fault(assumeRoles=[ROLE]) == [
        ("everpull:assumeRoles", ROLE, f"names a role of account {OTHER}, of which no registry is configured")
    ]


IMAGE = f"{host(OTHER)}/team-a/app:1.0"


def test_images_of_the_deploying_accounts_own_registry_may_be_tried_where_none_is_listed() -> None:
    settings = parse(config(verifyImages=[IMAGE]), "dev")
    assert settings.of_account(OTHER, "amazonaws.com").reach.images == (IMAGE,)


def test_images_of_other_registries_are_refused_once_it_is_known_whose_is_meant() -> None:
    assert late_fault(verifyImages=[IMAGE, "public.ecr.aws/a/b:1"]) == [
        (
            "everpull:verifyImages",
            IMAGE,
            f"names {IMAGE}, whose registry is not configured, so there is no login for it",
        ),
        (
            "everpull:verifyImages",
            "public.ecr.aws/a/b:1",
            "names public.ecr.aws/a/b:1 of ECR Public, for which there is no login",
        ),
    ]


@pytest.mark.parametrize("mode", ["lambda", "cronjob"])
@pytest.mark.parametrize(
    "images",
    [
        [],
        [f"{host(OWN)}/app:1.0", f"{host(OWN)}/a__b/c--d@sha256:{'0' * 64}"],
        ["public.ecr.aws/docker/library/busybox:latest"],
        ["auto"],
    ],
)
def test_images_to_try_have_tags_or_digests_or_are_left_to_the_refresher(mode: str, images: list[str]) -> None:
    keys = config(mode=mode, registries=[host(OWN)], repositories=["app"], ecrPublic=True, verifyImages=images)
    assert parse(keys, "dev").reach.images == tuple(images)
