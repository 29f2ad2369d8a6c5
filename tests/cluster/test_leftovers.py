"""What a run that was killed left behind makes room for what is made now, and nothing else does."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pulumi
import pytest

from cluster import hand_over, leftovers
from cluster.leftovers import Clear, cleared, jobs_cleared
from kube.client import Unreachable
from settings import Settings, parse
from tests.settings.bad_configurations import GOOD

SETTINGS = parse(GOOD, "dev")
ESO = "/apis/external-secrets.io/v1"
HUB = f"{ESO}/namespaces/everpull-dev/externalsecrets/login-0123456789-2"
JOB = "/apis/batch/v1/namespaces/everpull-dev/jobs/refresher-first-run-0123456789"
FETCH = f"{ESO}/namespaces/everpull-dev/externalsecrets/fetch-0123456789-2-eu"
SORT = "everpull/login"
CLEAR: dict[str, Callable[[Settings], Clear]] = {
    HUB: lambda settings: cleared(settings, SORT),
    FETCH: lambda settings: cleared(settings, SORT),
    JOB: jobs_cleared,
}
MADE = "2026-01-01T00:01:00Z"
EACH = pytest.mark.parametrize("path", CLEAR)
OF_ESO = pytest.mark.parametrize("path", [HUB, FETCH])


class Cluster:
    """One object that goes when it is deleted, a namespace that reads one hub, and another hub; each hub has one login, of one
    region, and another of the newer one's was fetched since."""

    def __init__(
        self,
        path: str,
        labels: dict[str, str] = SETTINGS.labels,
        *,
        read: str = "login-0123456789",
        other_made: str = "2026-01-01T00:00:59Z",
        refused: str = "",
    ) -> None:
        self.path, self._read, self._other_made, self._refused = path, read, other_made, refused
        self.metadata: dict[str, Any] | None = {"uid": "of-it", "labels": labels, "creationTimestamp": MADE}
        self.deleted: list[dict[str, Any]] = []

    def client(self) -> httpx2.Client:
        return httpx2.Client(transport=httpx2.MockTransport(self._answer), base_url="https://cluster.example")

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path == self._refused:
            return httpx2.Response(403)
        if request.url.path == f"{ESO}/externalsecrets":
            wanted = ",".join(f"{key}={value}" for key, value in SETTINGS.labels.items())
            assert parse_qs(request.url.query.decode()) == {"labelSelector": [wanted]}
            return httpx2.Response(200, json={"items": list(self._external_secrets())})
        assert request.url.path == self.path
        if self.metadata is None:
            return httpx2.Response(404)
        if request.method == "DELETE":
            self.deleted.append(json.loads(request.content))
            self.metadata = None
        return httpx2.Response(200, json={"metadata": self.metadata})

    def _external_secrets(self) -> Iterator[dict[str, Any]]:
        # That of a namespace is newer than any hub where the namespace was listed later.
        places = {
            ("everpull-dev", "login-0123456789-2"): ("arn", MADE),
            ("everpull-dev", "login-0123456789"): ("arn", self._other_made),
            ("everpull-dev", "fetch-0123456789-2-eu"): ("", MADE),
            ("everpull-dev", "fetch-0123456789-eu"): ("", self._other_made),
            ("everpull-dev", "fetch-0123456789-2-us"): ("", MADE),
            ("team-a", "everpull-dev"): (self._read, "2026-01-02T00:00:00Z"),
        }
        for (namespace, name), (key, made) in places.items():
            sort = {SORT: name.rpartition("-")[2]} if name.startswith("fetch-") else {}
            metadata = {"namespace": namespace, "name": name, "creationTimestamp": made, "annotations": sort}
            yield {"metadata": metadata, "spec": {"data": [{"secretKey": "k", "remoteRef": {"key": key}}]}}


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    heard: list[str] = []
    for level in ("info", "warn"):
        monkeypatch.setattr(pulumi.log, level, heard.append)
    monkeypatch.setattr(hand_over, "_POLL_SECONDS", 0.0)
    return heard


def clear(monkeypatch: pytest.MonkeyPatch, path: str, connect: Callable[[], httpx2.Client]) -> None:
    monkeypatch.setattr(leftovers, "connect_to", lambda _: connect())
    _, _, namespace, _, name = path.rsplit("/", 4)
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(CLEAR[path](SETTINGS)(f"{namespace}/{name}"))
    finally:
        loop.close()


@EACH
def test_what_is_left_behind_goes_with_what_belongs_to_it(
    monkeypatch: pytest.MonkeyPatch, said: list[str], path: str
) -> None:
    cluster = Cluster(path)
    clear(monkeypatch, path, cluster.client)
    (options,) = cluster.deleted
    assert (options["propagationPolicy"], options["preconditions"]) == ("Foreground", {"uid": "of-it"})
    assert said == [f"{path} was left behind by a run that was cut off, and is made anew"]


@OF_ESO
def test_what_another_one_reads_stays(monkeypatch: pytest.MonkeyPatch, said: list[str], path: str) -> None:
    cluster = Cluster(path, read=path.rpartition("/")[2])
    clear(monkeypatch, path, cluster.client)
    assert (cluster.deleted, said) == ([], [])


@OF_ESO
@pytest.mark.parametrize("made", [MADE, "2026-01-01T00:01:01Z", "2026-02-01T00:00:00Z"])
def test_what_is_not_the_newest_of_its_sort_stays(
    monkeypatch: pytest.MonkeyPatch, said: list[str], path: str, made: str
) -> None:
    """The state has it as one to be deleted, by its name, once the one that is about to be made is in use."""
    cluster = Cluster(path, other_made=made)
    clear(monkeypatch, path, cluster.client)
    assert (cluster.deleted, said) == ([], [])


@EACH
def test_what_somebody_else_made_stays(monkeypatch: pytest.MonkeyPatch, said: list[str], path: str) -> None:
    cluster = Cluster(path, {**SETTINGS.labels, "app.kubernetes.io/instance": "prod"})
    clear(monkeypatch, path, cluster.client)
    assert (cluster.deleted, said) == ([], [])


@EACH
def test_nothing_is_done_where_nothing_is_there(monkeypatch: pytest.MonkeyPatch, said: list[str], path: str) -> None:
    cluster = Cluster(path)
    cluster.metadata = None
    clear(monkeypatch, path, cluster.client)
    assert (cluster.deleted, said) == ([], [])


@pytest.mark.parametrize(("path", "refused"), [(HUB, HUB), (HUB, f"{ESO}/externalsecrets"), (JOB, JOB)])
def test_what_may_not_be_looked_at_is_left_to_the_provider(
    monkeypatch: pytest.MonkeyPatch, said: list[str], path: str, refused: str
) -> None:
    cluster = Cluster(path, refused=refused)
    clear(monkeypatch, path, cluster.client)
    assert (cluster.deleted, said) == ([], [])


@EACH
def test_a_cluster_out_of_reach_is_left_to_the_provider_too(
    monkeypatch: pytest.MonkeyPatch, said: list[str], path: str
) -> None:
    def connect() -> httpx2.Client:
        raise Unreachable("ConnectError")

    clear(monkeypatch, path, connect)
    assert said == []
