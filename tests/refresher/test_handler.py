"""The Lambda entry, on real clients and a scripted AWS: wire calls, results, log lines, patience, failures."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from refresher import aws_clients, handler
from refresher.errors import AwsCallError, ConfigurationError, DeniedError, OddAnswerError, UnexpectedError

from tests.refresher.aws_server import AwsServer, Call, Refusal
from tests.refresher.conftest import Lines
from tests.refresher.fakes import CANARY, FRANKFURT, VIRGINIA


@dataclass
class Context:
    """A Lambda context with `seconds` of time left."""

    seconds: float = 150
    aws_request_id: str = "9c1e-request"
    function_name: str = "everpull-dev-refresh-function"

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def denied_times(number: int, action: str) -> Callable[[Call], Any]:
    seen: list[Call] = []

    def answer(call: Call) -> Any:
        seen.append(call)
        if len(seen) <= number:
            return Refusal("AccessDeniedException", f"User: arn:aws:sts::1:role is not authorized to perform: {action}")
        return {"VersionId": "v", "SecretString": "{}"}

    return answer


def test_a_due_refresh_of_one_region_is_one_read_one_token_and_one_write(function: AwsServer) -> None:
    handler.handle({}, Context())
    assert function.actions() == ["GetSecretValue", "GetAuthorizationToken", "PutSecretValue"]
    assert {call.region for call in function.calls} == {"eu-central-1"}
    assert function.calls[1].body == {}


def test_a_fresh_login_is_one_read(function: AwsServer) -> None:
    handler.handle({}, Context())
    function.calls.clear()
    assert handler.handle({}, Context())["status"] == "fresh"
    assert function.actions() == ["GetSecretValue"]


def test_several_regions_are_one_token_call_each_and_one_write(
    function: AwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERPULL_REGISTRIES", f"{FRANKFURT},{VIRGINIA},{VIRGINIA.replace('1234', '9999')}")
    handler.handle({}, Context())
    assert [(call.action, call.region) for call in function.calls] == [
        ("GetSecretValue", "eu-central-1"),
        ("GetAuthorizationToken", "eu-central-1"),
        ("GetAuthorizationToken", "us-east-1"),
        ("PutSecretValue", "eu-central-1"),
    ]


def test_force_renews_a_fresh_login(function: AwsServer) -> None:
    handler.handle({}, Context())
    assert handler.handle({"force": True}, Context())["status"] == "refreshed"
    assert function.actions().count("PutSecretValue") == 2


def test_calls_say_who_makes_them(function: AwsServer) -> None:
    handler.handle({}, Context())
    assert all(call.headers["user-agent"].endswith("everpull") for call in function.calls)


def test_the_result_and_the_log_line_tell_what_happened(function: AwsServer, lines: Lines) -> None:
    result = handler.handle({"reason": "schedule"}, Context())
    expires_at = datetime.fromtimestamp(function.expires_at, UTC)
    assert 43190 <= int(str(result["secondsLeft"])) <= 43200
    assert result == {
        "status": "refreshed",
        "reason": "schedule",
        "expiresAt": expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "secondsLeft": result["secondsLeft"],
        "registries": [FRANKFURT],
    }
    (line,) = lines()
    stamp = datetime.fromisoformat(line.pop("timestamp"))
    assert abs((datetime.now(UTC) - stamp).total_seconds()) < 60
    assert line == {"level": "INFO", "event": "refresh", "requestId": "9c1e-request", **result}


def test_content_that_had_to_make_way_is_a_warning_with_its_version(function: AwsServer, lines: Lines) -> None:
    function.secret = "{broken"
    result = handler.handle({}, Context())
    assert result["replaced"] == (
        "the secret held content that is not JSON; it can still be read as version 11111111-2222-3333-4444-555555555555"
    )
    (line,) = lines()
    assert (line["level"], line["replaced"]) == ("WARNING", result["replaced"])


def test_keys_of_others_in_the_secret_are_kept(function: AwsServer) -> None:
    function.secret = '{"theirs": [1, {"deep": null}], "password": "old"}'
    handler.handle({}, Context())
    document = json.loads(str(function.secret))
    assert document["theirs"] == [1, {"deep": None}]
    assert document["password"] == f"{CANARY}-eu-central-1"


def test_without_patience_a_denial_fails_at_once_and_is_logged(function: AwsServer, lines: Lines) -> None:
    function.answers["GetAuthorizationToken"] = denied_times(99, "ecr:GetAuthorizationToken")
    with pytest.raises(
        DeniedError, match="ecr:GetAuthorizationToken was denied to arn:aws:sts::1:role in eu-central-1"
    ):
        handler.handle({"reason": "schedule"}, Context())
    assert function.actions() == ["GetSecretValue", "GetAuthorizationToken"]
    (line,) = lines()
    assert (line["level"], line["status"], line["errorType"]) == ("ERROR", "failed", "DeniedError")
    assert line["error"].startswith("ecr:GetAuthorizationToken was denied to arn:aws:sts::1:role")


@pytest.mark.parametrize(
    ("action", "reads", "tokens"),
    [("GetSecretValue", 4, 1), ("GetAuthorizationToken", 1, 4), ("PutSecretValue", 4, 4)],
)
def test_rights_that_arrive_late_are_waited_for_and_nothing_is_asked_for_in_vain(
    function: AwsServer, no_sleep: list[float], lines: Lines, action: str, reads: int, tokens: int
) -> None:
    usual = {
        "GetAuthorizationToken": function._GetAuthorizationToken,
        "GetSecretValue": function._GetSecretValue,
        "PutSecretValue": function._PutSecretValue,
    }[action]
    denied = denied_times(3, "service:Action")

    def answer(call: Call) -> Any:
        reply = denied(call)
        return reply if isinstance(reply, Refusal) else usual(call)

    function.answers[action] = answer
    assert handler.handle({"awaitRightsSeconds": 90}, Context())["status"] == "refreshed"
    assert no_sleep == [1, 2, 4]
    assert function.actions().count("GetSecretValue") == reads
    assert function.actions().count("GetAuthorizationToken") == tokens
    assert [line["event"] for line in lines()] == ["waiting for rights"] * 3 + ["refresh"]


def test_waiting_ends_before_the_functions_own_time_does(function: AwsServer, no_sleep: list[float]) -> None:
    function.answers["GetAuthorizationToken"] = denied_times(10**6, "ecr:GetAuthorizationToken")
    with pytest.raises(DeniedError):
        handler.handle({"awaitRightsSeconds": 90}, Context(seconds=50))
    assert sum(no_sleep) == pytest.approx(50 - 15)


def test_a_function_with_hardly_any_time_does_not_wait(function: AwsServer, no_sleep: list[float]) -> None:
    function.answers["GetAuthorizationToken"] = denied_times(10**6, "ecr:GetAuthorizationToken")
    with pytest.raises(DeniedError):
        handler.handle({"awaitRightsSeconds": 90}, Context(seconds=10))
    assert no_sleep == []


def test_a_throttled_call_is_retried_by_botocore(function: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
    function.answers["GetAuthorizationToken"] = lambda call: Refusal("ThrottlingException")
    with pytest.raises(AwsCallError, match=r"failed \(ThrottlingException, request 0000-request\)"):
        handler.handle({}, Context())
    assert function.actions().count("GetAuthorizationToken") == 4
    assert "PutSecretValue" not in function.actions()


def only_in(function: AwsServer, region: str) -> None:
    """From now on the others give no login."""

    def answer(call: Call) -> Any:
        return function._GetAuthorizationToken(call) if call.region == region else {}

    function.answers["GetAuthorizationToken"] = answer


def test_one_region_that_fails_keeps_its_last_login_and_fails_the_run_once_the_others_are_written(
    function: AwsServer, monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    monkeypatch.setenv("EVERPULL_REGISTRIES", f"{FRANKFURT},{VIRGINIA}")
    handler.handle({}, Context())
    virginia = json.loads(json.loads(str(function.secret))["dockerconfigjson"])["auths"][VIRGINIA]
    only_in(function, "eu-central-1")
    function.password, function.expires_at = f"{CANARY}-new", function.expires_at + 600
    lines()
    with pytest.raises(OddAnswerError) as caught:
        handler.handle({"force": True}, Context())
    document = json.loads(str(function.secret))
    assert str(caught.value) == (
        f"ECR in us-east-1 did not give exactly one authorization; the last login for {VIRGINIA} lives until"
        f" {document['expiresAt']}"
    )
    assert (document["registry"], document["password"]) == (FRANKFURT, f"{CANARY}-new-eu-central-1")
    assert json.loads(document["dockerconfigjson"])["auths"][VIRGINIA] == virginia
    assert [entry["expiresAt"] == document["expiresAt"] for entry in document["logins"]] == [False, True]
    (line,) = lines()
    assert (line["level"], line["errorType"], line["error"]) == ("ERROR", "OddAnswerError", str(caught.value))


def test_a_login_that_was_denied_in_vain_until_the_end_of_patience_holds_up_no_other(
    function: AwsServer, monkeypatch: pytest.MonkeyPatch, no_sleep: list[float]
) -> None:
    monkeypatch.setenv("EVERPULL_REGISTRIES", f"{FRANKFURT},{VIRGINIA}")
    refused = denied_times(10**6, "ecr:GetAuthorizationToken")
    function.answers["GetAuthorizationToken"] = lambda call: (
        refused(call) if call.region == "eu-central-1" else function._GetAuthorizationToken(call)
    )
    with pytest.raises(DeniedError, match=f"there is no live login for {FRANKFURT}"):
        handler.handle({"awaitRightsSeconds": 90, "force": True}, Context())
    assert sum(no_sleep) == pytest.approx(90)
    assert function.actions().count("PutSecretValue") == 1
    assert json.loads(str(function.secret))["registry"] == VIRGINIA


def test_a_faulty_event_fails_before_any_call(function: AwsServer, lines: Lines) -> None:
    with pytest.raises(ConfigurationError, match="unknown in the event: detail"):
        handler.handle({"detail": {}}, Context())
    assert function.calls == []
    assert lines()[0]["errorType"] == "ConfigurationError"


def test_a_fault_of_the_refresher_is_named_by_type_and_place_only(
    function: AwsServer, monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise KeyError(CANARY)

    monkeypatch.setattr(handler, "refresh", broken)
    with pytest.raises(UnexpectedError, match=r"^a fault in the refresher itself: KeyError at test_handler.py:\d+$"):
        handler.handle({}, Context())
    assert lines()[0]["status"] == "failed"


def test_clients_are_kept_for_the_next_invocation(function: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    handler.handle({}, Context())
    monkeypatch.setattr("botocore.session.Session.create_client", None)
    assert handler.handle({"force": True}, Context())["status"] == "refreshed"


@pytest.mark.parametrize(
    ("level", "shown"), [("DEBUG", 1), ("INFO", 1), ("WARN", 0), ("ERROR", 0), ("FATAL", 0), ("nonsense", 1)]
)
def test_the_functions_log_level_is_respected(
    function: AwsServer, monkeypatch: pytest.MonkeyPatch, lines: Lines, level: str, shown: int
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", level)
    handler.handle({}, Context())
    assert len(lines()) == shown


def test_the_runtimes_own_log_handler_does_not_repeat_the_lines(
    function: AwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Runtime(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            repeated.append(record.name)

    repeated: list[str] = []
    monkeypatch.setattr(logging.getLogger(), "handlers", [Runtime()])
    handler.handle({}, Context())
    logging.getLogger("somebody").warning("heard")
    assert [name for name in repeated if not name.startswith("botocore")] == ["somebody"]


def test_the_timeouts_of_one_attempt_fit_into_what_a_wait_leaves() -> None:
    config: Any = aws_clients.CONFIG
    assert config.connect_timeout + config.read_timeout < handler._RESERVE_SECONDS
