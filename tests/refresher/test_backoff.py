"""How often a request is made again, and after which wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refresher.backoff import ATTEMPTS, LONGEST_WAIT_SECONDS, RETRIED, Backoff


def waits(chance: float = 0.0, retry_after: str | None = None) -> list[float | None]:
    backoff = Backoff(lambda: chance)
    return [backoff.wait(attempt, retry_after) for attempt in range(1, ATTEMPTS + 1)]


def test_waits_double_and_then_end() -> None:
    assert waits() == [0.25, 0.5, 1.0, None]


def test_waits_are_shortened_by_up_to_half_at_random() -> None:
    assert waits(1.0) == [0.125, 0.25, 0.5, None]


def test_the_server_says_how_long_to_wait_and_all_come_back_a_little_apart() -> None:
    assert waits(0.0, "2") == [2, 2, 2, None]
    assert waits(1.0, "2") == [2.25, 2.25, 2.25, None]


@pytest.mark.parametrize("retry_after", ["3600", "9" * 5000])
def test_a_server_cannot_hold_a_run_up_for_long(retry_after: str) -> None:
    assert waits(0.0, retry_after)[0] == LONGEST_WAIT_SECONDS


@pytest.mark.parametrize(
    "retry_after", ["", "-1", "1.5", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "\N{SUPERSCRIPT TWO}"]
)
def test_what_is_no_number_of_seconds_is_passed_over(retry_after: str) -> None:
    assert waits(0.0, retry_after) == waits()


@pytest.mark.parametrize("status", [200, 201, 301, 400, 401, 403, 404, 409, 410, 413, 415, 422, 501])
def test_what_would_only_be_answered_the_same_again_is_not_repeated(status: int) -> None:
    assert status not in RETRIED


@given(chance=st.floats(0, 1), retry_after=st.none() | st.text(), attempt=st.integers(1, 10))
def test_every_wait_is_bounded(chance: float, retry_after: str | None, attempt: int) -> None:
    wait = Backoff(lambda: chance).wait(attempt, retry_after)
    assert (wait is None) is (attempt >= ATTEMPTS)
    assert wait is None or 0 <= wait <= LONGEST_WAIT_SECONDS + 0.25
