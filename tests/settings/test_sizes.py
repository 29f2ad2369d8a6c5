"""The bounds by which registries and images are refused, held against what the refresher writes and is told."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.logins import login_environment
from lambda_src.refresher.core import Login, Renewal, docker_config
from lambda_src.refresher.document import merge_document
from settings import ConfigurationError, parse
from settings.sizes import AUTH_BYTES, docker_config_bytes, document_bytes, environment_bytes
from tests.settings.bad_configurations import CRONJOB, GOOD

NOW = datetime(2026, 1, 1, tzinfo=UTC)
# The longest password of which the bound is not too small.
PASSWORD = "p" * (AUTH_BYTES * 3 // 4 - len("AWS:"))
ACCOUNTS = st.from_regex(r"[0-9]{12}", fullmatch=True)
REGIONS = st.sampled_from(["eu-central-1.amazonaws.com", "cn-northwest-1.amazonaws.com.cn"])
HOSTS = st.one_of(
    st.builds(lambda account, place: f"{account}.dkr.ecr.{place}", ACCOUNTS, REGIONS), st.just("public.ecr.aws")
)
LISTS = st.lists(HOSTS, min_size=1, max_size=12, unique=True)


def logins(hosts: list[str]) -> list[Login]:
    """A login of its own for each host, which is the most that there can be."""
    return [Login((host,), "AWS", PASSWORD, NOW + timedelta(hours=12), NOW) for host in hosts]


def test_the_longest_login_that_somebody_told_of_fits() -> None:
    assert (
        len(base64.b64encode(b"AWS:" + b"p" * 3188)) <= AUTH_BYTES == len(base64.b64encode(b"AWS:" + PASSWORD.encode()))
    )


@given(LISTS)
def test_a_docker_config_is_never_longer_than_its_bound_and_little_shorter(hosts: list[str]) -> None:
    length = len(docker_config(logins(hosts)))
    assert length <= docker_config_bytes(hosts) <= length + 1


@given(LISTS)
def test_a_document_is_never_longer_than_its_bound_and_little_shorter(hosts: list[str]) -> None:
    document = merge_document({}, Renewal(tuple(logins(hosts))))
    length = len(json.dumps(document, separators=(",", ":")))
    assert length <= document_bytes(hosts) <= length + 512 + 160 * len(hosts)


@given(LISTS, st.lists(st.text("abc/:.-", min_size=10, max_size=80), max_size=40))
def test_the_environment_is_never_longer_than_its_bound_and_little_shorter(hosts: list[str], images: list[str]) -> None:
    roles = [f"arn:aws:iam::{host[:12]}:role/ecr-pull" for host in hosts]
    variables = login_environment(
        {"registries": hosts, "repository_arns": [], "assume_roles": roles, "verify_images": images}
    )
    # Of the longest name that a stack can have.
    arn = f"arn:aws-us-gov:secretsmanager:ap-northeast-1:123456789012:secret:everpull-{'s' * 100}-login-secret-1a2b3c4-AbCdEf"
    length = len(json.dumps({"EVERPULL_SECRET_ID": arn, **variables}, separators=(",", ":")))
    assert length <= environment_bytes(hosts, roles, images) <= length + 512


def registries(count: int) -> str:
    return json.dumps([f"{number:012}.dkr.ecr.eu-central-1.amazonaws.com" for number in range(count)])


@pytest.mark.parametrize(
    ("mode", "fits"),
    [
        ({}, 13),
        (CRONJOB, 237),
        ({"everpull:mode": "generator"}, 237),
        ({"everpull:mode": "node-role", "everpull:nodeRoles": '["nodes"]'}, 1000),
    ],
    ids=["lambda", "cronjob", "generator", "node-role"],
)
def test_as_many_registries_as_the_message_says_are_accepted(mode: dict[str, str], fits: int) -> None:
    assert len(parse({**GOOD, **mode, "everpull:registries": registries(fits)}, "dev").registries) == fits
    if fits < 1000:
        with pytest.raises(ConfigurationError, match=f"at most {fits} registries; others"):
            parse({**GOOD, **mode, "everpull:registries": registries(fits + 1)}, "dev")


def test_images_of_the_deploying_accounts_own_registry_are_counted_once_it_is_known() -> None:
    config = {
        **GOOD,
        "everpull:repositories": json.dumps([f"team-a/app{number}" for number in range(60)]),
        "everpull:verifyImages": json.dumps(["auto"]),
    }
    with pytest.raises(ConfigurationError, match="takes the refresher's environment to 4"):
        parse(config, "dev").of_account("123456789012", "amazonaws.com")
