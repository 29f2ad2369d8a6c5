"""Whose turn it is on the local platform: live tests run beside one another, but for those that change what AWS is like for
every stack, or measure it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest

from local import paths

# On a test, or as `pytestmark` on a file whose stack too must be alone.
ALONE = "alone"


class Turns:
    """This process's part in it, by locks on files that end with the process."""

    def __init__(self) -> None:
        self._held: IO[str] | None = None

    @contextmanager
    def turn(self, item: pytest.Item, following: pytest.Item | None) -> Iterator[None]:
        """Waits until the test may run, what it has set up included. Of a file that is alone, the next test needs not wait."""
        if not (is_live(item) or is_alone(item)):
            yield
            return
        if self._held is None:
            self._held = _locked("tests", fcntl.LOCK_EX if is_alone(item) else fcntl.LOCK_SH)
        try:
            yield
        finally:
            if not (following and following.path == item.path and is_alone(item) and is_alone(following)):
                self._held.close()
                self._held = None


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Keeps other processes' tests out of the block."""
    with _locked("tests-up", fcntl.LOCK_EX):
        yield


def _locked(name: str, kind: int) -> IO[str]:
    folder = paths.current().run
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / f"{name}.lock").open("w")
    fcntl.flock(file, kind)
    return file


def is_alone(item: pytest.Item | pytest.Collector) -> bool:
    """Whether the test, or its whole file, must have the platform for itself."""
    return item.get_closest_marker(ALONE) is not None


def is_live(item: pytest.Item) -> bool:
    """Whether the test uses the platform."""
    return "/tests/live/" in item.path.as_posix()
