import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any

import pulumi
import pytest

from cluster import convergence
from cluster.reader import Unreachable
from settings import ClusterAccess


def run(awaitable: Coroutine[Any, Any, list[str]]) -> list[str]:
    """Unlike asyncio.run, leaves the thread's current event loop alone, which Pulumi's test decorator relies on."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(awaitable)
    finally:
        loop.close()


ACCESS = ClusterAccess(None, None)
Answers = Iterator[Mapping[str, object] | None]


def external_secret(generation: int, synced: int | None, message: str | None = None) -> dict[str, object]:
    ready = {"type": "Ready", "status": "False" if message else "True", "message": message or "secret synced"}
    status = {"conditions": [ready], "syncedResourceVersion": f"{synced}-9f3c" if synced is not None else ""}
    return {"metadata": {"generation": generation}, "status": status}


class FakeCluster:
    """Gives one answer after the other, the last for ever, for every namespace alike."""

    def __init__(self, *answers: Mapping[str, object] | None) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def document(self, path: str) -> Mapping[str, object] | None:
        self.asked.append(path)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def metadata(self, path: str) -> Mapping[str, object] | None:
        raise AssertionError(path)


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[FakeCluster], list[str]]:
    monkeypatch.setattr(convergence, "_POLL_SECONDS", 0.0)
    monkeypatch.setattr(convergence, "_PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)

    def waited(cluster: FakeCluster) -> list[str]:
        monkeypatch.setattr(convergence.HttpClusterReader, "of", lambda access: cluster)
        return run(convergence.when_synced(ACCESS, ["team-a/ecr-pull"]))

    return waited


def test_what_is_synced_is_given_back(wait: Callable[[FakeCluster], list[str]]) -> None:
    cluster = FakeCluster(external_secret(generation=1, synced=1))
    assert wait(cluster) == ["team-a/ecr-pull"]
    assert cluster.asked == ["/apis/external-secrets.io/v1/namespaces/team-a/externalsecrets/ecr-pull"]


def test_the_readiness_of_an_earlier_generation_is_not_believed(wait: Callable[[FakeCluster], list[str]]) -> None:
    cluster = FakeCluster(external_secret(2, 1), external_secret(2, 1), external_secret(2, 2))
    wait(cluster)
    assert len(cluster.asked) == 3


def test_generation_10_is_not_taken_for_generation_1(wait: Callable[[FakeCluster], list[str]]) -> None:
    with pytest.raises(pulumi.RunError, match="team-a/ecr-pull: not synced yet"):
        wait(FakeCluster(external_secret(generation=1, synced=10)))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (external_secret(2, 1, "could not get secret data from provider"), "could not get secret data from provider"),
        (external_secret(2, None), "not synced yet"),
        (None, "its ExternalSecret is gone"),
    ],
)
def test_what_never_syncs_is_named_with_the_reason(
    wait: Callable[[FakeCluster], list[str]], answer: Mapping[str, object] | None, reason: str
) -> None:
    with pytest.raises(pulumi.RunError, match=f"team-a/ecr-pull: {reason}"):
        wait(FakeCluster(answer))


def test_a_preview_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    monkeypatch.setattr(convergence.HttpClusterReader, "of", lambda access: pytest.fail("looked at the cluster"))
    assert run(convergence.when_synced(ACCESS, ["a/b"])) == ["a/b"]


def test_a_cluster_that_cannot_be_read_is_a_warning(
    wait: Callable[[FakeCluster], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)

    class Gone(FakeCluster):
        def document(self, path: str) -> Mapping[str, object] | None:
            raise Unreachable("ConnectError")

    assert wait(Gone(None)) == ["team-a/ecr-pull"]
    assert warnings == ["whether every namespace holds the new login was not checked: ConnectError"]
