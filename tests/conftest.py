"""What holds for every test.

No test may pass by not running: a skipped test, or file of tests, counts as failed, with the reason it gave. And property
tests try the same examples in every run, however slow the machine is.

`make test` runs three files at a time, since much of a live test is waiting; see tests/turns.py for tests that must not run
beside others.
"""

from collections.abc import Generator, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.local_providers.kubernetes.control_plane import ControlPlane, control_plane
from tests.turns import Turns, is_alone, is_live

_turns = Turns()

settings.register_profile("repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("repeatable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts the files by when they are best begun.

    First what needs the platform for itself and mostly sleeps, beside what needs no platform; then what does.
    """
    items.sort(key=_when)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A bare control plane with a real API server, for a file of tests."""
    with control_plane(tmp_path_factory.mktemp("control-plane")) as running:
        yield running


def _when(item: pytest.Item) -> int:
    live, alone = is_live(item), is_alone(item.listchain()[-2])
    return (0 if alone else 3) if live else (2 if alone else 1)


# First of all, so that to wait is no part of a test's time.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    with _turns.turn(item, nextitem):
        return (yield)


def fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turns a skip, or an expected failure, into a failure."""
    if report.outcome == "skipped":
        report.outcome = "failed"
        # A skip's own text is (path, line, reason); an expected failure's is the traceback.
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.longrepr = f"not run, which counts as failed here: {reason}"
        # pytest counts a report with this attribute as "xfailed", whatever its outcome.
        report.__dict__.pop("wasxfail", None)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, Any]:
    report = yield
    fail_if_skipped(report)
    return report
