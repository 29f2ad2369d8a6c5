"""EventBridge schedules: on time, with permission, with their constant input."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.local_aws.functions import log_lines, logging_function, rule_arn
from tests.local_aws.platform import Stand, refused, wait_until


@pytest.fixture
def fast(stand: Stand) -> Iterator[Stand]:
    """A stand-in on which a minute of schedule lasts a second."""
    stand.admin("POST", "config", {"schedule_speed": 60})
    yield stand
    stand.admin("POST", "config", {"schedule_speed": 1})


def permit(stand: Stand, name: str, source: str) -> None:
    stand.client("lambda").add_permission(
        FunctionName=name,
        StatementId="schedule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=source,
    )


def schedule(stand: Stand, name: str, function_arn: str, expression: str = "rate(1 minute)") -> None:
    events = stand.client("events")
    events.put_rule(Name=name, ScheduleExpression=expression)
    target = {"Id": "one", "Arn": function_arn, "Input": json.dumps({"reason": "schedule"})}
    assert events.put_targets(Rule=name, Targets=[target])["FailedEntryCount"] == 0


def ticks(stand: Stand, name: str) -> int:
    return sum(line == '{"got": {"reason": "schedule"}}' for line in log_lines(stand, name))


def remove(stand: Stand, name: str) -> None:
    events = stand.client("events")
    events.remove_targets(Rule=name, Ids=["one"])
    events.delete_rule(Name=name)


def test_a_rule_runs_its_function_with_its_constant_input_again_and_again(fast: Stand, name: str) -> None:
    schedule(fast, name, logging_function(fast, name))
    permit(fast, name, rule_arn(name))
    wait_until("three ticks", lambda: ticks(fast, name) >= 3)
    remove(fast, name)


def test_a_rule_without_permission_runs_nothing(fast: Stand, name: str) -> None:
    schedule(fast, name, logging_function(fast, name))
    permit(fast, name, rule_arn(f"{name}-other"))
    wait_until("refused", lambda: fast.log.count(f"rule {rule_arn(name)} may not invoke") >= 2)
    assert ticks(fast, name) == 0
    remove(fast, name)


def test_a_disabled_rule_runs_nothing_until_enabled(fast: Stand, name: str) -> None:
    arn = logging_function(fast, name)
    fast.client("events").put_rule(Name=name, ScheduleExpression="rate(1 minute)", State="DISABLED")
    schedule_target = {"Id": "one", "Arn": arn, "Input": '{"reason": "schedule"}'}
    fast.client("events").put_targets(Rule=name, Targets=[schedule_target])
    permit(fast, name, rule_arn(name))
    logging_function(fast, f"{name}-clock")
    schedule(fast, f"{name}-clock", f"{arn}-clock")
    permit(fast, f"{name}-clock", rule_arn(f"{name}-clock"))
    wait_until("the other one ticks", lambda: ticks(fast, f"{name}-clock") >= 3)
    assert ticks(fast, name) == 0
    fast.client("events").enable_rule(Name=name)
    wait_until("it ticks", lambda: ticks(fast, name) >= 1)
    remove(fast, name)
    remove(fast, f"{name}-clock")


def test_a_rule_made_again_counts_from_its_new_beginning(fast: Stand, name: str) -> None:
    arn = logging_function(fast, name)
    permit(fast, name, rule_arn(name))
    schedule(fast, name, arn)
    wait_until("a tick", lambda: ticks(fast, name))
    remove(fast, name)
    removed = time.monotonic()
    fast.admin("POST", "config", {"schedule_speed": 20})
    wait_until("a whole interval, three seconds now, is over", lambda: time.monotonic() - removed > 3.5)
    seen, begun = ticks(fast, name), time.monotonic()
    schedule(fast, name, arn)
    wait_until("the next tick", lambda: ticks(fast, name) > seen)
    assert time.monotonic() - begun > 2.5
    remove(fast, name)


def test_a_failing_scheduled_run_is_retried_twice(fast: Stand, name: str) -> None:
    arn = logging_function(fast, name)
    events = fast.client("events")
    events.put_rule(Name=name, ScheduleExpression="rate(1 hour)")
    events.put_targets(Rule=name, Targets=[{"Id": "one", "Arn": arn, "Input": '{"raise": true}'}])
    permit(fast, name, rule_arn(name))
    fast.admin("POST", "config", {"schedule_speed": 3600})
    wait_until("one run", lambda: log_lines(fast, name))
    remove(fast, name)
    wait_until("three runs", lambda: sum(line.startswith("START") for line in log_lines(fast, name)) % 3 == 0)


@pytest.mark.parametrize("bad", ["rate(1 minutes)", "rate(2 minute)", "rate(0 minutes)", "rate(90 seconds)", "hourly"])
def test_a_schedule_that_eventbridge_does_not_take_is_refused(stand: Stand, name: str, bad: str) -> None:
    with refused("ValidationException", "ScheduleExpression is not valid"):
        stand.client("events").put_rule(Name=name, ScheduleExpression=bad)


def test_a_rule_with_targets_cannot_be_deleted(stand: Stand, name: str) -> None:
    schedule(stand, name, logging_function(stand, name), "rate(1 hour)")
    with refused("ValidationException", "has targets"):
        stand.client("events").delete_rule(Name=name)
    remove(stand, name)
    with refused("ResourceNotFoundException"):
        stand.client("events").describe_rule(Name=name)
