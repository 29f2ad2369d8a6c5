from typing import Any

import pytest

from components import refresh_alarms
from settings import LambdaSettings, parse, schema
from settings.alarms import AlarmSettings

TOPIC = "arn:aws:sns:eu-central-1:123456789012:on-call"


def alarms(**keys: Any) -> AlarmSettings | None:
    config = {"aws:region": "eu-central-1", **{f"everpull:{key}": value for key, value in keys.items()}}
    delivery = parse(config, "dev").delivery
    assert isinstance(delivery, LambdaSettings)
    return delivery.alarms


def test_nobody_is_told_of_anything_by_default() -> None:
    assert alarms() is None


def test_a_topic_is_made_unless_one_is_given() -> None:
    assert alarms(alarms="true") == AlarmSettings(None, None, 3)
    assert alarms(alarms="true", alarmEmail="on.call+ecr@example.co.uk") == AlarmSettings(
        None, "on.call+ecr@example.co.uk", 3
    )
    assert alarms(alarms="true", alarmTopic=TOPIC, alarmHours="2") == AlarmSettings(TOPIC, None, 2)


@pytest.mark.parametrize(
    ("schedule", "hours"), [("rate(15 minutes)", "2"), ("rate(1 hour)", "2"), ("rate(2 hours)", "3")]
)
def test_the_soonest_alarm_that_a_late_run_does_not_raise_is_allowed(schedule: str, hours: str) -> None:
    found = alarms(alarms="true", schedule=schedule, alarmHours=hours)
    assert found is not None
    assert found.hours == int(hours)


def test_the_default_goes_with_the_default_schedule_and_the_latest_leaves_an_hour() -> None:
    found = alarms(alarms="true")
    assert found is not None
    latest = found.hours
    assert (latest + schema.ALARM_LATE_HOURS) * 60 + schema.GRACE_MINUTES == schema.RENEW_AT_MINUTES_LEFT


def test_rotation_has_hours_of_its_own() -> None:
    """A rotation may be an hour late, and leaves a whole life."""
    assert alarms(alarms="true", trigger="rotation") == AlarmSettings(None, None, 6)
    assert alarms(alarms="true", trigger="rotation", schedule="rate(7 hours)") == AlarmSettings(None, None, 9)
    assert alarms(alarms="true", trigger="rotation", alarmHours="9") == AlarmSettings(None, None, 9)


def test_the_alarm_is_as_late_as_the_settings_say() -> None:
    assert schema.ALARM_LATE_HOURS == refresh_alarms.LATE_HOURS
