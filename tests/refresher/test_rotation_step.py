"""Steps of a rotation and the runs beside them, by the Lambda entry: wire calls, results, log lines, failures, secrecy."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from refresher import handler
from refresher.errors import ConfigurationError, DeniedError, ImagesRefusedError, NotRenewedError, RefreshError
from refresher.rotation import CURRENT, PENDING, STEPS

from tests.refresher.aws_server import AwsServer, Call, Refusal
from tests.refresher.conftest import SECRET_ID, Lines
from tests.refresher.fakes import CANARY, FRANKFURT, VIRGINIA
from tests.refresher.hearing import everything_in, found, listening
from tests.refresher.registry_server import Registry, denied
from tests.refresher.test_handler import Context
from tests.refresher.versions import PREVIOUS, FakeSecret

TOKEN = "11111111-2222-3333-4444-555555555555"
FIRST = "22222222-2222-3333-4444-555555555555"


@pytest.fixture
def secret(function: AwsServer, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> FakeSecret:
    """A rotated secret behind the scripted AWS, seeded, with a rotation that has begun."""
    made = FakeSecret()
    for action, method in {
        "DescribeSecret": made.describe_secret,
        "GetSecretValue": made.get_secret_value,
        "PutSecretValue": made.put_secret_value,
        "UpdateSecretVersionStage": made.update_secret_version_stage,
    }.items():
        function.answers[action] = _answering(method)
    monkeypatch.setenv("EVERPULL_TRIGGER", "rotation")
    handler.handle({}, Context())
    made.labels[FIRST] = made.labels.pop(str(made.version(CURRENT)))
    (made.values[FIRST],) = made.values.values()
    made.begin(TOKEN)
    function.calls.clear()
    function.password = f"{CANARY}-new"
    return made


def _answering(method: Callable[..., Any]) -> Callable[[Call], Any]:
    def answer(call: Call) -> Any:
        try:
            return method(**call.body)
        except ClientError as error:
            return Refusal(str(error.response.get("Error", {}).get("Code")))

    return answer


def take(step: str, **more: object) -> dict[str, object]:
    event = {"Step": step, "SecretId": SECRET_ID, "ClientRequestToken": TOKEN, "RotationToken": f"{CANARY}-rotation"}
    return handler.handle({**event, **more}, Context())


def until(last: str) -> None:
    for step in STEPS:
        take(step)
        if step == last:
            return


def test_a_rotation_is_so_many_calls_and_no_more(function: AwsServer, secret: FakeSecret, registry: Registry) -> None:
    calls: dict[str, list[str]] = {}
    for step in STEPS:
        function.calls.clear()
        take(step)
        calls[step] = function.actions()
    look, read, move = "DescribeSecret", "GetSecretValue", "UpdateSecretVersionStage"
    assert calls == {
        "createSecret": [look, read, read, "GetAuthorizationToken", "PutSecretValue"],
        "setSecret": [look],
        "testSecret": [look, read, read],
        "finishSecret": [look, read, read, move, look, move],
    }
    assert registry.asked == [f"{FRANKFURT} /v2/"] * 3
    assert secret.labels == {FIRST: {PREVIOUS}, TOKEN: {CURRENT}}
    assert json.loads(str(secret.current))["password"] == f"{CANARY}-new-eu-central-1"


def test_a_step_tells_what_it_came_to(secret: FakeSecret, lines: Lines) -> None:
    lines()
    result = take("createSecret")
    expires_at = json.loads(secret.values[TOKEN])["expiresAt"]
    assert result == {
        "status": "created",
        "step": "createSecret",
        "version": TOKEN,
        "expiresAt": expires_at,
        "secondsLeft": result["secondsLeft"],
    }
    (line,) = lines()
    assert (line["event"], line["level"], line["requestId"], line["status"]) == (
        "rotation",
        "INFO",
        "9c1e-request",
        "created",
    )
    assert take("setSecret") == {"status": "nothing to set", "step": "setSecret", "version": TOKEN}


def test_content_that_has_to_make_way_is_a_warning(secret: FakeSecret, lines: Lines) -> None:
    secret.values[FIRST] = "[]"
    lines()
    assert str(take("createSecret")["replaced"]).endswith(f"as version {FIRST}")
    assert lines()[-1]["level"] == "WARNING"


def only_frankfurt(function: AwsServer) -> None:
    function.answers["GetAuthorizationToken"] = lambda call: (
        function._GetAuthorizationToken(call) if call.region == "eu-central-1" else {}
    )


def test_a_login_that_is_not_to_be_had_is_logged_at_once_and_fails_the_function_when_the_rest_is_current(
    function: AwsServer, secret: FakeSecret, monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    monkeypatch.setenv("EVERPULL_REGISTRIES", f"{FRANKFURT},{VIRGINIA}")
    only_frankfurt(function)
    lines()
    assert take("createSecret")["status"] == "created"
    told, created = lines()
    assert (told["level"], told["event"], told["step"]) == ("ERROR", "logins not renewed", "createSecret")
    assert told["error"] == (
        f"ECR in us-east-1 did not give exactly one authorization; there is no live login for {VIRGINIA}"
    )
    assert (created["level"], created["status"]) == ("INFO", "created")
    take("testSecret")
    with pytest.raises(NotRenewedError, match=f"there is no live login for {VIRGINIA}"):
        take("finishSecret")
    assert lines()[-1]["errorType"] == "NotRenewedError"
    assert secret.version(CURRENT) == TOKEN
    assert take("finishSecret")["status"] == "current already"


def test_an_image_that_is_refused_to_both_logins_fails_the_function_when_the_new_one_is_current(
    secret: FakeSecret, registry: Registry, monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    monkeypatch.setenv("EVERPULL_VERIFY_IMAGES", f"{FRANKFURT}/app:1")
    registry.script = lambda path: denied("no", 404) if "manifests" in path else None
    take("createSecret")
    lines()
    assert take("testSecret")["images"] == [
        {
            "image": f"{FRANKFURT}/app:1",
            "status": "refused",
            "detail": "unknown image: the repository has no such tag or digest",
        }
    ]
    assert [(line["event"], line["level"]) for line in lines()] == [("image", "ERROR"), ("rotation", "INFO")]
    assert secret.version(CURRENT) == FIRST
    with pytest.raises(ImagesRefusedError):
        take("finishSecret")
    assert secret.version(CURRENT) == TOKEN


def test_a_login_that_its_registry_does_not_take_fails_the_test_and_never_becomes_current(
    secret: FakeSecret, registry: Registry
) -> None:
    take("createSecret")
    registry.script = lambda path: denied("Your authorization token has expired.") if path == "/v2/" else None
    for step in ("testSecret", "finishSecret"):
        with pytest.raises(RefreshError, match=f"{FRANKFURT} does not accept the login"):
            take(step)
    assert secret.version(CURRENT) == FIRST


@pytest.mark.parametrize("step", STEPS)
def test_a_right_that_is_missing_is_named_and_not_waited_for(
    function: AwsServer, secret: FakeSecret, no_sleep: list[float], step: str
) -> None:
    function.answers["DescribeSecret"] = lambda call: Refusal("AccessDeniedException")
    with pytest.raises(DeniedError, match="secretsmanager:DescribeSecret was denied in eu-central-1"):
        take(step)
    assert no_sleep == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"Step": "dropSecret"}, "Step in the event must be one of createSecret, setSecret, testSecret, finishSecret"),
        ({"ClientRequestToken": ""}, "ClientRequestToken in the event must be text that is not empty"),
        ({"SecretId": 5}, "SecretId in the event must be text that is not empty"),
    ],
)
def test_a_faulty_step_fails_before_any_call(function: AwsServer, changes: dict[str, object], fault: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        take("createSecret", **changes)
    assert str(caught.value) == fault
    assert function.calls == []


def test_all_faults_of_a_step_and_its_environment_are_told_at_once(
    function: AwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERPULL_SECRET_ID", "")
    with pytest.raises(ConfigurationError, match=r"EVERPULL_SECRET_ID is not set.*; Step in the event.*; SecretId in"):
        take("x", SecretId="")


def test_what_a_step_holds_that_is_not_known_is_secrets_managers_own_business(secret: FakeSecret) -> None:
    assert take("createSecret", SomethingNew={"deep": 1})["status"] == "created"


def test_an_ordinary_run_leaves_the_pending_version_of_a_rotation_alone(
    function: AwsServer, secret: FakeSecret
) -> None:
    assert handler.handle({"force": True}, Context())["status"] == "refreshed"
    assert function.actions()[-1] == "DescribeSecret"
    assert secret.version(PENDING) == TOKEN


def test_an_ordinary_run_takes_away_what_a_cancelled_rotation_has_left(function: AwsServer, secret: FakeSecret) -> None:
    secret.is_rotated = False
    handler.handle({"force": True}, Context())
    assert function.actions()[-2:] == ["DescribeSecret", "UpdateSecretVersionStage"]
    assert secret.version(PENDING) is None


def test_it_does_so_too_when_a_login_was_not_to_be_had(
    function: AwsServer, secret: FakeSecret, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret.is_rotated = False
    monkeypatch.setenv("EVERPULL_REGISTRIES", f"{FRANKFURT},{VIRGINIA}")
    only_frankfurt(function)
    with pytest.raises(RefreshError, match="us-east-1"):
        handler.handle({"force": True}, Context())
    assert secret.version(PENDING) is None


def test_a_run_that_writes_nothing_looks_at_no_rotation(function: AwsServer, secret: FakeSecret) -> None:
    assert handler.handle({}, Context())["status"] == "fresh"
    assert function.actions() == ["GetSecretValue"]


def test_a_run_by_schedule_has_no_right_to_look_at_rotations_and_does_not(
    function: AwsServer, secret: FakeSecret, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EVERPULL_TRIGGER")
    handler.handle({"force": True}, Context())
    assert "DescribeSecret" not in function.actions()


def test_the_run_at_deploy_time_waits_for_the_rights_of_a_rotation(
    function: AwsServer, secret: FakeSecret, no_sleep: list[float], lines: Lines
) -> None:
    usual, denials = function.answers["DescribeSecret"], [Refusal("AccessDeniedException")] * 2
    function.answers["DescribeSecret"] = lambda call: denials.pop() if denials else usual(call)
    handler.handle({"force": True, "awaitRightsSeconds": 90}, Context())
    assert no_sleep == [1, 2]
    assert function.actions().count("PutSecretValue") == 1
    function.answers["DescribeSecret"] = lambda call: Refusal("AccessDeniedException")
    with pytest.raises(DeniedError):
        handler.handle({"force": True}, Context())


def test_a_trigger_that_is_none_is_refused(function: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERPULL_TRIGGER", "cron")
    with pytest.raises(ConfigurationError, match="EVERPULL_TRIGGER must be schedule or rotation"):
        handler.handle({}, Context())


@pytest.fixture
def heard(secret: FakeSecret, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[Any]:
    with listening(caplog, capfd) as everything:
        yield everything


Change = Callable[[AwsServer, Registry, pytest.MonkeyPatch], None]


def answer(action: str, reply: Any) -> Change:
    return lambda aws, _registry, _monkeypatch: aws.answers.__setitem__(action, lambda _call: reply)


def breaking(target: str) -> Change:
    def broken(*args: object, **kwargs: object) -> None:
        raise ValueError(f"{CANARY} {args} {kwargs}")

    return lambda _aws, _registry, monkeypatch: monkeypatch.setattr(target, broken)


def refusing(_aws: AwsServer, registry: Registry, _monkeypatch: pytest.MonkeyPatch) -> None:
    registry.script = lambda _path: denied(f"{CANARY} authorization token")


FAILURES: dict[str, tuple[str, Change]] = {
    "denied look": ("createSecret", answer("DescribeSecret", Refusal("AccessDeniedException", CANARY))),
    "odd look": ("createSecret", answer("DescribeSecret", {"Name": CANARY})),
    "denied write": ("createSecret", answer("PutSecretValue", Refusal("AccessDeniedException", CANARY))),
    "refused at once": ("createSecret", refusing),
    "refused when tested": ("testSecret", refusing),
    "denied move": ("finishSecret", answer("UpdateSecretVersionStage", Refusal("AccessDeniedException", CANARY))),
    "fault in a step": ("createSecret", breaking("refresher.rotation.refresh")),
    "fault in trying": ("testSecret", breaking("refresher.rotation_step.try_logins")),
}


@pytest.mark.parametrize("name", FAILURES)
def test_no_failure_of_a_step_tells_the_password(
    function: AwsServer, heard: Callable[[], str], registry: Registry, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    last, change = FAILURES[name]
    for step in list(STEPS)[: list(STEPS).index(last)]:
        take(step)
    change(function, registry, monkeypatch)
    with pytest.raises(RefreshError) as caught:
        take(last)
    assert not found(everything_in(caught.value), CANARY)
    assert not found(heard(), CANARY)


def test_a_rotation_tells_no_password(secret: FakeSecret, heard: Callable[[], str]) -> None:
    results = [take(step) for step in STEPS]
    assert CANARY in str(secret.current)
    assert not found(f"{results}", CANARY)
    assert not found(heard(), CANARY)


def test_a_rotation_is_measured_once_when_its_last_step_is_taken(secret: FakeSecret, measured: Lines) -> None:
    measured()
    until("testSecret")
    assert measured() == []
    take("finishSecret")
    (line,) = measured()
    assert line["Refreshed"] == 1
    assert line["RemainingLoginLife"] > 11 * 3600


def test_any_step_that_fails_is_measured(secret: FakeSecret, measured: Lines) -> None:
    measured()
    with pytest.raises(RefreshError):
        take("testSecret")
    (line,) = measured()
    assert (line["Refreshed"], "RemainingLoginLife" in line) == (0, False)


def test_the_life_of_a_version_that_is_superseded_is_not_told(secret: FakeSecret, measured: Lines) -> None:
    until("testSecret")
    # What is current has been fetched later than the version.
    current = json.loads(secret.values[FIRST])
    for times in (current, *current["logins"]):
        for key in ("refreshedAt", "expiresAt"):
            times[key] = (datetime.fromisoformat(times[key]) + timedelta(minutes=5)).isoformat()
    secret.values[FIRST] = json.dumps(current)
    measured()
    assert take("finishSecret")["status"] == "superseded"
    (line,) = measured()
    assert (line["Refreshed"], "RemainingLoginLife" in line) == (1, False)
