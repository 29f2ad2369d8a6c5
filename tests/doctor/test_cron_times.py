from datetime import UTC, datetime

import pytest

from doctor.cron_times import next_firing
from settings.schedules import cron

NOON = datetime(2026, 11, 26, 12, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("* * * * *", "12:01"),
        ("17 * * * *", "12:17"),
        ("0 * * * *", "13:00"),
        ("3-59/15 * * * *", "12:03"),
        ("5 1-23/4 * * *", "13:05"),
        ("30 11 * * *", "11:30"),
    ],
)
def test_the_next_firing_is_the_first_after_now(expression: str, expected: str) -> None:
    found = next_firing(expression, NOON)
    assert found is not None
    assert found > NOON
    assert found.strftime("%H:%M") == expected


@pytest.mark.parametrize("expression", ["0 0 1 * *", "@hourly", "x * * * *", ""])
def test_other_expressions_are_not_understood(expression: str) -> None:
    assert next_firing(expression, NOON) is None


@pytest.mark.parametrize("rate", ["rate(1 minute)", "rate(15 minutes)", "rate(1 hour)", "rate(4 hours)", "rate(1 day)"])
def test_every_expression_of_everpulls_own_is(rate: str) -> None:
    assert next_firing(cron(rate, "everpull-dev"), NOON) is not None
