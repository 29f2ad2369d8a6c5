"""A delivery of mode `cronjob`, as the tests build it."""

from typing import Any

import pulumi

from components.cron_job_delivery import CronJobDelivery, CronJobDeliveryArgs
from tests.components.recording import ACCOUNT, Recorder, record

HOST = f"{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com"
REPOSITORIES = [f"arn:aws:ecr:eu-central-1:{ACCOUNT}:repository/team-a/*"]
LABELS = {"app.kubernetes.io/name": "everpull", "app.kubernetes.io/instance": "dev"}
IMAGE = f"registry.example/python@sha256:{'0' * 64}"
BY_LABEL = {"label_selector": "team=b", "excluded_namespaces": ["team-x"]}
NAME = "everpull-dev"
CRON_JOB, FIRST_RUN, HAND_OVER = (f"{NAME}-refresh-{what}" for what in ("cron-job", "first-run", "hand-over"))


async def alone() -> str:
    """Nothing else writes."""
    return "done"


def deliver(**more: Any) -> CronJobDelivery:
    args: dict[str, Any] = {
        "owner": NAME,
        "labels": LABELS,
        "region": "eu-central-1",
        "registries": [HOST],
        "repository_arns": REPOSITORIES,
        "namespaces": ["team-a", "team-b"],
        "pull_secret_name": "ecr-pull",
        "system_namespace": "everpull-system",
        "role": "everpull-dev:ecr-pull",
        "label_selector": "",
        "excluded_namespaces": [],
        "adopt": False,
        "schedule": "7 * * * *",
        "period": 3600,
        "run_deadline": 600,
        "image": IMAGE,
        "image_pull_policy": "IfNotPresent",
        "node_selector": {},
        "tolerations": [],
        "hand_over": alone,
    }
    return CronJobDelivery(NAME, CronJobDeliveryArgs(**{**args, **more}))


def built(**more: Any) -> Recorder:
    """Everything that a delivery registers."""
    recorder = record()

    @pulumi.runtime.test
    def build() -> Any:
        delivery = deliver(**more)
        return pulumi.Output.all(delivery.cron_job, delivery.hand_over, delivery.identity_arn)

    build()
    return recorder


def physical(recorder: Recorder, kind: str, name_ending: str = "") -> str:
    """`NAMESPACE/NAME` in the cluster, or the name alone."""
    metadata = recorder.one(f":{kind}", name_ending).inputs["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata['name']}".removeprefix("/")


def in_cluster(recorder: Recorder) -> set[tuple[str, str]]:
    """Every Kubernetes object: its kind and place."""
    return {
        (item.type.rpartition(":")[2], physical(recorder, item.type.rpartition(":")[2], item.name))
        for item in recorder.resources
        if item.type.startswith("kubernetes:")
    }
