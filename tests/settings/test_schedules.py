import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings import schedules, schema
from settings.refused import Refused

DAY = 24 * 60
EVEN = [
    *(f"rate({count} minute{'s' if count > 1 else ''})" for count in range(1, 60) if 60 % count == 0),
    *("rate(60 minutes)", "rate(120 minutes)"),
    *(f"rate({count} hour{'s' if count > 1 else ''})" for count in range(1, 25) if 24 % count == 0),
    "rate(1 day)",
]
seeds = st.text(max_size=30)


def field(text: str, low: int, high: int) -> set[int]:
    """What a field of a cron expression allows: a star, or a number, or a range with a step."""
    if text == "*":
        return set(range(low, high + 1))
    match = re.fullmatch(r"([0-9]+)(?:-([0-9]+)/([0-9]+))?", text)
    assert match, text
    first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
    assert low <= first <= last <= high, text
    assert step > 0
    return set(range(first, last + 1, step))


def firings(expression: str, days: int) -> Iterator[int]:
    """The minutes, counted from midnight, at which it fires."""
    minute, hour, *rest = expression.split(" ")
    assert rest == ["*", "*", "*"]
    minutes, hours = field(minute, 0, 59), field(hour, 0, 23)
    return (at for at in range(days * DAY) if at % 60 in minutes and at // 60 % 24 in hours)


@pytest.mark.parametrize("rate", EVEN)
@given(seed=seeds)
def test_no_two_firings_are_further_apart_than_the_rate_says(rate: str, seed: str) -> None:
    asked = schedules.rate_minutes(rate)
    fired = list(firings(schedules.cron(rate, seed), days=3))
    assert {after - before for before, after in pairwise(fired)} == {asked}


@given(st.integers(1, 2 * DAY), seeds)
def test_every_rate_is_held_or_refused_with_a_faster_one_that_is(minutes: int, seed: str) -> None:
    rate = f"rate({minutes} minute{'s' if minutes > 1 else ''})"
    try:
        fired = list(firings(schedules.cron(rate, seed), days=5))
    except Refused as refused:
        named = re.search(r"rate\(.*\)", refused.allowed)
        assert named
        assert schedules.rate_minutes(schedules.rate_of_cron(named[0])) < minutes
    else:
        assert max(after - before for before, after in pairwise(fired)) <= minutes


@given(seeds)
def test_a_stack_keeps_its_minute(seed: str) -> None:
    assert schedules.cron("rate(1 hour)", seed) == schedules.cron("rate(1 hour)", seed)
    minute = schedules.cron("rate(1 hour)", seed).split(" ")[0]
    assert schedules.cron("rate(4 hours)", seed).split(" ")[0] == minute


def test_stacks_are_spread_over_the_hour() -> None:
    minutes = [schedules.cron("rate(1 hour)", f"everpull-{number}").split(" ")[0] for number in range(600)]
    assert len(set(minutes)) == 60
    assert max(minutes.count(minute) for minute in set(minutes)) < 30


def test_the_expressions_are_those_that_people_would_write() -> None:
    written = {rate: schedules.cron(rate, "everpull-dev") for rate in ("rate(1 minute)", "rate(1 hour)", "rate(1 day)")}
    assert written == {"rate(1 minute)": "* * * * *", "rate(1 hour)": "39 * * * *", "rate(1 day)": "39 0 * * *"}
    assert schedules.cron("rate(15 minutes)", "everpull-dev") == "9-59/15 * * * *"


def test_what_schedules_are_by_default_is_held() -> None:
    assert schedules.rate_of_cron(schema.SCHEDULE)


@given(st.integers(1, 2 * DAY), st.sampled_from(["minute", "hour", "day"]), st.booleans())
def test_secrets_manager_rotates_by_four_hours_or_more(count: int, unit: str, plural: bool) -> None:
    rate = f"rate({count} {unit}{'s' if plural else ''})"
    if unit == "hour" and plural and count >= 4:
        assert schedules.rate_of_rotation(rate) == rate
    else:
        with pytest.raises(Refused, match="is no rate at which Secrets Manager rotates"):
            schedules.rate_of_rotation(rate)


@pytest.mark.parametrize("text", ["", "4h", "cron(0 */4 * * ? *)", "rate(04 hours)", "rate(4 hours) "])
def test_what_is_no_rate_is_no_rotation_either(text: str) -> None:
    with pytest.raises(Refused):
        schedules.rate_of_rotation(text)
