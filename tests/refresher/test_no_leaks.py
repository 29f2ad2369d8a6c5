"""A canary password is looked for in everything that leaves the refresher: logs, results, errors with all they carry."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from refresher import handler
from refresher.errors import RefreshError

from tests.refresher.aws_server import AwsServer, Refusal
from tests.refresher.fakes import CANARY, token
from tests.refresher.hearing import everything_in, found, listening
from tests.refresher.test_handler import Context

Change = Callable[[AwsServer, pytest.MonkeyPatch], None]


def answer(action: str, reply: Any) -> Change:
    def change(aws: AwsServer, _monkeypatch: pytest.MonkeyPatch) -> None:
        aws.answers[action] = lambda call: reply

    return change


def authorization(made: Any, expires_at: Any = 4102444800) -> Any:
    return {"authorizationData": [{"authorizationToken": made, "expiresAt": expires_at}]}


def secret(content: str) -> Change:
    def change(aws: AwsServer, _monkeypatch: pytest.MonkeyPatch) -> None:
        aws.secret = content

    return change


def breaking(target: str) -> Change:
    """A fault in our own code, at a point where the login is at hand, in an exception that quotes it."""

    def change(_aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*args: object, **kwargs: object) -> None:
            raise ValueError(f"{CANARY} {args} {kwargs}")

        monkeypatch.setattr(target, broken)

    return change


def as_a_role(change: Change) -> Change:
    """With the registry's login fetched by a session of a role."""

    def both(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("EVERPULL_ASSUME_ROLES", "arn:aws:iam::123456789012:role/pull")
        change(aws, monkeypatch)

    return both


def of_ecr_public(change: Change) -> Change:
    def both(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("EVERPULL_REGISTRIES", "public.ecr.aws")
        change(aws, monkeypatch)

    return both


def no_change(_aws: AwsServer, _monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing goes wrong."""


FAILURES: dict[str, Change] = {
    "denied token": answer("GetAuthorizationToken", Refusal("AccessDeniedException", CANARY)),
    "denied read": answer("GetSecretValue", Refusal("AccessDeniedException", f"User: {CANARY} is not authorized")),
    "denied write": answer("PutSecretValue", Refusal("AccessDeniedException", CANARY)),
    "failed token": answer("GetAuthorizationToken", Refusal("InvalidParameterException", CANARY)),
    "failed write": answer("PutSecretValue", Refusal("ValidationException", f"1 validation error: {CANARY}")),
    "odd code": answer("PutSecretValue", Refusal(f"{CANARY} odd", CANARY)),
    "two authorizations": answer(
        "GetAuthorizationToken", {"authorizationData": authorization(token())["authorizationData"] * 2}
    ),
    "token not base64": answer("GetAuthorizationToken", authorization(f"AWS:{CANARY}!")),
    "token without colon": answer(
        "GetAuthorizationToken", authorization("Y2FuYXJ5LTdmM2EtcGFzc3dvcmQtb2YtdGhlLWxvZ2lu")
    ),
    "token without user": answer("GetAuthorizationToken", authorization(token(""))),
    "token not ASCII": answer("GetAuthorizationToken", authorization(token(password=CANARY + "é"))),
    "dead login": answer("GetAuthorizationToken", authorization(token(), 1)),
    "login without expiry": answer("GetAuthorizationToken", authorization(token(), None)),
    "login with garbage expiry": answer("GetAuthorizationToken", authorization(token(), CANARY)),
    "login with garbage expiry number": answer("GetAuthorizationToken", authorization(token(), 10**30)),
    "document too large": secret(json.dumps({"theirs": CANARY * 3000})),
    "denied role": as_a_role(answer("AssumeRole", Refusal("AccessDenied", f"User: {CANARY}"))),
    "failed role": as_a_role(answer("AssumeRole", Refusal("ValidationError", CANARY))),
    "half a role": as_a_role(answer("AssumeRole", {"Credentials": {"SecretAccessKey": CANARY}})),
    "denied token of a role": as_a_role(answer("GetAuthorizationToken", Refusal("AccessDeniedException", CANARY))),
    "fault in the client of a role": as_a_role(breaking("refresher.aws_logins.client_as")),
    "denied token of ECR Public": of_ecr_public(
        answer("GetAuthorizationToken", Refusal("AccessDeniedException", CANARY))
    ),
    "list of ECR Public": of_ecr_public(answer("GetAuthorizationToken", authorization(token()))),
    "fault in merging": breaking("refresher.secrets_manager.merge_document"),
    "fault in judging": breaking("refresher.refresh.is_fresh"),
    "fault in writing": breaking("refresher.secrets_manager.SecretsManagerDocument._put"),
    "fault in the client": breaking("botocore.session.Session.create_client"),
}

SUCCESSES: dict[str, Change] = {
    "first write": no_change,
    "role": as_a_role(no_change),
    "ECR Public": of_ecr_public(no_change),
    "other keys": secret(json.dumps({"theirs": CANARY})),
    "damaged content": secret("{broken " + CANARY),
    "not an object": secret(json.dumps([CANARY])),
}


@pytest.fixture
def heard(function: AwsServer, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[Any]:
    with listening(caplog, capfd) as everything:
        yield everything


@pytest.mark.parametrize("name", FAILURES)
def test_no_failure_tells_the_password(
    function: AwsServer, heard: Callable[[], str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    FAILURES[name](function, monkeypatch)
    with pytest.raises(RefreshError) as caught:
        handler.handle({}, Context())
    assert not found(everything_in(caught.value), CANARY)
    assert not found(heard(), CANARY)


@pytest.mark.parametrize("name", SUCCESSES)
def test_no_success_tells_the_password(
    function: AwsServer, heard: Callable[[], str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    SUCCESSES[name](function, monkeypatch)
    first, second = handler.handle({}, Context()), handler.handle({}, Context())
    assert (first["status"], second["status"]) == ("refreshed", "fresh")
    assert CANARY in str(function.secret)
    assert not found(f"{first} {second}", CANARY)
    assert not found(heard(), CANARY)


def test_the_search_would_find_what_botocore_logs_when_it_may(
    function: AwsServer, heard: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler.logs, "configure", lambda: None)
    handler.handle({}, Context())
    assert found(heard(), CANARY)
