"""The program's end waits for what was begun with another identity than the cluster has now."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pytest

from cluster import earlier_identity
from cluster.earlier_identity import Runs
from cluster.reader import Forbidden, Unreachable
from settings import parse
from tests.settings.bad_configurations import CRONJOB, GOOD

SETTINGS = parse({**GOOD, **CRONJOB}, "dev")
LABELS = "labelSelector=app.kubernetes.io%2Fname%3Deverpull%2Capp.kubernetes.io%2Finstance%3Ddev"
JOBS = f"/apis/batch/v1/namespaces/everpull-dev/jobs?{LABELS}"
CRON_JOB = "/apis/batch/v1/namespaces/everpull-dev/cronjobs/refresher"
RUNS = Runs("everpull-dev/refresher", ("AWS_ACCESS_KEY_ID", "AWS_ROLE_ARN", "EVERPULL_POD_ROLE"), "refresher-first-run")
PATIENCE = 600.0
FIRST, SECOND = "refresher-aws-credentials", "refresher-aws-credentials-2"
ROLE = "arn:aws:iam::1:role/a"


def key(secret: str) -> list[dict[str, Any]]:
    """The variables of a pod with the access key in that Secret."""
    names = {"AWS_ACCESS_KEY_ID": "access-key-id", "AWS_SECRET_ACCESS_KEY": "secret-access-key"}
    return [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": entry}}} for name, entry in names.items()
    ]


def role(arn: str) -> list[dict[str, Any]]:
    """The variables of a pod with the role by its token."""
    return [{"name": "AWS_ROLE_ARN", "value": arn}, {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/a"}]


def associated(arn: str) -> list[dict[str, Any]]:
    """The variables of a pod whose service account has the role."""
    return [{"name": "EVERPULL_POD_ROLE", "value": arn}]


IDENTITIES = {
    "first key": key(FIRST),
    "second key": key(SECOND),
    "role": role(ROLE),
    "another role": role(f"{ROLE}2"),
    "pod identity": associated(ROLE),
    "another pod identity": associated(f"{ROLE}2"),
}


def template(identity: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    others = [{"name": "AWS_REGION", "value": "a"}, {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "a"}}}]
    containers = [{"name": "sidecar"}, {"name": "main", "env": [*others, *identity]}]
    return {"template": {"spec": {"containers": containers}}}


def job(name: str, identity: Sequence[Mapping[str, Any]], *conditions: tuple[str, str], **spec: Any) -> dict[str, Any]:
    told = {"conditions": [{"type": kind, "status": status} for kind, status in conditions]} if conditions else {}
    return {"metadata": {"name": name}, "spec": {**template(identity), **spec}, "status": told}


def first_run(identity: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return job("refresher-first-run-0123456789", identity, ("Complete", "True"))


class Cluster:
    """The CronJob's identity now, and Jobs as they are at each look but the first, which sees what the second does; the last
    look stays."""

    def __init__(
        self,
        current: Sequence[Mapping[str, Any]] | None = IDENTITIES["second key"],
        jobs: Sequence[Any] = ([],),
        refused: str = "",
    ) -> None:
        self._current, self._jobs, self._refused = current, [jobs[0], *jobs], refused
        self.looks = -1

    def document(self, path: str) -> Mapping[str, object] | None:
        if path == CRON_JOB:
            return None if self._current is None else {"spec": {"jobTemplate": {"spec": template(self._current)}}}
        assert path == JOBS
        if self._refused:
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
    monkeypatch.setattr(earlier_identity.asyncio, "sleep", sleep)
    monkeypatch.setattr(earlier_identity.time, "monotonic", lambda: sum(told.sleeps))
    return told


def wait(monkeypatch: pytest.MonkeyPatch, cluster: Any) -> None:
    run(monkeypatch, cluster, earlier_identity.when_let_go(SETTINGS, RUNS, PATIENCE))


def run(monkeypatch: pytest.MonkeyPatch, cluster: Any, waiting: Any) -> None:
    def reader(_: object) -> Any:
        if cluster is None:
            raise Unreachable("no usable kubeconfig")
        return cluster

    monkeypatch.setattr(earlier_identity.HttpClusterReader, "of", reader)
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(waiting)
    finally:
        loop.close()


@pytest.mark.parametrize("identity", IDENTITIES)
def test_a_stack_that_keeps_its_identity_is_not_held_up(
    monkeypatch: pytest.MonkeyPatch, waited: Waited, identity: str
) -> None:
    mine = IDENTITIES[identity]
    jobs = [first_run(mine), job("refresher-1", mine), job("somebodys", [])]
    wait(monkeypatch, Cluster(mine, [jobs]))
    assert (waited.said, waited.sleeps) == ([], [])


@pytest.mark.parametrize(("before", "now"), [(a, b) for a in IDENTITIES for b in IDENTITIES if a != b])
def test_pulls_that_began_with_the_login_of_before_have_time_to_end(
    monkeypatch: pytest.MonkeyPatch, waited: Waited, before: str, now: str
) -> None:
    jobs = [first_run(IDENTITIES[before]), first_run(IDENTITIES[now])]
    wait(monkeypatch, Cluster(IDENTITIES[now], [jobs]))
    assert waited.sleeps == [earlier_identity.SETTLING_SECONDS]


def test_runs_that_are_kept_to_be_looked_at_are_no_move(monkeypatch: pytest.MonkeyPatch, waited: Waited) -> None:
    """The hand-over is made once, and the last Jobs of the CronJob stay for a day."""
    kept = [job(name, key(FIRST), ("Complete", "True")) for name in ("refresher-hand-over", "refresher-29")]
    wait(monkeypatch, Cluster(role(ROLE), [[*kept, first_run(role(ROLE))]]))
    assert (waited.said, waited.sleeps) == ([], [])


@pytest.mark.parametrize(
    ("before", "now"), [("first key", "role"), ("role", "pod identity"), ("pod identity", "first key")]
)
def test_runs_with_another_identity_are_waited_for_until_they_have_ended(
    monkeypatch: pytest.MonkeyPatch, waited: Waited, before: str, now: str
) -> None:
    old, new = IDENTITIES[before], IDENTITIES[now]
    running = [job("refresher-1", old), job("refresher-2", new), job("by-hand", old, ("Suspended", "False"))]
    ended = [job("refresher-1", old, ("Complete", "True")), job("by-hand", old, ("Failed", "True"))]
    cluster = Cluster(new, jobs=[running, running, [job("by-hand", old), ended[0]], ended])
    wait(monkeypatch, cluster)
    assert cluster.looks == 4
    assert waited.sleeps == [1.0, 1.0, 1.0]
    assert waited.said == [
        ("info", "waiting for refresher-1, by-hand to end, which began with the access key or role of before")
    ]


def test_a_run_that_was_stopped_before_it_began_is_not_under_way(
    monkeypatch: pytest.MonkeyPatch, waited: Waited
) -> None:
    stopped, stopping = job("a", key(FIRST), suspend=True), job("b", key(FIRST), suspend=True)
    stopping["status"] = {"active": 1}
    cluster = Cluster(jobs=[[stopped, stopping], [stopped]])
    wait(monkeypatch, cluster)
    assert cluster.looks == 2


def test_a_run_that_does_not_end_in_time_is_a_warning(monkeypatch: pytest.MonkeyPatch, waited: Waited) -> None:
    wait(monkeypatch, Cluster(jobs=[[job("refresher-1", key(FIRST)), first_run(key(FIRST))]]))
    assert sum(waited.sleeps) == pytest.approx(PATIENCE + 1 + earlier_identity.SETTLING_SECONDS)
    assert waited.said[-1] == (
        "warn",
        "of the refresher's runs, refresher-1 did not end within 600 s and may fail, because the access key or role that they "
        "began with is deleted now; the next run has the new one",
    )


@pytest.mark.parametrize(
    ("cluster", "reason"),
    [
        (Cluster(refused="jobs"), JOBS),
        (None, "no usable kubeconfig"),
        (Cluster(None), "there is no CronJob everpull-dev/refresher"),
    ],
)
def test_a_cluster_that_can_not_be_asked_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, waited: Waited, cluster: Cluster | None, reason: str
) -> None:
    wait(monkeypatch, cluster)
    text = f"whether a run of the refresher still uses an earlier identity was not checked: {reason}"
    assert waited.said == [("warn", text)]
    assert waited.sleeps == []


def test_a_preview_waits_for_nothing(monkeypatch: pytest.MonkeyPatch, waited: Waited) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    cluster = Cluster(jobs=[[job("refresher-1", key(FIRST))]])
    wait(monkeypatch, cluster)
    run(monkeypatch, cluster, pulled())
    assert (cluster.looks, waited.sleeps, waited.said) == (-1, [], [])


# Mode `lambda`.


HUB = "everpull-dev/login-0123456789"
MARK = "everpull/refresher"


def pulled() -> Any:
    return earlier_identity.when_pulled(SETTINGS, HUB, MARK, "everpull/login")


class Hubs:
    """Roles by the hubs that hold their logins; None is one of before hubs told. What fetches a login is there as well."""

    def __init__(self, **hubs: str | None) -> None:
        self._hubs = {name.replace("_", "-"): whose for name, whose in hubs.items()}
        self._fetching = {"metadata": {"name": "fetch-0123456789-eu", "annotations": {"everpull/login": "eu"}}}

    def document(self, path: str) -> Mapping[str, object]:
        assert path == f"/apis/external-secrets.io/v1/namespaces/everpull-dev/externalsecrets?{LABELS}"
        found = {name: {"annotations": {MARK: whose}} if whose else {} for name, whose in self._hubs.items()}
        hubs = [{"metadata": {"name": name, **metadata}} for name, metadata in found.items()]
        return {"items": [self._fetching, *hubs]}


@pytest.mark.parametrize(
    "hubs",
    [
        Hubs(),
        Hubs(login_0123456789="a"),
        Hubs(login_0123456789="a", login_9876543210="a", login_0123456789_irsa="a"),
        Hubs(login_0123456789=None),
    ],
)
def test_namespaces_that_pull_with_the_same_roles_logins_are_not_held_up(
    monkeypatch: pytest.MonkeyPatch, waited: Waited, hubs: Hubs
) -> None:
    run(monkeypatch, hubs, pulled())
    assert (waited.said, waited.sleeps) == ([], [])


@pytest.mark.parametrize("before", ["b", None])
def test_pulls_with_logins_of_a_role_that_goes_have_time_to_end(
    monkeypatch: pytest.MonkeyPatch, waited: Waited, before: str | None
) -> None:
    run(monkeypatch, Hubs(login_0123456789="a", login_9876543210=before), pulled())
    assert waited.sleeps == [earlier_identity.SETTLING_SECONDS]


def test_hubs_that_can_not_be_looked_at_are_a_warning(monkeypatch: pytest.MonkeyPatch, waited: Waited) -> None:
    run(monkeypatch, None, pulled())
    text = "whether pods still pull with logins of another role was not checked: no usable kubeconfig"
    assert (waited.said, waited.sleeps) == ([("warn", text)], [])
