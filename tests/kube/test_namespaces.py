import json
from typing import Any

import httpx2
import pytest

from kube.changes import NotDone
from kube.client import Unreachable
from kube.namespaces import Marked, Namespaces, mark_of, remedy

MARK = "externalsecrets.external-secrets.io/ces-everpull-dev"


class Cluster:
    """Namespaces with their finalizers. `refuses` are statuses that the next patches are answered with."""

    def __init__(self, **finalizers: list[str]) -> None:
        self.namespaces: dict[str, dict[str, Any]] = {
            name: {"name": name, **({"finalizers": marks} if marks else {})} for name, marks in finalizers.items()
        }
        self.refuses: list[int] = []
        self.asked: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        name = request.url.path.removeprefix("/api/v1/namespaces").strip("/")
        if not name:
            return httpx2.Response(200, json={"items": [{"metadata": found} for found in self.namespaces.values()]})
        found = self.namespaces.get(name)
        if found is None:
            return httpx2.Response(404, json={})
        if request.method == "PATCH":
            if self.refuses:
                return httpx2.Response(self.refuses.pop(0), json={"message": "no"})
            test, remove = json.loads(request.content)
            index = int(test["path"].rsplit("/", 1)[1])
            assert (test["op"], remove) == ("test", {"op": "remove", "path": test["path"]})
            assert found["finalizers"][index] == test["value"]
            del found["finalizers"][index]
        return httpx2.Response(200, json={"metadata": found})

    def of(self) -> Namespaces:
        return Namespaces(httpx2.Client(base_url="https://cluster.example", transport=httpx2.MockTransport(self)))

    @property
    def patches(self) -> int:
        return sum(request.method == "PATCH" for request in self.asked)


def test_the_mark_is_the_operators_for_that_name() -> None:
    assert mark_of("everpull-dev") == MARK


def test_those_with_the_mark_are_told_from_those_with_another() -> None:
    cluster = Cluster(a=[MARK], b=[], c=[f"{MARK}-2"], d=["theirs", MARK])
    cluster.namespaces["d"]["deletionTimestamp"] = "2026-11-26T00:00:00Z"
    assert cluster.of().marked(MARK) == [Marked("a", False), Marked("d", True)]
    assert "PartialObjectMetadataList" in cluster.asked[0].headers["Accept"]


def test_the_mark_alone_is_taken_off() -> None:
    cluster = Cluster(a=["theirs", MARK, "more"])
    cluster.of().unmark("a", MARK)
    assert cluster.namespaces["a"]["finalizers"] == ["theirs", "more"]


@pytest.mark.parametrize("name", ["b", "gone"])
def test_where_there_is_no_mark_nothing_is_changed(name: str) -> None:
    cluster = Cluster(b=["theirs"])
    cluster.of().unmark(name, MARK)
    assert cluster.patches == 0


@pytest.mark.parametrize("status", [409, 422])
def test_a_namespace_that_somebody_changes_at_the_same_time_is_looked_at_again(status: int) -> None:
    cluster = Cluster(a=[MARK])
    cluster.refuses = [status, status]
    cluster.of().unmark("a", MARK)
    assert cluster.namespaces["a"]["finalizers"] == []


def test_one_that_never_holds_still_is_given_up() -> None:
    cluster = Cluster(a=[MARK])
    cluster.refuses = [409] * 9
    with pytest.raises(NotDone, match="HTTP 409 on /api/v1/namespaces/a: no"):
        cluster.of().unmark("a", MARK)
    assert cluster.patches == 5


def test_who_may_not_is_not_tried_for_again() -> None:
    cluster = Cluster(a=[MARK])
    cluster.refuses = [403]
    with pytest.raises(NotDone, match="HTTP 403"):
        cluster.of().unmark("a", MARK)
    assert cluster.patches == 1


def test_a_cluster_out_of_reach_is_said() -> None:
    def fail(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("canary")

    namespaces = Namespaces(httpx2.Client(base_url="https://cluster.example", transport=httpx2.MockTransport(fail)))
    with pytest.raises(Unreachable, match=r"^ConnectError on /api/v1/namespaces$"):
        namespaces.marked(MARK)


def test_a_person_is_told_what_to_take_out_where() -> None:
    assert remedy(MARK, "team-a") == f"kubectl edit namespace team-a   (take {MARK} out of metadata.finalizers)"
