"""Rotation in place of a schedule: what there is then, in what order, and which rights it takes."""

from typing import Any

import pytest

from components.refresh_rotation import SERVICE
from tests.components.recording import ACCOUNT, Recorder
from tests.components.test_lambda_delivery import built

SECRET = f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:everpull-dev-login-secret"
ROTATION = {"trigger": "rotation", "schedule": "rate(4 hours)"}


def first_run(recorder: Recorder) -> dict[str, Any]:
    return recorder.one("Invocation").inputs["triggers"]


def test_secrets_manager_rotates_the_login_and_nothing_else_runs_the_function() -> None:
    recorder = built(**ROTATION)
    for of_a_schedule in ("EventRule", "EventTarget", "QueuePolicy"):
        assert recorder.all(of_a_schedule) == []
    rotation = recorder.one("SecretRotation").inputs
    assert (rotation["secretId"], rotation["rotateImmediately"], rotation["rotationEnabled"]) == (SECRET, False, True)
    assert rotation["rotationLambdaArn"].endswith(":everpull-dev-refresh-function")
    assert rotation["rotationRules"] == {"scheduleExpression": "rate(4 hours)", "duration": "1h"}


@pytest.mark.parametrize("trigger", [{}, {"trigger": "schedule"}])
def test_without_it_nothing_of_it_is_there(trigger: dict[str, str]) -> None:
    recorder = built(**trigger)
    assert recorder.all("SecretRotation") == []
    assert "Rotate" not in recorder.statements("RolePolicy")
    assert "EVERPULL_TRIGGER" not in recorder.one("function:Function").inputs["environment"]["variables"]
    assert "rotation" not in first_run(recorder)
    assert recorder.one("EventRule").inputs["scheduleExpression"] == "rate(1 hour)"


def test_secrets_manager_may_invoke_the_function_for_this_secret_alone() -> None:
    permission = built(**ROTATION).one("Permission").inputs
    assert permission["principal"] == SERVICE
    assert (permission["sourceArn"], permission["sourceAccount"]) == (SECRET, ACCOUNT)


def test_rotation_begins_when_it_is_permitted_and_there_is_a_login() -> None:
    request = built(**ROTATION).request("everpull-dev-refresh-rotation")
    before = {urn.rpartition("::")[2] for urn in request.dependencies}
    assert before >= {"everpull-dev-refresh-rotation-may-invoke", "everpull-dev-refresh-first-run"}


def test_the_function_knows_of_it_and_may_take_its_steps() -> None:
    recorder = built(**ROTATION)
    assert recorder.one("function:Function").inputs["environment"]["variables"]["EVERPULL_TRIGGER"] == "rotation"
    statements = recorder.statements("RolePolicy")
    assert statements["Rotate"]["Action"] == [
        "secretsmanager:DescribeSecret",
        "secretsmanager:UpdateSecretVersionStage",
    ]
    assert statements["Rotate"]["Resource"] == statements["KeepLogin"]["Resource"] == [SECRET]


def test_another_rate_begins_with_a_new_login() -> None:
    """The last one may be old already, and the new rate counts from now on."""
    triggers = [first_run(built(**{**ROTATION, "schedule": rate})) for rate in ("rate(4 hours)", "rate(9 hours)")]
    assert [each.pop("rotation") for each in triggers] == ["rate(4 hours)", "rate(9 hours)"]
    assert triggers[0] == triggers[1] == first_run(built())


def test_failed_runs_are_buried_with_rotation_too() -> None:
    recorder = built(**ROTATION)
    queue = recorder.one("function:Function").inputs["deadLetterConfig"]["targetArn"]
    assert queue.endswith(":everpull-dev-refresh-dead-letters")
