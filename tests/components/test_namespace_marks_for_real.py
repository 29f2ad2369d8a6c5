"""ESO's mark on namespaces, in a real API server: it holds up no namespace, and is gone with the stack."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from kube.client import connect
from local.paths import ROOT
from tests.local_providers.kubernetes.control_plane import ControlPlane, control_plane
from tests.local_providers.kubernetes.meddler import eventually
from tests.local_providers.kubernetes.stack import Stack

THEIRS = "example.com/theirs"
PROGRAM = """
from components.namespace_marks import NamespaceMarks

NamespaceMarks("marks", {{"mark": "{mark}", "policy_name": "{name}.namespaces", "has_policy": {policy}, "labels": {{}}}})
"""


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(tmp_path_factory.mktemp("control-plane")) as running:
        yield running


@pytest.fixture(scope="module")
def http(plane: ControlPlane) -> Iterator[httpx2.Client]:
    with connect(str(plane.kubeconfig), None, 30) as client:
        yield client


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
def marks(plane: ControlPlane, http: httpx2.Client, tmp_path: Path) -> Marks:
    stack = Stack(tmp_path, plane.kubeconfig, "default")
    stack._environment["PYTHONPATH"] = str(ROOT)
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
