"""What the pages have people type who try everpull on one machine, or work on it, is typed in this checkout."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import paths
from local.demo.__main__ import STACK
from local.driver.stack import Stack
from local.state import PlatformState
from tests.live.reader import Reader
from tests.turns import one_at_a_time


@pytest.fixture
def developer(platform: PlatformState) -> Iterator[Reader]:
    """In a shell with the checkout's own Python. One at a time, since `local up` begins most of it."""
    path = os.pathsep.join([str(Path(sys.prefix) / "bin"), os.environ["PATH"]])
    with one_at_a_time():
        yield Reader(platform, paths.ROOT, {**os.environ, "PATH": path})


@pytest.fixture
def demo(platform: PlatformState) -> Iterator[Stack]:
    """The stack of `make demo`, which goes afterwards if it was not there before."""
    stack = Stack(platform, STACK, paths.ROOT / f"Pulumi.{STACK}.yaml")
    was_there = stack.exists()
    yield stack
    if not was_there:
        stack.destroy()
        stack.remove()


def test_the_demo(developer: Reader, demo: Stack) -> None:
    said = developer.types("README.md", 1)
    assert "BROKEN" not in said
    assert "demo/with-login pulled" in said
    assert demo.resource_count()


def test_one_file_of_tests(developer: Reader) -> None:
    assert " passed" in developer.types("CONTRIBUTING.md", 2)


def test_the_platform(developer: Reader) -> None:
    said = developer.types("local/README.md", 1)
    assert "kube-apiserver" in said
    assert "kubelet" in said
