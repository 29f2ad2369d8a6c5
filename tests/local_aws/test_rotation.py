"""Rotation as Secrets Manager runs it, with a small function that takes the four steps."""

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.local_aws.functions import LOGS, function, log_lines, role
from tests.local_aws.platform import ACCOUNT, Stand, refused, wait_until

CURRENT, PENDING = "AWSCURRENT", "AWSPENDING"
STEPS = ["createSecret", "setSecret", "testSecret", "finishSecret"]
FIRST, SECOND = "1" * 32, "2" * 32
STATE = "data/state/secretsmanager.json"
EVERY_4_HOURS = {"ScheduleExpression": "rate(4 hours)"}

ROTATES = """
import os
import time
import boto3

secrets = boto3.client("secretsmanager")

def handle(event, context):
    secret, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    labels = secrets.describe_secret(SecretId=secret)["VersionIdsToStages"]
    print(f"{step} {token} {labels[token]} {'RotationToken' in event}")
    if step == os.environ.get("FAILS_AT"):
        raise ValueError("on purpose")
    if step == os.environ.get("LINGERS_AT"):
        time.sleep(2)
    if step == "createSecret":
        try:
            secrets.get_secret_value(SecretId=secret, VersionId=token)
        except secrets.exceptions.ResourceNotFoundException:
            secrets.put_secret_value(
                SecretId=secret, ClientRequestToken=token, SecretString=token, VersionStages=["AWSPENDING"]
            )
    if step == "testSecret":
        print("tested", secrets.get_secret_value(SecretId=secret, VersionId=token)["SecretString"])
    if step == "finishSecret" and "FORGETS" not in os.environ:
        current = next(version for version, found in labels.items() if "AWSCURRENT" in found)
        secrets.update_secret_version_stage(
            SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
        )
"""


@dataclass
class Rotated:
    """A secret that holds `first`, and a function that may rotate it once Secrets Manager may invoke it."""

    stand: Stand
    name: str
    arn: str
    function_arn: str

    @property
    def secrets(self) -> Any:
        return self.stand.client("secretsmanager")

    def permit(self, **condition: str) -> None:
        self.stand.client("lambda").add_permission(
            FunctionName=self.name,
            StatementId="rotation",
            Action="lambda:InvokeFunction",
            Principal="secretsmanager.amazonaws.com",
            **(condition or {"SourceArn": self.arn, "SourceAccount": ACCOUNT}),
        )

    def rotate(self, token: str = FIRST, **changes: Any) -> Any:
        asked = {"RotationLambdaARN": self.function_arn, "RotationRules": EVERY_4_HOURS, **changes}
        return self.secrets.rotate_secret(SecretId=self.name, ClientRequestToken=token, **asked)

    def labels(self) -> dict[str, list[str]]:
        return self.secrets.describe_secret(SecretId=self.name)["VersionIdsToStages"]

    def is_at(self, token: str) -> bool:
        """Whether that version is current and nothing is pending."""
        return self.labels().get(token) == [CURRENT]

    def steps(self) -> list[str]:
        return [line for line in log_lines(self.stand, self.name) if line.split(" ")[0] in STEPS]

    def set(self, **variables: str) -> None:
        self.stand.client("lambda").update_function_configuration(
            FunctionName=self.name, Environment={"Variables": variables}
        )

    def value(self, **version: str) -> str:
        return self.secrets.get_secret_value(SecretId=self.name, **version)["SecretString"]


def make(stand: Stand, name: str) -> Rotated:
    arn = stand.client("secretsmanager").create_secret(Name=name, SecretString="first")["ARN"]
    actions = ("DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage")
    statements = [
        {"Effect": "Allow", "Action": [f"secretsmanager:{action}" for action in actions], "Resource": arn},
        {"Effect": "Allow", "Action": list(LOGS), "Resource": "*"},
    ]
    role_arn = role(stand, name, {"Version": "2012-10-17", "Statement": statements})
    return Rotated(stand, name, arn, function(stand, name, role_arn, ROTATES))


@pytest.fixture
def rotated(stand: Stand, name: str) -> Iterator[Rotated]:
    yield make(stand, name)
    stand.client("secretsmanager").delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


@pytest.fixture
def permitted(rotated: Rotated) -> Rotated:
    rotated.permit()
    return rotated


def test_a_rotation_is_four_calls_for_a_pending_version_that_has_no_value_yet(permitted: Rotated) -> None:
    begun = time.time()
    answer = permitted.rotate()
    assert (answer["ARN"], answer["VersionId"]) == (permitted.arn, FIRST)
    wait_until("rotated", lambda: permitted.is_at(FIRST))
    assert permitted.steps() == [f"{step} {FIRST} ['{PENDING}'] True" for step in STEPS]
    assert (permitted.value(), permitted.value(VersionStage="AWSPREVIOUS")) == (FIRST, "first")
    found = permitted.secrets.describe_secret(SecretId=permitted.name)
    assert found["RotationEnabled"] is True
    assert found["RotationLambdaARN"] == permitted.function_arn
    assert found["RotationRules"] == {**EVERY_4_HOURS, "AutomaticallyAfterDays": 1}
    assert begun - 1 <= found["LastRotatedDate"].timestamp() <= time.time()
    assert 4 * 3600 - 60 < found["NextRotationDate"].timestamp() - begun < 4 * 3600 + 60


def test_a_secret_that_was_never_rotated_tells_of_no_rotation(stand: Stand, name: str) -> None:
    stand.client("secretsmanager").create_secret(Name=name, SecretString="a")
    found = stand.client("secretsmanager").describe_secret(SecretId=name)
    assert not found.keys() & {"RotationEnabled", "RotationRules", "LastRotatedDate", "NextRotationDate"}


@pytest.mark.parametrize(
    "condition", [None, {"SourceArn": "arn:aws:secretsmanager:eu-central-1:000000000000:secret:x"}]
)
def test_a_function_that_secrets_manager_may_not_invoke_is_refused(rotated: Rotated, condition: Any) -> None:
    if condition:
        rotated.permit(**condition)
    with refused("AccessDeniedException", "cannot invoke the specified Lambda function"):
        rotated.rotate()
    assert "RotationEnabled" not in rotated.secrets.describe_secret(SecretId=rotated.name)
    assert len(rotated.labels()) == 1


def test_a_function_of_another_account_is_not_let_in_by_its_name_alone(rotated: Rotated) -> None:
    rotated.permit(SourceArn=rotated.arn, SourceAccount="222222222222")
    with refused("AccessDeniedException", "secretsmanager.amazonaws.com"):
        rotated.rotate()


def test_who_sets_rotation_up_must_be_allowed_to_invoke_the_function(permitted: Rotated) -> None:
    stand, name = permitted.stand, permitted.name
    allowed = {"Effect": "Allow", "Action": "secretsmanager:RotateSecret", "Resource": permitted.arn}
    key = stand.user(name, {"Version": "2012-10-17", "Statement": [allowed]})
    asked = {"SecretId": name, "RotationLambdaARN": permitted.function_arn, "RotationRules": EVERY_4_HOURS}
    with refused("AccessDeniedException", f"lambda:InvokeFunction on resource: {permitted.function_arn}"):
        stand.client("secretsmanager", key).rotate_secret(**asked)
    invoking = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": permitted.function_arn}
    key = stand.user(f"{name}-2", {"Version": "2012-10-17", "Statement": [allowed, invoking]})
    stand.client("secretsmanager", key).rotate_secret(**asked)
    wait_until("rotated", lambda: len(permitted.steps()) == 4)


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        ({"ScheduleExpression": "rate(3 hours)"}, "every 4 hours to every 999 days"),
        ({"ScheduleExpression": "rate(1 hour)"}, "every 4 hours to every 999 days"),
        ({"ScheduleExpression": "rate(240 minutes)"}, "is not valid"),
        ({"ScheduleExpression": "rate(0 days)"}, "is not valid"),
        ({"ScheduleExpression": "rate(1000 days)"}, "every 4 hours to every 999 days"),
        ({"ScheduleExpression": "cron(0 8/4 * * ? *)"}, "the real one takes cron"),
        ({"ScheduleExpression": "rate(4 hours)", "Duration": "5h"}, "must not extend into the next one"),
        ({**EVERY_4_HOURS, "AutomaticallyAfterDays": 1}, "both rotation frequency and schedule expression"),
        ({}, "You must specify the rotation rules"),
    ],
)
def test_rules_that_secrets_manager_does_not_take_are_refused(permitted: Rotated, rules: Any, text: str) -> None:
    with refused("InvalidParameterException", text):
        permitted.rotate(RotationRules=rules)
    assert len(permitted.labels()) == 1


def test_rotation_needs_a_function(permitted: Rotated) -> None:
    with refused("InvalidRequestException", "No Lambda rotation function ARN is associated"):
        permitted.secrets.rotate_secret(SecretId=permitted.name, RotationRules=EVERY_4_HOURS)


def test_a_step_that_fails_ends_the_rotation_which_is_taken_up_again_with_the_same_version(permitted: Rotated) -> None:
    permitted.set(FAILS_AT="testSecret")
    permitted.rotate()
    wait_until("two tries", lambda: len(permitted.steps()) >= 6)
    assert [line.split(" ")[0] for line in permitted.steps()[:6]] == STEPS[:3] * 2
    assert permitted.value() == "first"
    with refused("InvalidRequestException", "A previous rotation isn't complete. That rotation will be reattempted."):
        permitted.rotate(SECOND)
    permitted.set()
    wait_until("rotated", lambda: permitted.is_at(FIRST))
    permitted.rotate(SECOND)
    wait_until("rotated again", lambda: permitted.is_at(SECOND))


def test_a_function_that_leaves_its_version_pending_has_failed(permitted: Rotated) -> None:
    permitted.set(FORGETS="yes")
    permitted.rotate()
    wait_until("two tries", lambda: len(permitted.steps()) >= 8)
    assert f"has left version {FIRST} pending" in permitted.stand.log
    assert "LastRotatedDate" not in permitted.secrets.describe_secret(SecretId=permitted.name)


def test_the_same_request_again_is_one_rotation(permitted: Rotated) -> None:
    for _ in range(2):
        permitted.rotate()
    wait_until("rotated", lambda: permitted.is_at(FIRST))
    permitted.rotate()
    time.sleep(1)
    assert len(permitted.steps()) == 4


def test_a_cancelled_rotation_goes_no_further_and_its_version_holds_up_the_next(permitted: Rotated) -> None:
    permitted.set(FAILS_AT="testSecret")
    permitted.rotate()
    wait_until("one try", lambda: len(permitted.steps()) >= 3)
    assert permitted.secrets.cancel_rotate_secret(SecretId=permitted.name)["VersionId"] == FIRST
    permitted.set()
    seen = len(permitted.steps())
    time.sleep(3)
    assert len(permitted.steps()) <= seen + 1
    found = permitted.secrets.describe_secret(SecretId=permitted.name)
    assert found["RotationEnabled"] is False
    assert found["RotationRules"] == EVERY_4_HOURS
    assert not found.keys() & {"LastRotatedDate", "NextRotationDate"}
    assert found["VersionIdsToStages"][FIRST] == [PENDING]
    with refused("InvalidRequestException", "A previous rotation isn't complete"):
        permitted.rotate(SECOND)
    permitted.secrets.update_secret_version_stage(
        SecretId=permitted.name, VersionStage=PENDING, RemoveFromVersionId=FIRST
    )
    permitted.rotate(SECOND)
    wait_until("rotated", lambda: permitted.is_at(SECOND))


def test_a_rotation_that_is_cancelled_between_two_steps_takes_no_more_of_them(permitted: Rotated) -> None:
    permitted.set(LINGERS_AT="createSecret")
    permitted.rotate()
    wait_until("the version is there", lambda: permitted.labels().get(FIRST))
    permitted.secrets.cancel_rotate_secret(SecretId=permitted.name)
    wait_until("the step has ended", lambda: permitted.steps())
    time.sleep(1)
    assert [line.split(" ")[0] for line in permitted.steps()] == ["createSecret"]


def test_a_secret_that_is_gone_or_going_can_be_neither_rotated_nor_cancelled(permitted: Rotated) -> None:
    with refused("ResourceNotFoundException"):
        permitted.secrets.cancel_rotate_secret(SecretId=f"{permitted.name}-other")
    permitted.secrets.delete_secret(SecretId=permitted.name, RecoveryWindowInDays=7)
    with refused("InvalidRequestException", "marked for deletion"):
        permitted.rotate()
    with refused("InvalidRequestException", "marked for deletion"):
        permitted.secrets.cancel_rotate_secret(SecretId=permitted.name)


def test_rotation_that_is_set_up_without_one_tests_a_copy_of_what_is_current(permitted: Rotated) -> None:
    permitted.rotate(RotateImmediately=False)
    wait_until("tested", lambda: FIRST not in permitted.labels())
    assert permitted.steps() == [f"testSecret {FIRST} ['{PENDING}'] True"]
    assert "tested first" in log_lines(permitted.stand, permitted.name)
    assert permitted.value() == "first"


@pytest.fixture
def fast(stand: Stand) -> Iterator[None]:
    """Four hours last two seconds."""
    stand.admin("POST", "config", {"schedule_speed": 7200})
    yield
    stand.admin("POST", "config", {"schedule_speed": 1})


def test_the_schedule_rotates_again_and_again_until_it_is_cancelled(permitted: Rotated, fast: None) -> None:
    permitted.rotate()
    wait_until("three rotations", lambda: len(permitted.steps()) >= 12)
    assert len({line.split(" ")[1] for line in permitted.steps()}) >= 3
    permitted.secrets.cancel_rotate_secret(SecretId=permitted.name)
    seen = len(permitted.steps())
    time.sleep(4)
    # One step may have been on its way.
    assert len(permitted.steps()) <= seen + 1


def test_a_value_that_somebody_writes_counts_as_a_rotation(permitted: Rotated) -> None:
    permitted.rotate()
    wait_until("rotated", lambda: permitted.is_at(FIRST))
    before = permitted.secrets.describe_secret(SecretId=permitted.name)["NextRotationDate"]
    time.sleep(1.1)
    permitted.secrets.put_secret_value(SecretId=permitted.name, SecretString="by hand")
    assert permitted.secrets.describe_secret(SecretId=permitted.name)["NextRotationDate"] > before


def test_a_permission_that_is_taken_back_stops_rotation_before_its_next_step(permitted: Rotated, fast: None) -> None:
    permitted.rotate()
    wait_until("one rotation", lambda: len(permitted.steps()) >= 4)
    permitted.stand.client("lambda").remove_permission(FunctionName=permitted.name, StatementId="rotation")
    wait_until("refused", lambda: f"may not invoke {permitted.function_arn}" in permitted.stand.log)


def test_a_version_is_found_by_its_own_label_only_and_with_a_value_only(permitted: Rotated) -> None:
    permitted.set(FAILS_AT="createSecret")
    permitted.rotate()
    with refused("ResourceNotFoundException", f"VersionId: {FIRST}"):
        permitted.value(VersionId=FIRST)
    with refused("ResourceNotFoundException", f"staging label: {PENDING}"):
        permitted.value(VersionStage=PENDING)
    current = next(version for version, found in permitted.labels().items() if CURRENT in found)
    with refused("InvalidRequestException", "not associated to the provided VersionId"):
        permitted.value(VersionId=current, VersionStage=PENDING)


def test_a_rotation_that_a_kill_has_cut_off_is_taken_up_again_and_the_schedule_is_kept(
    tmp_path: Path, backend: str, name: str
) -> None:
    stand = Stand(tmp_path / "stand", backend)
    stand.start()
    try:
        killed = make(stand, name)
        killed.permit()
        killed.set(FAILS_AT="testSecret")
        killed.rotate()
        wait_until("one try", lambda: len(killed.steps()) >= 3)
        killed.set()
        stand.stop(signal.SIGKILL)
        stand.start()
        wait_until("rotated", lambda: killed.is_at(FIRST))
        due = killed.secrets.describe_secret(SecretId=name)["NextRotationDate"]
        wait_until("it is on disk", lambda: "LastRotatedDate" in (stand.folder / STATE).read_text())
        stand.stop(signal.SIGKILL)
        stand.start()
        assert killed.secrets.describe_secret(SecretId=name)["NextRotationDate"] == due
        stand.admin("POST", "config", {"schedule_speed": 7200})
        wait_until("the next rotation", lambda: not killed.is_at(FIRST))
    finally:
        stand.stop()


def test_a_label_is_on_one_version_and_the_first_value_of_all_is_current(stand: Stand, name: str) -> None:
    secrets = stand.client("secretsmanager")
    secrets.create_secret(Name=name)

    def put(token: str, *labels: str) -> None:
        secrets.put_secret_value(
            SecretId=name, ClientRequestToken=token, SecretString=token, VersionStages=list(labels)
        )

    put(FIRST, PENDING)
    put(SECOND, PENDING)
    found = secrets.describe_secret(SecretId=name)["VersionIdsToStages"]
    assert found == {FIRST: [CURRENT], SECOND: [PENDING]}
