from datetime import UTC, datetime, timedelta

import pytest

from doctor.words import at, counted, listed, span


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (timedelta(seconds=-1), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(hours=2, minutes=5), "2 h 5 min"),
        (timedelta(hours=3), "3 h"),
        (timedelta(days=1, hours=1, minutes=5), "1 d 1 h"),
    ],
)
def test_a_span_is_said_as_short_as_it_matters(length: timedelta, said: str) -> None:
    assert span(length) == said


def test_moments_are_told_in_utc() -> None:
    assert at(datetime.fromisoformat("2026-11-26T13:00:00+01:00")) == "2026-11-26 12:00 UTC"
    assert at(datetime(2026, 11, 26, 12, tzinfo=UTC)) == "2026-11-26 12:00 UTC"


def test_of_many_names_the_first_are_told() -> None:
    assert listed(["a", "b", "c"]) == "a, b, c"
    assert listed(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert [counted(number, "run") for number in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]
