"""A Secret counts when kubelet could pull with it, and as written when its version is another one."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from bench.errors import BenchError
from bench.pull_secrets import PullSecret, aged, changed, check, login

HOST = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
KIND = "kubernetes.io/dockerconfigjson"
AUTH = base64.b64encode(b"AWS:canary-password").decode()
ENTRY = {"username": "AWS", "password": "canary-password", "auth": AUTH}


def secret(config: Any, kind: str = KIND, namespace: str = "bench-0001", version: str = "uid 1") -> PullSecret:
    return PullSecret(namespace, version, kind, config if config is None else json.dumps(config))


@pytest.mark.parametrize("key", [HOST, f"https://{HOST}"])
def test_a_docker_config_for_the_host_holds_its_login(key: str) -> None:
    assert login(secret({"auths": {"other": {}, key: ENTRY}}), HOST) == AUTH


def test_the_parts_of_a_login_need_not_stand_beside_it() -> None:
    assert login(secret({"auths": {HOST: {"auth": AUTH}}}), HOST) == AUTH


@pytest.mark.parametrize(
    "useless",
    [
        secret(None),
        secret({"auths": {HOST: ENTRY}}, kind="Opaque"),
        secret({}),
        secret([]),
        secret({"auths": {"another.host": ENTRY}}),
        secret({"auths": {HOST: {**ENTRY, "auth": "not base64"}}}),
        secret({"auths": {HOST: {**ENTRY, "password": "another"}}}),
        secret({"auths": {HOST: {"username": "", "password": "", "auth": base64.b64encode(b":").decode()}}}),
        PullSecret("bench-0001", "uid 1", KIND, "no JSON"),
    ],
)
def test_what_kubelet_could_not_use_is_no_login(useless: PullSecret) -> None:
    assert login(useless, HOST) is None


def test_a_secret_is_written_when_it_is_new_or_its_version_changed() -> None:
    before = {"a": secret({}, version="u 1"), "b": secret({}, version="u 2")}
    after = {"a": secret({}, version="u 1"), "b": secret({}, version="u 3"), "c": secret({}, version="v 4")}
    assert changed(before, after) == 2
    assert changed(after, after) == 0


GOOD = secret({"auths": {HOST: ENTRY}})


@pytest.mark.parametrize(
    ("secrets", "accepts", "said"),
    [
        ({}, True, "1 of 1 namespaces have no Secret, bench-0001"),
        ({"bench-0001": secret({})}, True, "1 Secrets are no docker config"),
        ({"bench-0001": GOOD}, False, "ECR refuses the login in 1 Secrets"),
    ],
)
def test_a_namespace_without_a_live_login_is_an_error_that_quotes_none(
    secrets: dict[str, PullSecret], accepts: bool, said: str
) -> None:
    with pytest.raises(BenchError, match=said) as raised:
        check(secrets, ["bench-0001"], HOST, lambda _auth: accepts)
    assert AUTH not in str(raised.value)


def test_every_login_is_shown_to_ecr_once() -> None:
    shown: list[str] = []

    def accepts(auth: str) -> bool:
        shown.append(auth)
        return True

    asked: Callable[[str], bool] = accepts
    check({"a": GOOD, "b": GOOD}, ["a", "b"], HOST, asked)
    assert shown == [AUTH]


def test_an_aged_secret_says_that_it_was_renewed_longer_ago_and_ends_sooner() -> None:
    now = {"everpull/refreshed-at": "2026-01-02T03:00:00Z", "everpull/expires-at": "2026-01-02T15:00:00Z", "other": "x"}
    assert aged(now, 7) == {
        "everpull/refreshed-at": "2026-01-01T20:00:00Z",
        "everpull/expires-at": "2026-01-02T08:00:00Z",
    }


@pytest.mark.parametrize("annotations", [{}, {"everpull/refreshed-at": "soon", "everpull/expires-at": "later"}])
def test_a_secret_without_its_times_can_not_be_aged(annotations: dict[str, str]) -> None:
    with pytest.raises(BenchError, match="carries no everpull/refreshed-at"):
        aged(annotations, 7)
