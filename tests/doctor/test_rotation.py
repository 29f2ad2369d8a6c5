"""Mode `lambda` with Secrets Manager's rotation for what runs the function."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.doctor import worlds
from tests.doctor.breaking import HOUR, RENEW, UP, Row, answers, check, lacks, stored
from tests.doctor.fakes import NOW, Gone
from tests.doctor.worlds import FUNCTION_ARN, SECRET_ARN, World, lambda_world, statement

DESCRIBED = "secretsmanager describe_secret"
RATE = "rate(4 hours)"


def rotated(**more: object) -> World:
    """Last rotated two hours ago."""
    world = lambda_world(trigger="rotation", **more)
    del world.outputs["scheduleRule"]
    world.outputs["rotation"] = RATE
    world.answers["iam get_role_policy"]["PolicyDocument"]["Statement"].append(
        statement(["secretsmanager:DescribeSecret", "secretsmanager:UpdateSecretVersionStage"], SECRET_ARN)
    )
    world.answers[DESCRIBED] |= {
        "RotationEnabled": True,
        "RotationLambdaARN": FUNCTION_ARN,
        "RotationRules": {"ScheduleExpression": RATE, "Duration": "1h"},
        "LastRotatedDate": NOW - 2 * HOUR,
        "NextRotationDate": NOW + 3 * HOUR,
    }
    policy = {
        "Effect": "Allow",
        "Principal": {"Service": "secretsmanager.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Condition": {"ArnLike": {"AWS:SourceArn": SECRET_ARN}},
    }
    world.answers["lambda get_policy"] = {"Policy": json.dumps({"Statement": [policy]})}
    world.answers["logs filter_log_events"] = {"events": [worlds.log_line(2 * HOUR, event="rotation")]}
    return world


def described(**more: object) -> Callable[[World], Any]:
    return lambda world: world.answers[DESCRIBED].update(more)


FAULTS: dict[str, Row] = {
    "rotation is off": (described(RotationEnabled=False), "rotation", "breaking", "rotation is off", UP),
    "rotation is another function's": (
        described(RotationLambdaARN="arn:aws:lambda:eu-central-1:123456789012:function:theirs"),
        "rotation",
        "broken",
        "another function",
        UP,
    ),
    "the function may not be run": (
        answers(lambda__get_policy=Gone),
        "rotation",
        "breaking",
        "does not let Secrets",
        UP,
    ),
    "only the schedule may run the function": (
        lambda world: world.answers.update({"lambda get_policy": lambda_world().answers["lambda get_policy"]}),
        "rotation",
        "breaking",
        "does not let Secrets Manager run it",
        UP,
    ),
    "another rate": (
        described(RotationRules={"ScheduleExpression": "rate(30 days)"}),
        "rotation",
        "breaking",
        "is rotated by rate(30 days), and the stack says rate(4 hours)",
        UP,
    ),
    "another rate, in days": (
        described(RotationRules={"AutomaticallyAfterDays": 30}),
        "rotation",
        "breaking",
        "is rotated by every 30 days",
        UP,
    ),
    "a rotation is stuck": (
        described(VersionIdsToStages={"v2": ["AWSCURRENT"], "v3": ["AWSPENDING"]}),
        "rotation",
        "warning",
        "v3 is pending",
        RENEW,
    ),
    "a rotation is overdue": (
        described(NextRotationDate=NOW - 5 * HOUR),
        "rotation",
        "broken",
        "was to be rotated by 2026-11-26 07:00 UTC and was not",
        RENEW,
    ),
    "rotations fail, and the next one is announced": (
        described(LastRotatedDate=NOW - 10 * HOUR),
        "rotation",
        "broken",
        "was last rotated 10 h ago, and should be within 5 h",
        "logs tail everpull-dev-log",
    ),
    "the function may not end a rotation": (
        lacks("secretsmanager:UpdateSecretVersionStage"),
        "function",
        "broken",
        "is not allowed secretsmanager:UpdateSecretVersionStage",
        UP,
    ),
}


@pytest.mark.parametrize("row", FAULTS.values(), ids=FAULTS.keys())
def test_the_broken_link_is_named(row: Row) -> None:
    check(rotated(), row)


def test_a_rotation_that_is_as_it_should_be_is_well() -> None:
    world = rotated()
    assert {link.state for link in world.walk()} == {"ok"}
    assert world.link("rotation").detail == "next rotation by 2026-11-26 15:00 UTC"


@pytest.mark.parametrize("more", [{"LastRotatedDate": NOW - 9 * HOUR}, {"LastRotatedDate": None}])
def test_one_rotation_may_be_late_or_as_yet_to_come(more: dict[str, object]) -> None:
    world = rotated()
    described(**more)(world)
    assert world.link("rotation").state == "ok"


def test_where_the_schedule_runs_the_function_rotation_is_not_used() -> None:
    assert lambda_world().link("rotation").detail == "not used: the schedule runs the function"


def test_without_the_secret_there_is_nothing_to_rotate() -> None:
    world = rotated()
    world.answers.update({DESCRIBED: Gone, "secretsmanager get_secret_value": Gone})
    assert world.link("rotation").state == "ok"
    assert world.link("secret").state == "broken"


def test_a_login_that_is_not_rotated_in_time_dies_as_any_other() -> None:
    world = rotated()
    stored(fetched=NOW - timedelta(hours=11, minutes=30))(world)
    assert world.link("secret").state == "breaking"
