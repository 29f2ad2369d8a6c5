"""What the state takes for made and somebody deleted: said, with the command that makes it again."""

from collections.abc import Callable, Coroutine
from typing import Any

import pulumi
import pytest

from cluster import there
from cluster.reader import Unreachable
from cluster.there import namespaces_there, roles_there
from settings import Settings
from tests.cluster.eso import run
from tests.cluster.fakes import FakeCluster
from tests.cluster.test_preflight import configured

ROLES = "/apis/rbac.authorization.k8s.io/v1/namespaces"
CLUSTER = {"/api/v1/namespaces/a": {}, f"{ROLES}/a/roles/everpull-dev": {}, f"{ROLES}/c/roles/everpull-dev": {}}


def namespaces(settings: Settings) -> Coroutine[Any, Any, None]:
    return namespaces_there(settings, settings.namespaces)


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    return said


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    made = FakeCluster(dict(CLUSTER))
    monkeypatch.setattr(there.HttpClusterReader, "of", lambda access: made)
    return made


BOTH = pytest.mark.parametrize("look", [namespaces, roles_there])
Look = Callable[[Settings], Coroutine[Any, Any, None]]


@BOTH
def test_what_is_there_is_not_worth_a_word(reader: FakeCluster, warnings: list[str], look: Look) -> None:
    run(look(configured("a")))
    assert warnings == []


@pytest.mark.parametrize(
    ("look", "what"),
    [
        (namespaces, "the state says that everpull made namespace b, which somebody deleted"),
        (roles_there, "the state says that there is a Role everpull-dev in namespace b, which somebody deleted"),
    ],
)
def test_what_is_gone_stops_the_program_before_anything_is_deleted(
    reader: FakeCluster, warnings: list[str], look: Look, what: str
) -> None:
    with pytest.raises(pulumi.RunError) as caught:
        run(look(configured("a", "b")))
    assert str(caught.value) == f"{what}: pulumi up --refresh makes it again"


@BOTH
def test_a_preview_looks_at_nothing(
    reader: FakeCluster, warnings: list[str], monkeypatch: pytest.MonkeyPatch, look: Look
) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    run(look(configured("b")))
    assert reader.asked == []


@BOTH
def test_a_cluster_that_cannot_be_asked_is_a_warning(
    warnings: list[str], monkeypatch: pytest.MonkeyPatch, look: Look
) -> None:
    def gone(access: object) -> None:
        raise Unreachable("ConnectError")

    monkeypatch.setattr(there.HttpClusterReader, "of", gone)
    run(look(configured("b").without(["b"])))
    assert warnings == [], "there is nothing to ask about"
    run(look(configured("b")))
    assert warnings == ["whether everything is there that the state says was not checked: ConnectError"]
