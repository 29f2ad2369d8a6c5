"""Registries of other accounts and ECR Public, by both entries on a scripted AWS: who is asked, how often, and by whom."""

import base64
import json
import os

import pytest
from refresher import __main__ as job_entry
from refresher import aws_clients, handler
from refresher.errors import DeniedError, LoginsUnavailableError

from tests.refresher.api_server import ApiServer
from tests.refresher.aws_server import AwsServer, Call, Refusal
from tests.refresher.conftest import Lines
from tests.refresher.fakes import CANARY, FRANKFURT, FRANKFURT_OTHER_ACCOUNT, VIRGINIA
from tests.refresher.secrets import logins_in
from tests.refresher.test_handler import Context

PUBLIC = "public.ecr.aws"
VIRGINIA_OTHER_ACCOUNT = VIRGINIA.replace("123456789012", "210987654321")
ROLE = "arn:aws:iam::210987654321:role/teams/pull"
ALL = (FRANKFURT, FRANKFURT_OTHER_ACCOUNT, VIRGINIA_OTHER_ACCOUNT, PUBLIC)
# What each is opened with.
PASSWORDS = {
    FRANKFURT: f"{CANARY}-eu-central-1",
    FRANKFURT_OTHER_ACCOUNT: f"{CANARY}-eu-central-1-210987654321",
    VIRGINIA_OTHER_ACCOUNT: f"{CANARY}-us-east-1-210987654321",
    PUBLIC: f"{CANARY}-public",
}


def everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERPULL_REGISTRIES", ",".join(ALL))
    monkeypatch.setenv("EVERPULL_ASSUME_ROLES", ROLE)


@pytest.fixture
def function(function: AwsServer, monkeypatch: pytest.MonkeyPatch) -> AwsServer:
    everywhere(monkeypatch)
    return function


@pytest.fixture
def cronjob(cronjob: ApiServer, monkeypatch: pytest.MonkeyPatch) -> ApiServer:
    everywhere(monkeypatch)
    return cronjob


def told(aws: AwsServer) -> list[tuple[str, str, str]]:
    """Action, region and the caller's key of each call."""
    found = [(call.action, call.region, call.key_id) for call in aws.calls]
    aws.calls.clear()
    return found


def denied_role(call: Call) -> Refusal:
    text = f"User: arn:aws:iam::123456789012:user/x is not authorized to perform: sts:AssumeRole on resource: {ROLE}"
    return Refusal("AccessDenied", text, 403)


FETCHES = [
    ("GetAuthorizationToken", "eu-central-1", "AKIDEXAMPLE"),
    ("AssumeRole", "eu-central-1", "AKIDEXAMPLE"),
    ("GetAuthorizationToken", "eu-central-1", "ASIA210987654321"),
    ("GetAuthorizationToken", "us-east-1", "ASIA210987654321"),
    ("GetAuthorizationToken", "us-east-1", "AKIDEXAMPLE"),
]


def held(function: AwsServer) -> dict[str, str]:
    """USER:PASSWORD by registry."""
    config = json.loads(str(function.secret))["dockerconfigjson"]
    return logins_in({"data": {".dockerconfigjson": base64.b64encode(config.encode()).decode()}})


def test_each_login_is_fetched_by_whom_it_is_for_and_a_role_is_assumed_once(function: AwsServer) -> None:
    assert handler.handle({}, Context())["status"] == "refreshed"
    tokens = {call.key_id: call.headers.get("x-amz-security-token") for call in function.calls}
    assert tokens == {"AKIDEXAMPLE": None, "ASIA210987654321": f"{CANARY}-session-token"}
    read, *fetches, write = told(function)
    assert (read[0], fetches, write[0]) == ("GetSecretValue", FETCHES, "PutSecretValue")
    assert held(function) == {host: f"AWS:{password}" for host, password in PASSWORDS.items()}


def test_a_role_is_assumed_anew_by_the_next_run_and_only_when_its_logins_are_due(
    function: AwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler.handle({}, Context())
    told(function)
    handler.handle({}, Context())
    assert [action for action, _, _ in told(function)] == ["GetSecretValue"]
    monkeypatch.setenv("EVERPULL_REGISTRIES", f"{VIRGINIA},{','.join(ALL)}")
    handler.handle({}, Context())
    assert [call for call in told(function) if "Secret" not in call[0]] == [
        ("GetAuthorizationToken", "us-east-1", "AKIDEXAMPLE")
    ]
    handler.handle({"force": True}, Context())
    assert [call[0] for call in told(function)].count("AssumeRole") == 1


def test_a_role_that_may_not_be_assumed_is_asked_for_once_and_costs_its_own_logins_only(
    function: AwsServer, lines: Lines
) -> None:
    function.answers["AssumeRole"] = denied_role
    with pytest.raises(
        LoginsUnavailableError, match="2 of 4 logins were not to be had: sts:AssumeRole was denied to arn:"
    ) as caught:
        handler.handle({}, Context())
    assert f"on {ROLE} in eu-central-1" in str(caught.value)
    assert set(held(function)) == {FRANKFURT, PUBLIC}
    assert [action for action, _, _ in told(function)] == [
        "GetSecretValue",
        "GetAuthorizationToken",
        "AssumeRole",
        "GetAuthorizationToken",
        "PutSecretValue",
    ]


def test_a_role_whose_rights_arrive_late_is_waited_for(function: AwsServer, no_sleep: list[float]) -> None:
    left = [denied_role] * 3
    function.answers["AssumeRole"] = lambda call: left.pop()(call) if left else function._AssumeRole(call)
    assert handler.handle({"awaitRightsSeconds": 90}, Context())["status"] == "refreshed"
    assert no_sleep == [1, 2, 4]
    assert [action for action, _, _ in told(function)].count("AssumeRole") == 4


def test_clients_of_a_session_are_not_kept_for_the_next_run(
    function: AwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler.handle({}, Context())
    made: list[tuple[object, ...]] = []
    real = aws_clients.client_as
    monkeypatch.setattr("refresher.aws_logins.client_as", lambda *of: made.append(of) or real(*of))
    handler.handle({"force": True}, Context())
    assert [of[1:] for of in made] == [("ecr", "eu-central-1"), ("ecr", "us-east-1")]


def test_ecr_public_is_no_main_registry(function: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERPULL_REGISTRIES", f"{PUBLIC},{FRANKFURT_OTHER_ACCOUNT}")
    handler.handle({}, Context())
    assert json.loads(str(function.secret))["registry"] == FRANKFURT_OTHER_ACCOUNT


def test_ecr_public_alone_is_served(function: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERPULL_REGISTRIES", PUBLIC)
    monkeypatch.delenv("EVERPULL_ASSUME_ROLES")
    assert handler.handle({}, Context())["registries"] == [PUBLIC]
    assert handler.handle({}, Context())["status"] == "fresh"
    assert json.loads(str(function.secret))["registry"] == PUBLIC


def test_a_denied_login_of_ecr_public_is_named(function: AwsServer) -> None:
    text = (
        "User: arn:aws:iam::123456789012:user/x is not authorized to perform: sts:GetServiceBearerToken on resource: *"
    )
    function.answers["GetAuthorizationToken"] = lambda call: (
        Refusal("AccessDeniedException", text)
        if call.service == "ecr-public"
        else function._GetAuthorizationToken(call)
    )
    with pytest.raises(DeniedError, match=r"^sts:GetServiceBearerToken was denied to arn:.* for public\.ecr\.aws$"):
        handler.handle({}, Context())
    assert set(held(function)) == {*ALL} - {PUBLIC}


def test_a_cronjob_fetches_them_once_for_all_namespaces(cronjob: ApiServer, aws: AwsServer) -> None:
    assert job_entry.main([], os.environ) == 0
    assert told(aws) == FETCHES
    for secret in cronjob.secrets.values():
        assert logins_in(secret) == {host: f"AWS:{password}" for host, password in PASSWORDS.items()}
    assert job_entry.main([], os.environ) == 0
    assert told(aws) == []


def test_a_cronjob_asks_the_sts_of_its_own_region(
    cronjob: ApiServer, aws: AwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    job_entry.main([], os.environ)
    assert [region for action, region, _ in told(aws) if action == "AssumeRole"] == ["eu-west-1"]


def test_a_cronjob_waits_for_a_role_and_assumes_it_no_more_often_than_it_must(
    cronjob: ApiServer, aws: AwsServer, no_sleep: list[float]
) -> None:
    left = [denied_role] * 3
    aws.answers["AssumeRole"] = lambda call: left.pop()(call) if left else aws._AssumeRole(call)
    assert job_entry.main(["--await-rights", "90"], os.environ) == 0
    assert (no_sleep, aws.actions().count("AssumeRole")) == ([1, 2, 4], 4)


def test_a_cronjob_tells_of_each_login_that_a_role_did_not_give(
    cronjob: ApiServer, aws: AwsServer, lines: Lines
) -> None:
    aws.answers["AssumeRole"] = denied_role
    assert job_entry.main([], os.environ) == 1
    *of_logins, report = lines()
    assert [line["registries"] for line in of_logins] == [[FRANKFURT_OTHER_ACCOUNT], [VIRGINIA_OTHER_ACCOUNT]]
    assert (report["status"], report["served"]) == ("incomplete", 2)
    assert aws.actions().count("AssumeRole") == 1
