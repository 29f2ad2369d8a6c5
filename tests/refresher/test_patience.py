"""Waiting for rights that arrive late: how long, how often, and for what."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refresher.errors import AwsCallError, DeniedError, RefreshError
from refresher.patience import Time, until_rights_arrive


@dataclass
class FakeTime:
    """Time that passes only while somebody sleeps or an attempt takes `attempt_seconds`."""

    randomness: float = 0.0
    attempt_seconds: float = 0.0
    now: float = 1000.0
    slept: list[float] = field(default_factory=list)
    attempts: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def run(self, attempt: Callable[[], str], seconds: float) -> str:
        def timed() -> str:
            self.attempts.append(self.now - 1000.0)
            self.now += self.attempt_seconds
            return attempt()

        passing = Time(lambda: self.now, self.sleep, lambda: self.randomness)
        return until_rights_arrive(timed, seconds=seconds, waiting=lambda _failure, _wait: None, passing=passing)

    def until(self, arrival: float) -> Callable[[], str]:
        """An attempt that is denied until `arrival` seconds have passed."""

        def attempt() -> str:
            if self.now < 1000.0 + arrival:
                raise DeniedError("not yet")
            return "done"

        return attempt


def test_rights_that_are_there_cost_no_wait() -> None:
    time = FakeTime()
    assert time.run(time.until(0), 90) == "done"
    assert time.slept == []


def test_waits_double_up_to_ten_seconds() -> None:
    time = FakeTime()
    assert time.run(time.until(60), 90) == "done"
    assert time.slept == [1, 2, 4, 8, 10, 10, 10, 10, 10]


def test_waits_are_shortened_by_up_to_half_at_random() -> None:
    time = FakeTime(randomness=0.999999)
    time.run(time.until(3), 90)
    assert time.slept == pytest.approx([0.5, 1.0, 2.0], abs=1e-4)


def test_the_last_attempt_is_made_when_the_time_is_just_over() -> None:
    time = FakeTime()
    assert time.run(time.until(20), 20) == "done"
    assert time.attempts[-1] == 20


def test_a_right_that_never_comes_ends_in_the_last_denial() -> None:
    time = FakeTime()
    with pytest.raises(DeniedError, match="not yet"):
        time.run(time.until(1e9), 90)
    assert sum(time.slept) == pytest.approx(90)


@pytest.mark.parametrize("seconds", [0, -5])
def test_without_patience_a_denial_fails_at_once(seconds: float) -> None:
    time = FakeTime()
    with pytest.raises(DeniedError):
        time.run(time.until(1), seconds)
    assert (len(time.attempts), time.slept) == (1, [])


def test_a_failure_that_rights_cannot_heal_is_not_waited_for() -> None:
    time = FakeTime()

    def attempt() -> str:
        raise AwsCallError("down")

    with pytest.raises(AwsCallError):
        time.run(attempt, 90)
    assert time.slept == []


def test_a_failure_after_a_denial_is_not_waited_for() -> None:
    time = FakeTime()

    def attempt() -> str:
        raise DeniedError("not yet") if len(time.attempts) == 1 else AwsCallError("down")

    with pytest.raises(AwsCallError) as caught:
        time.run(attempt, 90)
    assert len(time.attempts) == 2
    assert caught.value.__context__ is None


def test_each_wait_is_told() -> None:
    told: list[tuple[str, float]] = []
    time = FakeTime()

    def waiting(failure: RefreshError, wait: float) -> None:
        told.append((str(failure), wait))

    until_rights_arrive(
        time.until(3), seconds=9, waiting=waiting, passing=Time(lambda: time.now, time.sleep, lambda: 0)
    )
    assert told == [("not yet", 1), ("not yet", 2)]


@given(
    arrival=st.floats(0, 200),
    seconds=st.floats(0, 200),
    randomness=st.floats(0, 1, exclude_max=True),
    each=st.floats(0, 5),
)
def test_no_attempt_starts_after_the_time_is_over_and_rights_within_it_are_always_found(
    arrival: float, seconds: float, randomness: float, each: float
) -> None:
    time = FakeTime(randomness, each)
    try:
        time.run(time.until(arrival), seconds)
    except DeniedError:
        assert arrival > seconds
    assert time.attempts[-1] <= max(seconds, 0) + 1e-6
