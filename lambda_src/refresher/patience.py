"""Waiting for IAM rights that arrive late.

IAM is eventually consistent (IAM User Guide, "Changes that I make are not always immediately visible"): for up to a
minute after a deployment has attached a policy, calls that need it are still denied. botocore's retry modes do not cover
that, because to them a denial is final, as it should be anywhere but right after a deployment. This loop is for that
moment only.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from .core import Login
from .errors import RefreshError
from .ports import LoginSource
from .registries import Group

T = TypeVar("T")

_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 10.0


@dataclass(frozen=True)
class Time:
    """The passing of time, to be replaced in tests: a monotonic clock, a sleep, and a random factor between 0 and 1."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    # Spreads retries out; nothing secret hangs on it.
    jitter: Callable[[], float] = random.random


def until_rights_arrive(
    attempt: Callable[[], T],
    *,
    seconds: float,
    waiting: Callable[[RefreshError, float], None],
    passing: Time,
) -> T:
    """What `attempt` returns, repeating it from its beginning while rights are missing, for at most `seconds`.

    `waiting` is told of the failure and the wait in seconds before each wait. Waits double up to 10 s, each shortened by
    up to half at random; the last attempt starts when the time is over, not later. Raises the last attempt's error.
    """
    deadline = passing.monotonic() + seconds
    longest = _FIRST_WAIT_SECONDS
    while True:
        try:
            return attempt()
        except RefreshError as failure:
            left = deadline - passing.monotonic()
            if not failure.rights_missing or left <= 0:
                raise
            wait = min(longest * (1 - passing.jitter() / 2), left)
            waiting(failure, wait)
        passing.sleep(wait)
        longest = min(longest * 2, _LONGEST_WAIT_SECONDS)


class PatientLogins:
    """A LoginSource that bears denials for some seconds from when it is first asked, all groups together."""

    def __init__(
        self, logins: LoginSource, seconds: float, waiting: Callable[[RefreshError, float], None], passing: Time
    ) -> None:
        self._logins = logins
        self._seconds = seconds
        self._waiting = waiting
        self._passing = passing
        self._until: float | None = None

    @property
    def seconds_left(self) -> float:
        """Of its patience."""
        return self._seconds if self._until is None else self._until - self._passing.monotonic()

    def login(self, group: Group) -> Login:
        now = self._passing.monotonic()
        if self._until is None:
            self._until = now + self._seconds
        return until_rights_arrive(
            lambda: self._logins.login(group), seconds=self._until - now, waiting=self._waiting, passing=self._passing
        )
