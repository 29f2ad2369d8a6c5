"""Labels and protection by the real engine, in a real API server: what an earlier version made gets them where it is."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from kube.client import connect
from local.paths import ROOT
from modes.marks import MANAGED
from tests.local_providers.kubernetes.control_plane import ControlPlane
from tests.local_providers.kubernetes.stack import PulumiError, Stack

# A namespace of everpull's own, and in it what can't be changed once it is there: an immutable ConfigMap and a Job.
PROGRAM = """
from components.system_namespace import SystemNamespace
from modes.marks import mark_everything
from settings import parse

settings = parse({{"aws:region": "eu-central-1", **{config}}}, "{name}")
if {marked}:
    mark_everything(settings)
system = SystemNamespace(settings.owner, {{"namespace": settings.system_namespace, "labels": settings.labels}})
metadata = {{"namespace": settings.system_namespace, "labels": settings.labels}}
opts = pulumi.ResourceOptions(depends_on=[system])
k8s.core.v1.ConfigMap("code", metadata={{"name": "code", **metadata}}, data={{"a": "b"}}, immutable=True, opts=opts)
k8s.batch.v1.Job(
    "run",
    metadata={{"name": "run", "annotations": {{"pulumi.com/skipAwait": "true"}}, **metadata}},
    spec={{
        "template": {{
            "metadata": {{"labels": settings.labels}},
            "spec": {{"containers": [{{"name": "a", "image": "a"}}], "restart_policy": "Never"}},
        }}
    }},
    opts=opts,
)
"""


@pytest.fixture(scope="module")
def http(plane: ControlPlane) -> Iterator[httpx2.Client]:
    with connect(str(plane.kubeconfig), None, 30) as client:
        yield client


class Marked:
    """A stack that is marked, or not."""

    def __init__(self, stack: Stack, http: httpx2.Client) -> None:
        self.stack, self._http = stack, http
        self._name = f"m{secrets.token_hex(3)}"
        self._place = f"everpull-{self._name}"

    def up(self, *, marked: bool, **config: str) -> str:
        keys = {f"everpull:{key}": value for key, value in config.items()}
        return self.stack.up(PROGRAM.format(config=keys, name=self._name, marked=marked))

    def found(self) -> dict[str, Any]:
        """The three objects' metadata, and the Job's template's."""
        where = f"namespaces/{self._place}"
        paths = {
            "namespace": f"/api/v1/{where}",
            "code": f"/api/v1/{where}/configmaps/code",
            "run": f"/apis/batch/v1/{where}/jobs/run",
        }
        documents = {name: self._http.get(path).json() for name, path in paths.items()}
        metadata = {name: document["metadata"] for name, document in documents.items()}
        return {**metadata, "pod": documents["run"]["spec"]["template"]["metadata"]}


@pytest.fixture
def made(plane: ControlPlane, http: httpx2.Client, tmp_path: Path) -> Marked:
    stack = Stack(tmp_path, plane.kubeconfig, "default")
    stack._environment["PYTHONPATH"] = str(ROOT)
    return Marked(stack, http)


def test_what_an_earlier_version_made_gets_the_labels_and_is_not_made_anew(made: Marked) -> None:
    made.up(marked=False)
    before = made.found()
    assert not any(MANAGED.keys() & found["labels"].keys() for found in before.values())
    text = made.up(marked=True)
    assert "3 updated" in text
    assert "replaced" not in text
    after = made.found()
    for name in ("namespace", "code", "run"):
        assert after[name]["uid"] == before[name]["uid"]
        assert MANAGED.items() <= after[name]["labels"].items()
        assert before[name]["labels"].items() <= after[name]["labels"].items()
    assert after["pod"] == before["pod"]
    assert "unchanged" in made.stack.run("refresh", "--yes", "--skip-preview")
    assert "updated" not in made.up(marked=True)
    made.stack.run("destroy", "--yes", "--skip-preview")


def test_a_namespace_that_is_protected_outlives_destroy_until_that_is_taken_back(made: Marked) -> None:
    made.up(marked=True, protect="true")
    with pytest.raises(PulumiError, match="protect"):
        made.stack.run("destroy", "--yes")
    assert made.found()["run"]["name"] == "run", "its preview stopped it, before anything was deleted"
    made.up(marked=True)
    made.stack.run("destroy", "--yes")
