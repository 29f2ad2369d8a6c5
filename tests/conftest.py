"""What holds for every test.

No test may pass by not running: a skipped test, or file of tests, counts as failed, with the reason it gave. And property
tests try the same examples in every run, however slow the machine is.
"""

from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("repeatable")


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
