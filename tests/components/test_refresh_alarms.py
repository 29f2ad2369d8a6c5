import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components import refresh_alarms
from components.refresh_alarms import HOUR, LATE_HOURS, LIFE_BOUND_SECONDS, RefreshAlarms, RefreshAlarmsArgs
from lambda_src.refresher import metrics
from tests.components.recording import ACCOUNT, Recorder, record

ROOT = Path(__file__).parents[2]
TOPIC = f"arn:aws:sns:eu-central-1:{ACCOUNT}:paging"
ALARMS = {f"alarms-{name}" for name in ("errors", "dead-letters", "no-refresh", "short-life")}
# Minutes.
IN_AN_HOUR = 60
# Half of a login's life (Amazon ECR API Reference, GetAuthorizationToken), at which the refresher renews it.
DUE = 6 * HOUR


def built(**more: Any) -> Recorder:
    recorder = record()
    args: dict[str, Any] = {
        "function_name": "a-function",
        "dead_letter_queue_url": "https://sqs.example/123456789012/a-queue",
        "period": HOUR,
        "hours": 3,
        "region": "eu-central-1",
        "dashboard_name": "everpull-dev-eu-central-1",
    }

    @pulumi.runtime.test
    def build() -> Any:
        made = RefreshAlarms("alarms", RefreshAlarmsArgs(**{**args, **more}))
        return pulumi.Output.all(made.topic_arn, made.dashboard, made.alarms)

    build()
    return recorder


def alarm(recorder: Recorder, name: str) -> dict[str, Any]:
    return recorder.one(":MetricAlarm", name).inputs


def test_there_are_four_alarms_and_each_says_where_to_read_on() -> None:
    recorder = built()
    assert {item.name for item in recorder.all(":MetricAlarm")} == ALARMS
    for item in recorder.all(":MetricAlarm"):
        file, _, row = item.inputs["alarmDescription"].rpartition(". ")[2].partition(": ")
        assert f"\n| {row} | " in (ROOT / file).read_text(encoding="utf-8")
        assert "name" not in item.inputs, "the engine names it, so that stacks do not meet"


@pytest.mark.parametrize("given", [{}, {"topic_arn": TOPIC}])
def test_the_topic_is_told_when_an_alarm_is_raised_and_when_it_is_over(given: dict[str, Any]) -> None:
    recorder = built(**given)
    expected = given.get("topic_arn", f"arn:aws:sns:eu-central-1:{ACCOUNT}:alarms-topic")
    for item in recorder.all(":MetricAlarm"):
        assert item.inputs["alarmActions"] == item.inputs["okActions"] == [expected]


def test_a_topic_that_is_made_takes_messages_of_cloudwatch_for_these_alarms_alone() -> None:
    (statement,) = built().statements(":TopicPolicy").values()
    assert statement == {
        "Sid": "Alarms",
        "Effect": "Allow",
        "Action": ["sns:Publish"],
        "Resource": [f"arn:aws:sns:eu-central-1:{ACCOUNT}:alarms-topic"],
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Condition": {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnEquals": {
                "aws:SourceArn": [
                    f"arn:aws:cloudwatch:eu-central-1:{ACCOUNT}:alarms-{name}"
                    for name in ("errors", "dead-letters", "no-refresh", "short-life")
                ]
            },
        },
    }


def test_a_topic_that_is_given_is_left_as_it_is() -> None:
    recorder = built(topic_arn=TOPIC)
    for kind in (":Topic", ":TopicPolicy", ":TopicSubscription"):
        assert recorder.all(kind) == []


def test_an_address_is_subscribed_if_there_is_one() -> None:
    assert built().all(":TopicSubscription") == []
    inputs = built(email="oncall@example.com").one(":TopicSubscription").inputs
    assert (inputs["protocol"], inputs["endpoint"]) == ("email", "oncall@example.com")


def test_the_alarms_look_at_what_the_refresher_writes() -> None:
    recorder = built()
    assert (refresh_alarms.NAMESPACE, refresh_alarms.REFRESHED, refresh_alarms.LIFE) == (
        metrics.NAMESPACE,
        metrics.REFRESHED,
        metrics.LIFE,
    )
    for name, metric in (("no-refresh", metrics.REFRESHED), ("short-life", metrics.LIFE)):
        inputs = alarm(recorder, name)
        assert (inputs["namespace"], inputs["metricName"]) == (metrics.NAMESPACE, metric)
        assert inputs["dimensions"] == {metrics.DIMENSION: "a-function"}


def test_the_queue_is_named_by_the_end_of_its_url() -> None:
    assert alarm(built(), "dead-letters")["dimensions"] == {"QueueName": "a-queue"}


def test_only_a_function_that_is_silent_is_alarming_by_itself() -> None:
    recorder = built()
    assert {item.name: item.inputs["treatMissingData"] for item in recorder.all(":MetricAlarm")} == {
        "alarms-errors": "notBreaching",
        "alarms-dead-letters": "notBreaching",
        "alarms-no-refresh": "breaching",
        "alarms-short-life": "ignore",
    }


def breaching(failures: list[int], minute: int, count: int) -> int:
    """Of the `count` hours before that minute, as CloudWatch counts them, those in which there was a failure."""
    ends = range(minute, minute - count * IN_AN_HOUR, -IN_AN_HOUR)
    return sum(any(end - IN_AN_HOUR <= failure < end for failure in failures) for end in ends)


def attempts(run: int) -> list[int]:
    """The minutes of the three attempts of a run (Lambda waits a minute, then two)."""
    return [run, run + 1, run + 3]


@pytest.mark.parametrize("hours_apart", [1, 2])
def test_one_run_that_fails_raises_nothing_and_three_do(hours_apart: int) -> None:
    inputs = alarm(built(period=hours_apart * HOUR), "errors")
    evaluated, needed = int(inputs["evaluationPeriods"]), inputs["datapointsToAlarm"]
    assert inputs["period"] == HOUR
    runs = [1000 + run * hours_apart * IN_AN_HOUR for run in range(3)]
    minutes = range(runs[0], runs[-1] + 2 * IN_AN_HOUR)
    assert max(breaching(attempts(runs[0]), minute, evaluated) for minute in minutes) < needed
    failing = [minute for run in runs for minute in attempts(run)]
    first = next(minute for minute in minutes if breaching(failing, minute, evaluated) >= needed)
    assert first <= runs[-1] + IN_AN_HOUR


def test_a_single_failure_can_fill_two_hours() -> None:
    """Why two would not do."""
    assert max(breaching(attempts(1000), minute, 3) for minute in range(1000, 1200)) == 2


def test_silence_is_told_of_while_the_login_lives() -> None:
    inputs = alarm(built(), "no-refresh")
    assert inputs["period"] * inputs["evaluationPeriods"] == inputs["period"] * inputs["datapointsToAlarm"] == 3 * HOUR
    # The last run that refreshed left more than half of the life.
    latest = HOUR * (inputs["evaluationPeriods"] + LATE_HOURS)
    assert DUE - latest >= HOUR


def test_a_run_that_is_left_out_is_not_silence_yet() -> None:
    inputs = alarm(built(hours=2), "no-refresh")
    assert inputs["evaluationPeriods"] >= 2, "else a run that is a second late would be"


@pytest.mark.parametrize("period", [HOUR // 4, HOUR, 2 * HOUR])
def test_a_login_that_is_renewed_when_it_is_due_is_never_short_lived_and_one_that_is_not_is(period: int) -> None:
    inputs = alarm(built(period=period), "short-life")
    bound = inputs["threshold"]
    assert (inputs["statistic"], inputs["comparisonOperator"]) == ("Minimum", "LessThanThreshold")
    # What a run tells that finds the login fresh, or has renewed it.
    assert bound < DUE
    # Runs that fail tell shorter and shorter lives: one of them is below the bound, and far from the end.
    for first in range(DUE - period + 1, DUE + 1, 60):
        told = next(left for left in range(first, 0, -period) if left < bound)
        assert told >= bound - period >= HOUR


def test_the_dashboard_shows_every_alarm_and_what_they_look_at() -> None:
    inputs = built().one(":Dashboard").inputs
    assert inputs["dashboardName"] == "everpull-dev-eu-central-1"
    first, *graphs = json.loads(inputs["dashboardBody"])["widgets"]
    assert first["type"] == "alarm"
    assert len(first["properties"]["alarms"]) == len(ALARMS)
    shown = [metric for graph in graphs for metric in graph["properties"]["metrics"]]
    assert [metric[:2] for metric in shown] == [
        ["everpull", "RemainingLoginLife"],
        ["everpull", "Refreshed"],
        ["AWS/Lambda", "Invocations"],
        ["AWS/Lambda", "Errors"],
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible"],
    ]
    assert all(graph["properties"]["region"] == "eu-central-1" for graph in graphs)
    assert graphs[0]["properties"]["annotations"]["horizontal"][0]["value"] == LIFE_BOUND_SECONDS


def test_no_widget_lies_upon_another() -> None:
    """On a dashboard that is 24 wide (CloudWatch API Reference, Dashboard body structure and syntax)."""
    widgets = json.loads(built().one(":Dashboard").inputs["dashboardBody"])["widgets"]
    taken = [
        (column, row)
        for widget in widgets
        for column in range(widget["x"], widget["x"] + widget["width"])
        for row in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(taken) == len(set(taken))
    assert all(0 <= column < 24 for column, _ in taken)
    assert all(one["y"] <= other["y"] for one, other in pairwise(widgets))
