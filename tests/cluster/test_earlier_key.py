"""The program's end waits for what was begun with another access key than the cluster has now."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pytest

from cluster import earlier_key
from cluster.reader import Forbidden, Row, Unreachable
from settings import parse
from tests.settings.bad_configurations import CRONJOB, GOOD

SETTINGS = parse({**GOOD, **CRONJOB}, "dev")
LABELS = "labelSelector=app.kubernetes.io%2Fname%3Deverpull%2Capp.kubernetes.io%2Finstance%3Ddev"
SECRETS = f"/api/v1/namespaces/everpull-dev/secrets?{LABELS}"
JOBS = f"/apis/batch/v1/namespaces/everpull-dev/jobs?{LABELS}"
FIRST = "refresher-aws-credentials"
CURRENT = f"everpull-dev/{FIRST}-2"
PATIENCE = 600.0


def job(name: str, secret: str, *conditions: tuple[str, str], **spec: Any) -> dict[str, Any]:
    sources = [None, {"fieldRef": {"fieldPath": "metadata.name"}}, {"secretKeyRef": {"name": secret, "key": "id"}}]
    env = [{"name": f"V{number}", **({"valueFrom": source} if source else {})} for number, source in enumerate(sources)]
    return {
        "metadata": {"name": name},
        "spec": {"template": {"spec": {"containers": [{"name": "sidecar"}, {"name": "main", "env": env}]}}, **spec},
        "status": {"conditions": [{"type": kind, "status": status} for kind, status in conditions]}
        if conditions
        else {},
    }


class Cluster:
    """Secrets by name, and Jobs as they are at each look; the last look stays."""

    def __init__(
        self, secrets: Sequence[str] = (FIRST, f"{FIRST}-2"), jobs: Sequence[Any] = ([],), refused: str = ""
    ) -> None:
        self._secrets, self._jobs, self._refused = secrets, list(jobs), refused
        self.looks = 0

    def rows(self, path: str) -> Sequence[Row]:
        assert path == SECRETS
        if self._refused == "secrets":
            raise Forbidden(path)
        return [Row({}, {"name": name}) for name in self._secrets]

    def document(self, path: str) -> Mapping[str, object]:
        assert path == JOBS
        if self._refused == "jobs":
            raise Forbidden(path)
        self.looks += 1
        return {"kind": "JobList", "items": self._jobs.pop(0) if len(self._jobs) > 1 else self._jobs[0]}


class Waited:
    """What was said, and for how long it was slept; no time passes but that."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.sleeps: list[float] = []


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> Waited:
    told = Waited()

    async def sleep(seconds: float) -> None:
        told.sleeps.append(seconds)

    for level in ("warn", "info"):
        monkeypatch.setattr(pulumi.log, level, lambda text, level=level: told.said.append((level, text)))
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    monkeypatch.setattr(earlier_key.asyncio, "sleep", sleep)
    monkeypatch.setattr(earlier_key.time, "monotonic", lambda: sum(told.sleeps))
    return told


def wait(monkeypatch: pytest.MonkeyPatch, cluster: Cluster | None, current: str = CURRENT) -> None:
    def reader(_: object) -> Cluster:
        if cluster is None:
            raise Unreachable("no usable kubeconfig")
        return cluster

    monkeypatch.setattr(earlier_key.HttpClusterReader, "of", reader)
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(earlier_key.when_let_go(SETTINGS, FIRST, current, PATIENCE))
    finally:
        loop.close()


@pytest.mark.parametrize(
    ("secrets", "current"),
    [
        ([FIRST], f"everpull-dev/{FIRST}"),
        ([f"{FIRST}-2"], CURRENT),
        ([f"{FIRST}-2", f"{FIRST}-of-somebody", f"{FIRST}-3x", "aws-credentials", "7"], CURRENT),
        ([], CURRENT),
    ],
)
def test_a_stack_that_keeps_its_key_is_not_held_up(
    monkeypatch: pytest.MonkeyPatch, waited: Waited, secrets: list[str], current: str
) -> None:
    running = job("refresher-1", current.split("/")[1])
    wait(monkeypatch, Cluster(secrets, [[running]]), current)
    assert (waited.said, waited.sleeps) == ([], [])


@pytest.mark.parametrize("current", [f"everpull-dev/{FIRST}", CURRENT])
def test_pulls_that_began_with_the_login_of_before_have_time_to_end(
    monkeypatch: pytest.MonkeyPatch, waited: Waited, current: str
) -> None:
    wait(monkeypatch, Cluster(), current)
    assert waited.sleeps == [earlier_key.SETTLING_SECONDS]


def test_runs_with_another_key_are_waited_for_until_they_have_ended(
    monkeypatch: pytest.MonkeyPatch, waited: Waited
) -> None:
    running = [
        job("refresher-1", FIRST),
        job("refresher-2", f"{FIRST}-2"),
        job("by-hand", FIRST, ("Suspended", "False")),
    ]
    ended = [job("refresher-1", FIRST, ("Complete", "True")), job("by-hand", FIRST, ("Failed", "True"))]
    cluster = Cluster(jobs=[running, running, [job("by-hand", FIRST), ended[0]], ended])
    wait(monkeypatch, cluster)
    assert cluster.looks == 4
    assert waited.sleeps == [1.0, 1.0, 1.0, earlier_key.SETTLING_SECONDS]
    assert waited.said == [
        ("info", "waiting for refresher-1, by-hand to end, which began with the access key of before")
    ]


def test_a_run_that_was_stopped_before_it_began_is_not_under_way(
    monkeypatch: pytest.MonkeyPatch, waited: Waited
) -> None:
    stopped, stopping = job("a", FIRST, suspend=True), job("b", FIRST, suspend=True)
    stopping["status"] = {"active": 1}
    cluster = Cluster(jobs=[[stopped, stopping], [stopped]])
    wait(monkeypatch, cluster)
    assert cluster.looks == 2


def test_a_run_that_does_not_end_in_time_is_a_warning(monkeypatch: pytest.MonkeyPatch, waited: Waited) -> None:
    wait(monkeypatch, Cluster(jobs=[[job("refresher-1", FIRST)]]))
    assert sum(waited.sleeps) == pytest.approx(PATIENCE + 1 + earlier_key.SETTLING_SECONDS)
    assert waited.said[-1] == (
        "warn",
        "of the refresher's runs, refresher-1 did not end within 600 s and may fail, because the access key that they began "
        "with is deleted now; the next run has the new one",
    )


def test_who_may_not_list_secrets_waits_for_runs_all_the_same(monkeypatch: pytest.MonkeyPatch, waited: Waited) -> None:
    cluster = Cluster(jobs=[[job("refresher-1", FIRST)], []], refused="secrets")
    wait(monkeypatch, cluster)
    assert waited.sleeps == [1.0]
    assert [level for level, _ in waited.said] == ["info"]


@pytest.mark.parametrize(("cluster", "reason"), [(Cluster(refused="jobs"), JOBS), (None, "no usable kubeconfig")])
def test_a_cluster_that_can_not_be_asked_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, waited: Waited, cluster: Cluster | None, reason: str
) -> None:
    wait(monkeypatch, cluster)
    text = f"whether a run of the refresher still uses an earlier access key was not checked: {reason}"
    assert waited.said == [("warn", text)]
    assert waited.sleeps == []


def test_a_preview_waits_for_nothing(monkeypatch: pytest.MonkeyPatch, waited: Waited) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    cluster = Cluster(jobs=[[job("refresher-1", FIRST)]])
    wait(monkeypatch, cluster)
    assert (cluster.looks, waited.sleeps, waited.said) == (0, [], [])
