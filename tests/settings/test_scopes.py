"""Which half of mode `lambda` a stack has, and what its configuration may say then."""

import json

import pytest

from settings import ConfigurationError, LambdaSettings, parse, schema
from settings.delivery import too_late
from tests.settings.bad_configurations import GOOD
from tests.settings.bad_scopes import AWS, CLUSTER
from tests.settings.test_parse import OTHER, needed, text_of

BY_SCOPE = {"all": {"everpull:scope": "all"}, "aws": AWS, "cluster": CLUSTER}


def test_a_stack_has_both_halves_unless_it_says_otherwise() -> None:
    found = {scope: parse({**GOOD, **config}, "dev") for scope, config in BY_SCOPE.items()}
    assert {scope: settings.in_cluster for scope, settings in found.items()} == {
        "all": True,
        "aws": False,
        "cluster": True,
    }
    assert {scope: settings.identity for scope, settings in found.items()} == {
        "all": "access-key",
        "aws": "",
        "cluster": "access-key",
    }
    assert [settings.scope.aws_stack for settings in found.values()] == ["", "", "aws"]


@pytest.mark.parametrize("scope", schema.SCOPES)
def test_a_scope_takes_its_keys_and_refuses_all_others(scope: str) -> None:
    """Every key of the mode means something in one of the two halves at least."""
    for key in (key for key in schema.KEYS if "lambda" in schema.modes_with(key) and key not in ("mode", "scope")):
        needs = needed(key, "lambda", OTHER.get(key) if key == "identity" else None)
        config = {**GOOD, **needs, **BY_SCOPE[scope], f"everpull:{key}": OTHER.get(key) or text_of(key, "example")}
        scopes = schema.scopes_with(key)
        assert {"aws", "cluster"} & set(scopes), key
        if scope in scopes:
            parse(config, "dev")
            continue
        with pytest.raises(ConfigurationError) as caught:
            parse(config, "dev")
        assert f"everpull:{key} = " in str(caught.value)
        assert f"only with everpull:scope {' or '.join(scopes)}" in str(caught.value)


def test_a_stack_is_named_as_the_engine_names_stacks() -> None:
    for name in ("aws", "acme/aws", "organization/everpull/aws-1.prod_x"):
        assert parse({**GOOD, **CLUSTER, "everpull:awsStack": name}, "dev").scope.aws_stack == name


def test_registries_of_another_stack_are_not_the_deploying_accounts_own() -> None:
    settings = parse({**GOOD, **CLUSTER}, "dev")
    assert settings.of_account("123456789012", "amazonaws.com").registries == ()


def test_how_late_a_login_comes_is_reckoned_with_what_the_other_stack_says() -> None:
    slow = {**GOOD, **CLUSTER, "everpull:syncInterval": "100m", "everpull:fanOutInterval": "20m"}
    delivery = parse({**GOOD, **CLUSTER, "everpull:syncInterval": "4h"}, "dev").delivery
    assert isinstance(delivery, LambdaSettings), "an hour of its own is not reckoned with"
    delivery = parse(slow, "dev").delivery
    assert isinstance(delivery, LambdaSettings)
    assert too_late(delivery, "aws", "schedule", "rate(3 hours)") is None
    late = too_late(delivery, "aws", "schedule", "rate(4 hours)")
    assert late
    assert (late.key, late.name) == ("syncInterval", "6000s")
    assert (
        "with schedule rate(4 hours) of stack aws, 6000 s of syncInterval and 1200 s of fanOutInterval" in late.problem
    )
    assert "can take 360 minutes to reach the pods, and 300 are safe" in late.problem
    assert too_late(delivery, "aws", "rotation", "rate(8 hours)") is None
    late = too_late(delivery, "aws", "rotation", "rate(9 hours)")
    assert late
    assert "can be 720 minutes old" in late.problem


def test_the_half_of_aws_reckons_with_clusters_that_read_as_often_as_they_do_by_default() -> None:
    parse({**GOOD, **AWS, "everpull:schedule": "rate(4 hours)"}, "dev")
    with pytest.raises(ConfigurationError, match="syncInterval 15m and fanOutInterval 5m"):
        parse({**GOOD, **AWS, "everpull:schedule": "rate(5 hours)"}, "dev")


def test_a_registry_of_another_partition_is_refused_in_the_half_that_has_registries() -> None:
    china = {"everpull:registries": json.dumps(["123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"])}
    with pytest.raises(ConfigurationError, match="of partition aws-cn"):
        parse({**GOOD, **AWS, **china}, "dev")
