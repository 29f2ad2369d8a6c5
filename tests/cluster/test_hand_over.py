import asyncio
import json
from collections.abc import Callable
from urllib.parse import parse_qs

import httpx2
import pulumi
import pytest

from cluster import hand_over
from kube.client import Unreachable
from settings import Settings, parse
from tests.settings.bad_configurations import CRONJOB, GOOD

GROUP = "/apis/external-secrets.io/v1"
LABELS = {"app.kubernetes.io/name": "everpull", "app.kubernetes.io/instance": "dev"}
SELECTOR = "app.kubernetes.io/name=everpull,app.kubernetes.io/instance=dev"
SETTINGS = parse({**GOOD, **CRONJOB, "everpull:namespaces": '["team-a", "team-b"]'}, "dev")


def table(objects: list[dict[str, object]]) -> httpx2.Response:
    rows = [{"cells": [], "object": {"metadata": item["metadata"]}} for item in objects]
    return httpx2.Response(200, json={"kind": "Table", "columnDefinitions": [], "rows": rows})


class FakeCluster:
    """ExternalSecrets and ClusterExternalSecrets by their paths; a deleted one is gone when it was asked for twice more."""

    def __init__(self, *, forbidden: str = "", stays: bool = False, operator: bool = True) -> None:
        self.objects: dict[str, dict[str, object]] = {}
        self.deleted: list[tuple[str, str]] = []
        self.cron_jobs: list[dict[str, object]] = []
        self._going: dict[str, int] = {}
        self._forbidden, self._stays, self._operator = forbidden, stays, operator

    def add(self, path: str, labels: dict[str, str] = LABELS) -> str:
        *_, kind, name = path.split("/")
        parts = path.split("/")
        namespace = parts[parts.index("namespaces") + 1] if "namespaces" in parts else None
        metadata = {"name": name, "namespace": namespace, "labels": labels, "uid": f"uid of {path}"}
        self.objects[GROUP + path] = {"kind": kind, "metadata": metadata}
        return GROUP + path

    def client(self) -> httpx2.Client:
        return httpx2.Client(transport=httpx2.MockTransport(self._answer), base_url="https://cluster.example")

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        path, query = request.url.path, parse_qs(request.url.query.decode())
        if not self._operator:
            return httpx2.Response(404)
        if self._forbidden and path == self._forbidden:
            return httpx2.Response(403)
        if request.method == "DELETE":
            return self._delete(path, json.loads(request.content))
        if path == f"{GROUP}/externalsecrets":
            (name,) = query["fieldSelector"]
            assert name in ("metadata.name=everpull-dev", "metadata.name=everpull-dev.labelled")
            ending = f"/externalsecrets/{name.removeprefix('metadata.name=')}"
            return table([item for at, item in self.objects.items() if at.endswith(ending)])
        if path == "/apis/batch/v1/namespaces/everpull-dev/cronjobs":
            assert query["labelSelector"] == [SELECTOR]
            return table(self.cron_jobs)
        if path in self._going and not self._stays:
            self._going[path] -= 1
            if self._going[path] < 0:
                self.objects.pop(path, None)
        found = self.objects.get(path)
        if not found:
            return httpx2.Response(404)
        return table([found]) if "includeObject" in query else httpx2.Response(200, json=found)

    def _delete(self, path: str, options: dict[str, object]) -> httpx2.Response:
        metadata = self.objects[path]["metadata"]
        assert isinstance(metadata, dict)
        assert options["preconditions"] == {"uid": metadata["uid"]}
        self.deleted.append((path.removeprefix(GROUP), str(options["propagationPolicy"])))
        self._going[path] = 2
        return httpx2.Response(200, json={})


def take_away(cluster: FakeCluster, settings: Settings = SETTINGS) -> None:
    with cluster.client() as http:
        loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(hand_over.take_away(http, settings))
        finally:
            loop.close()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hand_over, "_POLL_SECONDS", 0.0)
    monkeypatch.setattr(hand_over, "_PATIENCE_SECONDS", 0.05)


def test_external_secrets_go_and_leave_their_secrets_behind() -> None:
    cluster = FakeCluster()
    for namespace in ("team-a", "by-label"):
        cluster.add(f"/namespaces/{namespace}/externalsecrets/everpull-dev")
    take_away(cluster)
    assert cluster.objects == {}
    assert cluster.deleted == [
        ("/namespaces/team-a/externalsecrets/everpull-dev", "Orphan"),
        ("/namespaces/by-label/externalsecrets/everpull-dev", "Orphan"),
    ]


def test_what_would_make_them_anew_goes_first() -> None:
    cluster = FakeCluster()
    cluster.add("/namespaces/team-a/externalsecrets/everpull-dev")
    cluster.add("/clusterexternalsecrets/everpull-dev")
    take_away(cluster)
    assert [path for path, _ in cluster.deleted] == [
        "/clusterexternalsecrets/everpull-dev",
        "/namespaces/team-a/externalsecrets/everpull-dev",
    ]


def test_those_in_namespaces_chosen_by_label_are_gone_too_before_anything_else_writes() -> None:
    """ESO deletes them after what made them, in its own time, and until then they may write."""
    cluster = FakeCluster()
    cluster.add("/clusterexternalsecrets/everpull-dev")
    cluster.add("/namespaces/by-label/externalsecrets/everpull-dev.labelled")
    cluster.add("/namespaces/team-a/externalsecrets/everpull-dev")
    take_away(cluster)
    assert cluster.objects == {}
    assert cluster.deleted == [
        ("/clusterexternalsecrets/everpull-dev", "Background"),
        ("/namespaces/team-a/externalsecrets/everpull-dev", "Orphan"),
        ("/namespaces/by-label/externalsecrets/everpull-dev.labelled", "Orphan"),
    ]


def test_what_somebody_else_made_stays() -> None:
    cluster = FakeCluster()
    cluster.add("/namespaces/team-a/externalsecrets/everpull-dev", {**LABELS, "app.kubernetes.io/instance": "prod"})
    take_away(cluster)
    assert cluster.deleted == []


def test_a_cluster_without_the_operator_has_nothing_to_hand_over() -> None:
    cluster = FakeCluster(operator=False)
    take_away(cluster)
    assert cluster.deleted == []


def test_who_may_not_look_into_all_namespaces_looks_into_the_listed_ones() -> None:
    cluster = FakeCluster(forbidden=f"{GROUP}/externalsecrets")
    cluster.add("/namespaces/team-b/externalsecrets/everpull-dev")
    take_away(cluster)
    assert cluster.objects == {}


def test_one_that_does_not_go_is_said() -> None:
    cluster = FakeCluster(stays=True)
    cluster.add("/namespaces/team-a/externalsecrets/everpull-dev")
    with pytest.raises(Unreachable, match=r"team-a.*does not go"):
        take_away(cluster)


Connect = Callable[..., httpx2.Client]


def moved(
    monkeypatch: pytest.MonkeyPatch, connect: Connect, step: str, *, preview: bool = False
) -> tuple[list[str], list[float]]:
    """The warnings of a move, and how long it was held back."""
    warnings: list[str] = []
    sleeps: list[float] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: preview)
    monkeypatch.setattr(hand_over, "connect_to", connect)
    monkeypatch.setattr(hand_over, "SETTLING_SECONDS", 0.125)
    sleep = asyncio.sleep

    async def slept(seconds: float) -> None:
        if seconds:
            sleeps.append(seconds)
        await sleep(0)

    monkeypatch.setattr(hand_over.asyncio, "sleep", slept)

    async def move() -> None:
        over = hand_over.HandOver(SETTINGS)
        await getattr(over, step)()
        await over.settle()

    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(move())
    finally:
        loop.close()
    return warnings, sleeps


BOTH = pytest.mark.parametrize("step", ["from_operator", "from_cron_job"])


@BOTH
def test_a_preview_touches_nothing_and_waits_for_nothing(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    assert moved(monkeypatch, lambda *_: pytest.fail("connected"), step, preview=True) == ([], [])


@BOTH
def test_a_cluster_that_cannot_be_asked_is_a_warning(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def gone(*_: object) -> httpx2.Client:
        raise Unreachable("ConnectError")

    (warning,), sleeps = moved(monkeypatch, gone, step)
    assert "was not checked: ConnectError" in warning
    assert sleeps == []


@BOTH
def test_a_stack_that_keeps_its_mode_is_not_held_up(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    assert moved(monkeypatch, lambda *_: FakeCluster().client(), step) == ([], [])


def test_after_a_move_from_the_operator_pulls_under_way_may_end(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FakeCluster()
    cluster.add("/namespaces/team-a/externalsecrets/everpull-dev")
    assert moved(monkeypatch, lambda *_: cluster.client(), "from_operator") == ([], [0.125])


def test_after_a_move_from_the_cronjob_pulls_under_way_may_end(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FakeCluster()
    cluster.cron_jobs = [{"metadata": {"name": "refresher"}}]
    assert moved(monkeypatch, lambda *_: cluster.client(), "from_cron_job") == ([], [0.125])
