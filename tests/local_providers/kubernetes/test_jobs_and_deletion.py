"""Waiting for Jobs, and for objects to be really gone. No kubelet runs here: the tests report the pods' fate."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.local_providers.kubernetes.meddler import Meddler, eventually
from tests.local_providers.kubernetes.stack import PulumiError, Stack

JOB = """
k8s.batch.v1.Job("j", metadata={"name": "j", "namespace": NAMESPACE}, spec={"backoff_limit": 0, "template": {"spec": {
    "restart_policy": "Never", "containers": [{"name": "main", "image": IMAGE}]}}})
"""
HELD = """
k8s.core.v1.ConfigMap("held", metadata={"name": "held", "namespace": NAMESPACE},
    opts=pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(delete="2s")))
"""


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def end_pod(meddler: Meddler, phase: str, exit_code: int) -> None:
    pods = meddler.resource("v1", "Pod")
    pod = eventually(lambda: meddler.api.find_all(pods, meddler.namespace, labelSelector="job-name=j"))[0]
    ended = {"exitCode": exit_code, "message": "access denied: ecr:GetAuthorizationToken", "reason": "Error"}
    container = {"name": "main", "image": "i", "imageID": "", "ready": False, "restartCount": 0}
    status = {"phase": phase, "containerStatuses": [{**container, "state": {"terminated": ended}}]}
    meddler.set_status("v1", "Pod", pod["metadata"]["name"], status)


def test_up_waits_for_a_job_to_succeed_and_a_new_template_is_a_new_job(
    stack: Stack, meddler: Meddler, background: ThreadPoolExecutor
) -> None:
    running = background.submit(stack.up, "IMAGE = 'one'\n" + JOB.strip())
    end_pod(meddler, "Succeeded", 0)
    assert "+ 2 created" in running.result()
    assert "2 unchanged" in stack.up()
    assert "2 unchanged" in stack.run("refresh", "--yes", "--skip-preview")

    first = meddler.get("batch/v1", "Job", "j")["metadata"]["uid"]
    replacing = background.submit(stack.up, "IMAGE = 'two'\n" + JOB.strip())
    eventually(
        lambda: any(job["metadata"]["uid"] != first for job in meddler.find("batch/v1", "Job", "metadata.name=j"))
    )
    end_pod(meddler, "Succeeded", 0)
    assert "+-1 replaced" in replacing.result()


def test_a_failed_job_fails_up_at_once_with_what_its_pod_said(
    stack: Stack, meddler: Meddler, background: ThreadPoolExecutor
) -> None:
    running = background.submit(stack.up, "IMAGE = 'one'\n" + JOB.strip())
    end_pod(meddler, "Failed", 3)
    with pytest.raises(PulumiError, match="BackoffLimitExceeded") as failed:
        running.result()
    assert "exit code 3: access denied: ecr:GetAuthorizationToken" in str(failed.value)
    assert stack.resource("j")["id"].endswith("/j")
    stack.run("destroy", "--yes", "--skip-preview")
    assert not meddler.exists("batch/v1", "Job", "j")


def test_destroy_waits_for_finalizers_and_names_them(stack: Stack, meddler: Meddler) -> None:
    stack.up(HELD)
    meddler.patch(
        "v1", "ConfigMap", "held", {"op": "add", "path": "/metadata/finalizers", "value": ["tests.example.com/hold"]}
    )
    with pytest.raises(PulumiError, match=r"finalizers might be preventing deletion \(tests.example.com/hold"):
        stack.run("destroy", "--yes", "--skip-preview")
    assert meddler.exists("v1", "ConfigMap", "held")
    assert stack.resource("held")

    meddler.patch("v1", "ConfigMap", "held", {"op": "remove", "path": "/metadata/finalizers"})
    stack.run("destroy", "--yes", "--skip-preview")
    assert not meddler.exists("v1", "ConfigMap", "held")


def test_a_namespace_is_gone_when_destroy_returns(stack: Stack, meddler: Meddler) -> None:
    stack.up(
        """
        own = k8s.core.v1.Namespace("own")
        k8s.core.v1.Secret("s", metadata={"name": "s", "namespace": own.metadata.name}, string_data={"k": "value"})
        """
    )
    name = stack.resource("own")["id"]
    stack.run("destroy", "--yes", "--skip-preview")
    namespaces = meddler.resource("v1", "Namespace")
    assert not meddler.api.find_all(namespaces, None, fieldSelector=f"metadata.name={name}")


def test_what_is_gone_already_is_destroyed_without_complaint(stack: Stack, meddler: Meddler) -> None:
    stack.up(HELD)
    meddler.api.delete(meddler.resource("v1", "ConfigMap"), meddler.namespace, "held", "Background")
    assert "- 2 deleted" in stack.run("destroy", "--yes", "--skip-preview")
