"""Shared by the tests of the aws stand-in: an emulator for the whole run, a stack for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.providers.aws import session
from tests.local_aws.platform import Stand, docker_registry
from tests.local_providers.aws.engine import PROGRAM, Stack


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """One second passes with every look at the clock, so that patience can be tested without it."""
    ticks = iter(range(100000))
    monkeypatch.setattr(session, "monotonic", lambda: float(next(ticks)))


@pytest.fixture(scope="session")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """The local AWS side, IAM enforced."""
    with docker_registry(tmp_path_factory.mktemp("registry") / "registry") as backend:
        running = Stand(tmp_path_factory.mktemp("aws") / "stand", backend)
        running.start()
        yield running
        running.stop()


@pytest.fixture
def new_stack(stand: Stand, tmp_path: Path) -> Callable[..., Stack]:
    """Makes a stack of a program of the tests, by default the one with every type; environment as keywords."""

    def make(program: Path = PROGRAM, **environment: str) -> Stack:
        return Stack(tmp_path / "stack", stand, program, **environment)

    return make
