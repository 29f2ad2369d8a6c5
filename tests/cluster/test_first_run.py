"""What a Job reported is read from its pod, and what can't be read is said."""

import json
from typing import Any

import pulumi
import pytest

from cluster import first_run
from cluster.first_run import find_report, report_of
from cluster.reader import Unreachable
from settings import ClusterAccess
from tests.cluster.fakes import FakeCluster

ACCESS = ClusterAccess(None, None)
JOB = "everpull-dev/refresher-first-run-0a1b2c"
PATH = "/api/v1/namespaces/everpull-dev/pods?labelSelector=batch.kubernetes.io%2Fjob-name%3Drefresher-first-run-0a1b2c"


def pod(message: str | None, finished: str, container: str = "refresher") -> dict[str, Any]:
    end = {"exitCode": 0, "finishedAt": finished, **({"message": message} if message is not None else {})}
    return {"status": {"containerStatuses": [{"name": container, "state": {"terminated": end}}]}}


RUNNING: dict[str, Any] = {"status": {"containerStatuses": [{"name": "refresher", "state": {"running": {}}}]}}
PENDING: dict[str, Any] = {"status": {"phase": "Pending"}}


def report(*pods: dict[str, Any]) -> str:
    return find_report(FakeCluster({PATH: {"kind": "PodList", "items": list(pods)}}), JOB, "refresher")


def test_the_report_is_the_termination_message_of_the_jobs_pod() -> None:
    text = json.dumps({"images": []})
    assert report(pod(text, "2026-01-01T00:00:09Z")) == text


def test_of_several_attempts_the_last_one_is_read() -> None:
    early, late = pod("early", "2026-01-01T00:00:09Z"), pod("late", "2026-01-01T00:00:10Z")
    assert report(early, late) == report(late, early) == report(RUNNING, late, PENDING, early) == "late"


def test_a_sidecar_that_something_else_put_into_the_pod_is_not_the_refresher() -> None:
    both = pod("report", "2026-01-01T00:00:09Z")
    both["status"]["containerStatuses"] += pod("proxy", "2026-01-01T00:00:11Z", "proxy")["status"]["containerStatuses"]
    assert report(both) == "report"


@pytest.mark.parametrize(
    "pods", [[], [RUNNING], [PENDING], [{}], [pod(None, "2026-01-01T00:00:09Z")], [pod("", "2026-01-01T00:00:09Z")]]
)
def test_a_report_that_is_not_there_is_told_from_one_that_is_empty(pods: list[dict[str, Any]]) -> None:
    with pytest.raises(Unreachable, match="no pod of it is there any more that ended with a report"):
        report(*pods)


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    return said


@pytest.mark.parametrize(
    ("cluster", "reason"),
    [
        (FakeCluster(), "no pod of it is there any more that ended with a report"),
        (FakeCluster(forbidden=(PATH,)), PATH),
    ],
    ids=["gone", "forbidden"],
)
def test_what_can_not_be_read_is_a_warning_and_at_preview_nothing(
    cluster: FakeCluster, reason: str, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_run.HttpClusterReader, "of", lambda access: cluster)
    assert report_of(ACCESS, JOB, "refresher") == ""
    assert warnings == [f"what the Job {JOB} reported could not be read: {reason}"]
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    assert report_of(ACCESS, JOB, "refresher") == ""
    assert len(warnings) == 1


def test_a_cluster_that_can_not_be_reached_is_a_warning_too(
    warnings: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert report_of(ACCESS, JOB, "refresher") == ""
    assert warnings == [f"what the Job {JOB} reported could not be read: no usable kubeconfig (FileNotFoundError)"]
