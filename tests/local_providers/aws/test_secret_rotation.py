"""A secret's rotation as the real provider handles it: each request, its patience, what it reads back and what it refuses."""

from typing import Any

import pytest

from local.providers.common.provider import ProviderError
from tests.local_providers.aws.scripted import ANY_REQUEST, Scripted

ROTATION = "aws:secretsmanager/secretRotation:SecretRotation"
ARN = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:s-abcdef"
FUNCTION = "arn:aws:lambda:eu-central-1:000000000000:function:f"
OTHER = f"{FUNCTION}-2"
RULES = {"scheduleExpression": "rate(4 hours)", "duration": "1h"}
SENT_RULES = {"ScheduleExpression": "rate(4 hours)", "Duration": "1h"}
INPUTS = {"secretId": ARN, "rotationLambdaArn": FUNCTION, "rotationRules": RULES}
STATE = {**INPUTS, "rotateImmediately": True, "rotationEnabled": True, "region": "eu-central-1"}
pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def run() -> Scripted:
    return Scripted(ROTATION)


def sent(**changes: Any) -> dict[str, Any]:
    request = {
        "SecretId": ARN,
        "RotationLambdaARN": FUNCTION,
        "RotationRules": SENT_RULES,
        "RotateImmediately": True,
    }
    return {**request, **changes}


def described(**changes: Any) -> dict[str, Any]:
    rules = {**SENT_RULES, "AutomaticallyAfterDays": 1}
    return {"ARN": ARN, "RotationEnabled": True, "RotationLambdaARN": FUNCTION, "RotationRules": rules, **changes}


def test_rotation_is_set_up_by_one_request_and_read_back(run: Scripted):
    run.answer("secretsmanager", "rotate_secret", sent(), {"ARN": ARN})
    run.answer("secretsmanager", "describe_secret", {"SecretId": ARN}, described())
    made = run.create(INPUTS)
    run.done()
    assert made.id == ARN
    assert made.outputs == STATE
    assert run.changes(made.outputs, INPUTS) == {}


@pytest.mark.parametrize("code", ["AccessDeniedException", "InvalidRequestException"])
def test_a_permission_that_arrives_late_and_a_rotation_that_is_not_complete_are_waited_for(run: Scripted, code: str):
    run.refuse("secretsmanager", "rotate_secret", code, "not yet").refuse("secretsmanager", "rotate_secret", code)
    run.answer("secretsmanager", "rotate_secret", sent(), {"ARN": ARN})
    run.answer("secretsmanager", "describe_secret", {"SecretId": ARN}, described())
    run.create(INPUTS)
    run.done()


def test_another_refusal_is_final(run: Scripted):
    run.refuse("secretsmanager", "rotate_secret", "InvalidParameterException", "no such schedule")
    with pytest.raises(ProviderError, match=r"creating Secrets Manager Secret Rotation.*InvalidParameterException"):
        run.create(INPUTS)


@pytest.mark.parametrize(
    ("changes", "request_"),
    [
        ({"rotationLambdaArn": OTHER}, {"RotationLambdaARN": OTHER}),
        (
            {"rotationRules": {"scheduleExpression": "rate(8 hours)"}},
            {"RotationRules": {"ScheduleExpression": "rate(8 hours)"}},
        ),
        ({"rotationRules": {"automaticallyAfterDays": 3}}, {"RotationRules": {"AutomaticallyAfterDays": 3}}),
    ],
)
def test_a_change_sets_it_up_again(run: Scripted, changes: dict[str, Any], request_: dict[str, Any]):
    run.answer("secretsmanager", "rotate_secret", sent(**request_), {"ARN": ARN})
    run.answer("secretsmanager", "describe_secret", ANY_REQUEST, described(**request_))
    assert run.update(ARN, STATE, {**INPUTS, **changes}) == {**STATE, **changes}
    run.done()


def test_whether_it_rotates_at_once_is_no_request_by_itself(run: Scripted):
    run.answer("secretsmanager", "describe_secret", ANY_REQUEST, described())
    assert run.update(ARN, STATE, {**INPUTS, "rotateImmediately": False})["rotateImmediately"] is False
    run.done()


def test_another_secret_is_another_rotation(run: Scripted):
    assert run.changes(STATE, {**INPUTS, "secretId": f"{ARN}2"}) == {"secretId": "UPDATE"}


def test_rotation_that_somebody_has_cancelled_is_drift(run: Scripted):
    run.answer("secretsmanager", "describe_secret", ANY_REQUEST, described(RotationEnabled=False))
    seen = run.read(ARN, STATE, INPUTS)
    assert seen is not None
    assert seen.outputs["rotationEnabled"] is False
    assert set(run.changes(seen.outputs, INPUTS)) == {"rotationLambdaArn", "rotationRules"}


@pytest.mark.parametrize("deleted", [True, False])
def test_a_secret_that_is_gone_has_no_rotation(run: Scripted, deleted: bool):
    if deleted:
        run.answer("secretsmanager", "describe_secret", ANY_REQUEST, described(DeletedDate="2026-01-02T03:04:05Z"))
    else:
        run.refuse("secretsmanager", "describe_secret", "ResourceNotFoundException")
    assert run.read(ARN, STATE, INPUTS) is None


def test_deletion_cancels_it(run: Scripted):
    run.answer("secretsmanager", "cancel_rotate_secret", {"SecretId": ARN}, {"ARN": ARN})
    run.delete(ARN, STATE)
    run.done()


def test_a_secret_that_is_gone_before_its_rotation_fails_the_deletion(run: Scripted):
    run.refuse("secretsmanager", "cancel_rotate_secret", "ResourceNotFoundException")
    with pytest.raises(ProviderError, match=r"deleting Secrets Manager Secret Rotation .*ResourceNotFoundException"):
        run.delete(ARN, STATE)


def test_rotation_may_be_described_as_switched_off(run: Scripted):
    run.answer("secretsmanager", "cancel_rotate_secret", {"SecretId": ARN}, {"ARN": ARN})
    run.answer("secretsmanager", "describe_secret", ANY_REQUEST, described(RotationEnabled=False))
    made = run.create({"secretId": ARN, "rotationEnabled": False})
    assert made.outputs["rotationEnabled"] is False
    run.done()


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({"rotationLambdaArn": FUNCTION}, "rotationRules is required unless rotationEnabled is false"),
        ({"rotationRules": RULES, "rotationEnabled": False}, "cannot be set when rotationEnabled is false"),
        ({"rotationRules": {"duration": "1h"}}, "exactly one of automaticallyAfterDays and scheduleExpression"),
        (
            {"rotationRules": {**RULES, "automaticallyAfterDays": 1}},
            "exactly one of automaticallyAfterDays and scheduleExpression",
        ),
        ({"rotationRules": {"automaticallyAfterDays": 1001}}, "1001"),
        ({"rotationRules": RULES, "externalSecretRotationRoleArn": "arn:aws:iam::1:role/r"}, "externalSecretRotation"),
    ],
)
def test_what_the_real_provider_refuses_at_preview_is_refused(run: Scripted, inputs: dict[str, Any], told: str):
    faults = run.faults({"secretId": ARN, **inputs})
    assert [told in fault for _, fault in faults] == [True]
