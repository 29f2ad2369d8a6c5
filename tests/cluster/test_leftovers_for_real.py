"""A run that is killed while it waits for a Job, by the real engine and in a real API server: the next one makes it anew."""

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local.paths import ROOT
from local.providers.kubernetes import kubeconfig
from local.providers.kubernetes.api import Api
from tests.killing import running_until_killed
from tests.local_providers.kubernetes.control_plane import ControlPlane
from tests.local_providers.kubernetes.meddler import Meddler, eventually
from tests.local_providers.kubernetes.stack import PulumiError, Stack
from tests.local_providers.kubernetes.test_jobs_and_deletion import end_pod

PROGRAM = """
from cluster.leftovers import jobs_cleared
from components.before_create import before_create, place
from settings import parse

settings = parse({{"aws:region": "eu-central-1"}}, "test")
container = {{"name": "main", "image": "one"}}
k8s.batch.v1.Job(
    "j",
    metadata={{"name": "j", "namespace": NAMESPACE, "labels": {labels}}},
    spec={{"backoff_limit": 0, "template": {{"spec": {{"restart_policy": "Never", "containers": [container]}}}}}},
    opts=pulumi.ResourceOptions(hooks=before_create("j", jobs_cleared(settings), place)),
)
"""


@pytest.fixture
def meddler(plane: ControlPlane) -> Iterator[Meddler]:
    api = Api(kubeconfig.client(kubeconfig.load(str(plane.kubeconfig), "", ""), 30.0))
    name = f"test-{secrets.token_hex(4)}"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    api.write("create", api.resource("v1", "Namespace"), body, namespace=None, name=name, manager="tests")
    yield Meddler(api, name)
    api.close()


@pytest.fixture
def stack(plane: ControlPlane, meddler: Meddler, tmp_path: Path) -> Stack:
    made = Stack(tmp_path, plane.kubeconfig, meddler.namespace)
    made._environment["PYTHONPATH"] = str(ROOT)
    return made


def uids(meddler: Meddler) -> set[str]:
    return {job["metadata"]["uid"] for job in meddler.find("batch/v1", "Job", "metadata.name=j")}


def killed(stack: Stack, meddler: Meddler, labels: str) -> str:
    """An `up` that is killed, with all that it started, while it waits for the Job. Gives that Job's uid."""
    stack.program(PROGRAM.format(labels=labels))
    up = ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive"]
    with running_until_killed(up, stack._folder, stack._environment):
        (uid,) = eventually(lambda: uids(meddler))
    stack.run("cancel", "--yes")
    assert not [r for r in stack.exported()["deployment"]["resources"] if r["urn"].endswith("::j")]
    return uid


def test_the_job_that_was_left_behind_is_run_anew(stack: Stack, meddler: Meddler) -> None:
    first = killed(stack, meddler, "settings.labels")
    with ThreadPoolExecutor(1) as pool:
        again = pool.submit(stack.up)
        eventually(lambda: uids(meddler) and first not in uids(meddler))
        end_pod(meddler, "Succeeded", 0)
        assert "was left behind by a run that was cut off" in again.result()
    assert "2 unchanged" in stack.up()
    assert "2 unchanged" in stack.run("refresh", "--yes", "--skip-preview")
    # The engine goes on warning of what it does not know the end of, until it is told.
    stack.run("refresh", "--yes", "--skip-preview", "--clear-pending-creates")
    assert "pending operations" not in stack.up()


def test_a_job_that_somebody_else_made_is_refused(stack: Stack, meddler: Meddler) -> None:
    first = killed(stack, meddler, "{}")
    with pytest.raises(PulumiError, match="already exists"):
        stack.up()
    assert uids(meddler) == {first}
