from typing import Any

import pytest

from tests.components.recording import ACCOUNT
from tests.modes.test_modes import delivered

ON = {"everpull:alarms": "true"}
TOPIC = f"arn:aws:sns:eu-central-1:{ACCOUNT}:on-call"


def test_without_alarms_nothing_is_made_for_them_and_no_metric_is_paid_for() -> None:
    recorder, outputs = delivered({})
    for kind in (":MetricAlarm", ":Topic", ":Dashboard"):
        assert recorder.all(kind) == []
    assert "EVERPULL_METRICS" not in recorder.one("function:Function").inputs["environment"]["variables"]
    assert not {"alarmTopic", "dashboard"} & set(outputs)


def test_alarms_look_at_the_stacks_own_function_and_queue_and_are_told_in_outputs() -> None:
    recorder, outputs = delivered(ON)
    function, queue = "everpull-dev-refresh-function", "everpull-dev-refresh-dead-letters"
    assert {next(iter(item.inputs["dimensions"].items())) for item in recorder.all(":MetricAlarm")} == {
        ("FunctionName", function),
        ("QueueName", queue),
    }
    assert recorder.one("function:Function").inputs["environment"]["variables"]["EVERPULL_METRICS"] == "on"
    assert outputs["alarmTopic"] == f"arn:aws:sns:eu-central-1:{ACCOUNT}:everpull-dev-alarms-topic"
    assert outputs["dashboard"] == "everpull-dev-eu-central-1"


def test_alarms_are_made_once_the_function_has_run() -> None:
    recorder, _ = delivered(ON)
    assert "everpull-dev-refresh-first-run" in recorder.waits_for("everpull-dev-alarms-no-refresh")


@pytest.mark.parametrize(
    ("config", "topics", "addresses"),
    [
        ({"everpull:alarmEmail": "oncall@example.com"}, 1, ["oncall@example.com"]),
        ({"everpull:alarmTopic": TOPIC}, 0, []),
        ({}, 1, []),
    ],
)
def test_every_key_of_alarms_arrives(config: dict[str, str], topics: int, addresses: list[str]) -> None:
    recorder, outputs = delivered({**ON, "everpull:schedule": "rate(30 minutes)", "everpull:alarmHours": "2", **config})
    assert len(recorder.all(":Topic")) == topics
    assert [item.inputs["endpoint"] for item in recorder.all(":TopicSubscription")] == addresses
    alarm: dict[str, Any] = recorder.one(":MetricAlarm", "-no-refresh").inputs
    assert alarm["evaluationPeriods"] == 2
    assert alarm["alarmActions"] == [outputs["alarmTopic"]]
    assert recorder.one(":MetricAlarm", "-errors").inputs["evaluationPeriods"] == 3


def test_a_slower_schedule_is_looked_at_for_longer() -> None:
    recorder, _ = delivered({**ON, "everpull:schedule": "rate(2 hours)"})
    assert recorder.one(":MetricAlarm", "-errors").inputs["evaluationPeriods"] == 5
