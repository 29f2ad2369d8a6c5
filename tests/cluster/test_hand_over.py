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
SETTINGS = parse({**GOOD, **CRONJOB, "everpull:namespaces": '["team-a", "team-b"]'}, "dev")


class FakeCluster:
    """ExternalSecrets and ClusterExternalSecrets by their paths; a deleted one is gone when it was asked for twice more."""

    def __init__(self, *, forbidden: str = "", stays: bool = False, operator: bool = True) -> None:
        self.objects: dict[str, dict[str, object]] = {}
        self.deleted: list[tuple[str, str]] = []
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
        path = request.url.path
        if not self._operator:
            return httpx2.Response(404)
        if self._forbidden and path == self._forbidden:
            return httpx2.Response(403)
        if request.method == "DELETE":
            return self._delete(path, json.loads(request.content))
        if path == f"{GROUP}/externalsecrets":
            assert parse_qs(request.url.query.decode()) == {"fieldSelector": ["metadata.name=everpull-dev"]}
            found = [item for at, item in self.objects.items() if "/namespaces/" in at]
            return httpx2.Response(200, json={"items": found})
        if path in self._going and not self._stays:
            self._going[path] -= 1
            if self._going[path] < 0:
                self.objects.pop(path, None)
        found = self.objects.get(path)
        return httpx2.Response(200, json=found) if found else httpx2.Response(404)

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


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., httpx2.Client], bool], list[str]]:
    def run(connect: Callable[..., httpx2.Client], preview: bool) -> list[str]:
        warnings: list[str] = []
        monkeypatch.setattr(pulumi.log, "warn", warnings.append)
        monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: preview)
        monkeypatch.setattr(hand_over, "connect", connect)
        loop = asyncio.new_event_loop()
        try:
            assert loop.run_until_complete(hand_over.hand_over(SETTINGS)) == "done"
        finally:
            loop.close()
        return warnings

    return run


def test_a_preview_touches_nothing(
    handed_over: Callable[[Callable[..., httpx2.Client], bool], list[str]],
) -> None:
    assert handed_over(lambda *_: pytest.fail("connected"), True) == []


def test_a_cluster_that_cannot_be_asked_is_a_warning(
    handed_over: Callable[[Callable[..., httpx2.Client], bool], list[str]],
) -> None:
    def gone(*_: object) -> httpx2.Client:
        raise Unreachable("ConnectError")

    (warning,) = handed_over(gone, False)
    assert "whether ESO has let go of the pull secrets was not checked: ConnectError" in warning
