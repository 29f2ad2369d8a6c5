"""Fifty forced refreshes, watched without a pause: the pull secret is never missing and never holds a dead login.

The refresher runs as a process of this machine with the stack's own service account, targets and AWS key, because fifty
pods would only measure the kubelet.
"""

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lightkube import Client
from lightkube.models.authentication_v1 import TokenRequestSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Secret, ServiceAccountToken

from local.paths import ROOT
from local.state import PlatformState
from tests.live.cronjob_deployment import CronJobDeployment, deploy_cronjob
from tests.live.watch import watched

REFRESHES = 50
POLLS = 10_000


@pytest.fixture(scope="module")
def steady(platform: PlatformState, kube: Client) -> Iterator[CronJobDeployment]:
    with deploy_cronjob(platform, kube, "steady", ["steady-a", "steady-b"]) as deployment:
        yield deployment


@pytest.fixture
def as_the_pod(steady: CronJobDeployment, tmp_path: Path) -> dict[str, str]:
    """The environment that the CronJob's pod has, on this machine."""
    kube, namespace = steady.kube, steady.system_namespace
    pod = steady.cron_job().spec.jobTemplate.spec.template.spec
    request = ServiceAccountToken(metadata=ObjectMeta(), spec=TokenRequestSpec(audiences=[], expirationSeconds=3600))
    token = kube.create(request, pod.serviceAccountName, namespace=namespace).status.token
    (tmp_path / "token").write_text(token, encoding="utf-8")
    roots = kube.get(ConfigMap, "kube-root-ca.crt", namespace=namespace)
    (tmp_path / "ca.crt").write_text((roots.data or {})["ca.crt"], encoding="utf-8")
    (targets,) = [item for item in kube.list(ConfigMap, namespace=namespace) if "targets.json" in (item.data or {})]
    (tmp_path / "targets.json").write_text(targets.data["targets.json"], encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "lambda_src")}
    for variable in pod.containers[0].env:
        if variable.value is not None:
            environment[variable.name] = variable.value
        elif variable.valueFrom.secretKeyRef:
            wanted = variable.valueFrom.secretKeyRef
            data = kube.get(Secret, wanted.name, namespace=namespace).data or {}
            environment[variable.name] = base64.b64decode(data[wanted.key]).decode()
    host, port = steady.state.kube_api.removeprefix("https://").split(":")
    return environment | {
        "PYTHONPATH": str(ROOT / "lambda_src"),
        "AWS_ENDPOINT_URL": steady.state.aws_endpoint,
        "EVERPULL_TARGETS": str(tmp_path / "targets.json"),
        "EVERPULL_SERVICE_ACCOUNT": str(tmp_path),
        "KUBERNETES_SERVICE_HOST": host,
        "KUBERNETES_SERVICE_PORT": port,
    }


def test_fifty_forced_refreshes_leave_no_hole(steady: CronJobDeployment, as_the_pod: dict[str, str]) -> None:
    before = steady.pull_secret("steady-a")
    runs = 0
    with watched(steady.state, "steady-a", steady.outputs["pullSecretName"]) as seen:
        while runs < REFRESHES or seen.polls < POLLS:
            done = subprocess.run(
                [sys.executable, "-m", "refresher", "--force", "--reason", "test"],
                env=as_the_pod,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout
            runs += 1
    assert seen.faults == []
    assert seen.polls >= POLLS
    assert len(seen.contents) >= REFRESHES
    assert seen.uids == {before.metadata.uid}
