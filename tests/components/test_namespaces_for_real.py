"""Namespaces in a real API server: ESO's mark holds up none and is gone with the stack, and those that are made stay."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from kube.client import connect
from local.paths import ROOT
from tests.local_providers.kubernetes.control_plane import ControlPlane
from tests.local_providers.kubernetes.meddler import eventually
from tests.local_providers.kubernetes.stack import Stack

THEIRS = "example.com/theirs"
PROGRAM = """
from components.namespace_marks import NamespaceMarks

NamespaceMarks("marks", {{"mark": "{mark}", "policy_name": "{name}.namespaces", "has_policy": {policy}, "labels": {{}}}})
"""


@pytest.fixture(scope="module")
def http(plane: ControlPlane) -> Iterator[httpx2.Client]:
    with connect(str(plane.kubeconfig), None, 30) as client:
        yield client


NAMESPACES = """
from components.listed_namespaces import ListedNamespaces

pulumi.export("made", ListedNamespaces("namespaces", {{"namespaces": {names}}}).namespaces)
"""


class Marks:
    """One stack, and its mark on namespaces."""

    def __init__(self, stack: Stack, http: httpx2.Client) -> None:
        self._stack, self._http = stack, http
        self.name = f"everpull-{secrets.token_hex(3)}"
        self.mark = f"externalsecrets.external-secrets.io/ces-{self.name}"

    def up(self, *, policy: bool) -> str:
        return self._stack.up(PROGRAM.format(mark=self.mark, name=self.name, policy=policy))

    def destroy(self) -> None:
        self._stack.run("destroy", "--yes", "--skip-preview")

    def namespace(self, *marks: str) -> str:
        name = f"{self.name}-{secrets.token_hex(3)}"
        answer = self._http.post("/api/v1/namespaces", json={"metadata": {"name": name, "finalizers": [*marks]}})
        assert answer.status_code == 201, answer.text
        return name

    def delete(self, name: str) -> None:
        assert self._http.delete(f"/api/v1/namespaces/{name}").is_success

    def marks(self, name: str) -> list[str] | None:
        """None where the namespace is gone."""
        answer = self._http.get(f"/api/v1/namespaces/{name}")
        return None if answer.status_code == 404 else answer.json()["metadata"].get("finalizers", [])

    def emptied(self, name: str) -> bool:
        """Whether nothing but a finalizer keeps the namespace."""
        return self._http.get(f"/api/v1/namespaces/{name}").json().get("spec") == {}


@pytest.fixture
def stack(plane: ControlPlane, tmp_path: Path) -> Stack:
    made = Stack(tmp_path, plane.kubeconfig, "default")
    made._environment["PYTHONPATH"] = str(ROOT)
    return made


@pytest.fixture
def marks(stack: Stack, http: httpx2.Client) -> Marks:
    return Marks(stack, http)


def test_a_marked_namespace_goes_by_itself_while_the_stack_is_there(marks: Marks) -> None:
    marks.up(policy=True)
    # API servers take a policy over a second after it was made.
    eventually(lambda: _goes(marks, marks.namespace(marks.mark)))
    both = marks.namespace(THEIRS, marks.mark)
    marks.delete(both)
    eventually(lambda: marks.marks(both) == [THEIRS])
    assert "unchanged" in marks.up(policy=True)


def _goes(marks: Marks, name: str) -> bool:
    marks.delete(name)
    eventually(lambda: marks.marks(name) is None or marks.emptied(name))
    return marks.marks(name) is None


def test_a_mark_does_not_go_before_its_namespace_does(marks: Marks) -> None:
    """ESO keeps a namespace that it serves until its ExternalSecret is gone."""
    marks.up(policy=True)
    name = marks.namespace(marks.mark)
    relabelled = {"metadata": {"labels": {"team": "b"}}}
    merge = {"Content-Type": "application/merge-patch+json"}
    assert marks._http.patch(f"/api/v1/namespaces/{name}", json=relabelled, headers=merge).is_success
    assert marks.marks(name) == [marks.mark]


def test_without_a_policy_the_namespace_stays_until_the_stack_goes(marks: Marks) -> None:
    marks.up(policy=False)
    leaving, staying, other = (
        marks.namespace(marks.mark),
        marks.namespace(marks.mark, THEIRS),
        marks.namespace(f"{marks.mark}-2"),
    )
    marks.delete(leaving)
    eventually(lambda: marks.emptied(leaving))
    assert marks.marks(leaving) == [marks.mark]
    marks.destroy()
    assert marks.marks(leaving) is None
    assert marks.marks(staying) == [THEIRS]
    assert marks.marks(other) == [f"{marks.mark}-2"]


def metadata_of(http: httpx2.Client, name: str) -> dict[str, Any] | None:
    answer = http.get(f"/api/v1/namespaces/{name}")
    return None if answer.status_code == 404 else answer.json()["metadata"]


def test_a_namespace_is_made_where_it_is_missing_and_left_as_it_is_where_it_is_not(
    stack: Stack, http: httpx2.Client
) -> None:
    theirs, ours = (f"team-{secrets.token_hex(3)}" for _ in range(2))
    labels = {"team": "theirs", "kubernetes.io/metadata.name": theirs}
    body = {"metadata": {"name": theirs, "labels": labels, "annotations": {"theirs": "kept"}}}
    assert http.post("/api/v1/namespaces", json=body).status_code == 201

    stack.up(NAMESPACES.format(names=[theirs, ours]))
    found = metadata_of(http, theirs)
    assert found
    assert (found["labels"], found["annotations"]) == (labels, {"theirs": "kept"})
    made = metadata_of(http, ours)
    assert made
    assert (set(made["labels"]), made.get("annotations")) == ({"kubernetes.io/metadata.name"}, None)
    assert "unchanged" in stack.up()

    relabelled = {"metadata": {"labels": {"team": "changed"}}}
    merge = {"Content-Type": "application/merge-patch+json"}
    assert http.patch(f"/api/v1/namespaces/{ours}", json=relabelled, headers=merge).is_success
    assert "created" not in stack.up(None, "--refresh")
    stack.up(NAMESPACES.format(names=[theirs]))
    after = metadata_of(http, ours)
    assert after
    assert (after["uid"], after["labels"]["team"]) == (made["uid"], "changed")
    assert "deletionTimestamp" not in after
    stack.run("destroy", "--yes", "--skip-preview")
    assert [name for name in (theirs, ours) if "deletionTimestamp" in (metadata_of(http, name) or {})] == []
    assert all(metadata_of(http, name) for name in (theirs, ours))


def test_one_that_somebody_deleted_is_made_again_by_an_up_that_refreshes(stack: Stack, http: httpx2.Client) -> None:
    name = f"team-{secrets.token_hex(3)}"
    stack.up(NAMESPACES.format(names=[name]))
    assert http.delete(f"/api/v1/namespaces/{name}").is_success
    eventually(lambda: metadata_of(http, name) is None)
    assert "created" not in stack.up(), "nothing told the engine: cluster/there.py can go"
    assert metadata_of(http, name) is None
    stack.up(None, "--refresh")
    assert metadata_of(http, name)


def test_what_was_in_a_namespace_that_is_gone_needs_no_refresh_to_leave_the_stack(
    stack: Stack, http: httpx2.Client
) -> None:
    name = f"team-{secrets.token_hex(3)}"
    assert http.post("/api/v1/namespaces", json={"metadata": {"name": name}}).status_code == 201
    role = f'k8s.rbac.v1.Role("role", metadata={{"name": "everpull", "namespace": "{name}"}}, rules=[])\n'
    other = 'k8s.core.v1.ServiceAccount("other", metadata={"name": "other", "namespace": NAMESPACE})\n'
    stack.up(role)
    assert http.delete(f"/api/v1/namespaces/{name}").is_success
    eventually(lambda: metadata_of(http, name) is None)
    done = stack.up(other)
    assert "1 created" in done
    assert "1 deleted" in done
