"""Shared by the tests of the aws stand-in."""

import pytest

from local.providers.aws import session


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """One second passes with every look at the clock, so that patience can be tested without it."""
    ticks = iter(range(100000))
    monkeypatch.setattr(session, "monotonic", lambda: float(next(ticks)))
