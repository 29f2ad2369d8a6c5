"""A deployed stack of mode `cronjob`, as the live tests need it."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lightkube import Client
from lightkube.models.batch_v1 import JobSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.batch_v1 import CronJob, Job
from lightkube.resources.core_v1 import Pod

from local.driver import workloads
from local.state import PlatformState
from tests.live.deployment import Deployed, bring_up


@dataclass(frozen=True)
class Run:
    """How a Job of the refresher ended: its exit status, all it printed, and what its pod's status says of the end."""

    succeeded: bool
    log: str
    said: str

    @property
    def report(self) -> dict[str, Any]:
        """The last line."""
        return json.loads(self.log.strip().splitlines()[-1])


@dataclass
class CronJobDeployment(Deployed):
    """A stack of mode `cronjob`."""

    @property
    def system_namespace(self) -> str:
        return self.outputs["systemNamespace"]

    def cron_job(self) -> CronJob:
        namespace, name = self.outputs["cronJob"].split("/")
        return self.kube.get(CronJob, name, namespace=namespace)

    def run(self, *arguments: str) -> Run:
        """A Job from the CronJob's own template, with other arguments. It is not tried again, and removed afterwards."""
        spec: JobSpec = self.cron_job().spec.jobTemplate.spec
        (container,) = spec.template.spec.containers
        container.args = [*arguments]
        spec.backoffLimit = 0
        name = f"by-hand-{time.time_ns()}"
        self.kube.create(Job(metadata=ObjectMeta(name=name, namespace=self.system_namespace), spec=spec))
        try:
            return self.ended(name)
        finally:
            self.kube.delete(Job, name, namespace=self.system_namespace)

    def ended(self, job: str, seconds: float = 90) -> Run:
        """Waits for a Job."""

        def ending() -> str | None:
            status = self.kube.get(Job, job, namespace=self.system_namespace).status
            conditions = (status.conditions if status else None) or []
            return next((item.type for item in conditions if item.type in ("Complete", "Failed")), None)

        succeeded = workloads.wait_until(ending, f"Job {job} ends", seconds) == "Complete"
        (pod,) = self.kube.list(Pod, namespace=self.system_namespace, labels={"job-name": job})
        log = "".join(self.kube.log(pod.metadata.name, namespace=self.system_namespace))
        terminated = pod.status.containerStatuses[0].state.terminated
        return Run(succeeded, log, terminated.message or "")

    def annotations(self, namespace: str) -> dict[str, str]:
        secret = self.pull_secret(namespace)
        assert secret is not None, f"{namespace} has no pull secret"
        return {key: value for key, value in (secret.metadata.annotations or {}).items() if key.startswith("everpull/")}

    def version(self, namespace: str) -> str:
        secret = self.pull_secret(namespace)
        assert secret is not None, f"{namespace} has no pull secret"
        return str(secret.metadata.resourceVersion)


@contextmanager
def deploy_cronjob(
    state: PlatformState, kube: Client, name: str, namespaces: Sequence[str], **more: object
) -> Iterator[CronJobDeployment]:
    """Brings a stack of mode `cronjob` up and destroys it afterwards. `more` are `everpull:` keys."""
    keys = {"mode": "cronjob", "image": state.refresher_image, **more}
    with bring_up(CronJobDeployment, state, kube, name, namespaces, keys) as deployment:
        yield deployment
