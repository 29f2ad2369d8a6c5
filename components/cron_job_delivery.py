"""Mode `cronjob`: the cluster renews its own login, without an operator."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import pulumi
from pulumi_kubernetes.core.v1 import TolerationArgsDict

from .cluster_identity import ClusterIdentity
from .delivery import DeliveryArgs
from .policy import USER_POLICY_CHARACTERS, fetch_login, inline_document, pull_with_it
from .refresh_cron_job import NAME, RefreshCronJob


class CronJobDeliveryArgs(DeliveryArgs):
    """Arguments of CronJobDelivery."""

    role: str
    """Name of the Roles by which the pull secret may be written, unique in the cluster, and another for another secret."""

    label_selector: str
    """Label selector of further namespaces whose pods pull; empty for none."""

    excluded_namespaces: Sequence[str]
    """Namespaces that get no pull secret whatever their labels are."""

    adopt: bool
    """Whether a Secret of the pull secret's name that something else made may be taken over."""

    schedule: str
    """Cron expression of the refresher, in UTC."""

    period: int
    """Seconds between two firings of it."""

    run_deadline: int
    """Seconds after which a run is ended."""

    image: str
    """Image that it runs, with Python 3.11 or later and boto3."""

    image_pull_policy: str
    """When nodes pull the image."""

    node_selector: Mapping[str, str]
    """Labels of the nodes that it may run on."""

    tolerations: Sequence[TolerationArgsDict]
    """Taints of nodes that it bears."""

    hand_over: Callable[[], Awaitable[str]]
    """See RefreshCronJobArgs."""


class CronJobDelivery(pulumi.ComponentResource):
    """An identity that may fetch logins and pull, and the CronJob that uses it. Each waits for a working one before it."""

    identity_arn: pulumi.Output[str]
    """ARN of the IAM user: the principal whose rights every login carries."""

    cron_job: pulumi.Output[str]
    """`NAMESPACE/NAME` of the CronJob."""

    first_run: pulumi.Output[str]
    """`NAMESPACE/NAME` of the Job that ran at deploy time."""

    hand_over: pulumi.Output[str]
    """`NAMESPACE/NAME` of the Job that ran once nothing else wrote the pull secrets any more."""

    pull_secrets: pulumi.Output[list[str]]
    """`NAMESPACE/NAME` of each listed namespace's pull secret, once it holds a live login."""

    def __init__(self, name: str, args: CronJobDeliveryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:CronJobDelivery", name, None, opts)
        policy = inline_document(USER_POLICY_CHARACTERS, fetch_login(), pull_with_it(args["repository_arns"]))
        identity = ClusterIdentity(
            f"{name}-cluster",
            {
                "policy": policy,
                "namespace": args["system_namespace"],
                "credentials_secret_name": f"{NAME}-aws-credentials",
                "labels": dict(args["labels"]),
            },
            pulumi.ResourceOptions(parent=self),
        )
        refresh = RefreshCronJob(
            f"{name}-refresh",
            {
                "region": args["region"],
                "registries": args["registries"],
                "namespaces": args["namespaces"],
                "label_selector": args["label_selector"],
                "excluded_namespaces": args["excluded_namespaces"],
                "pull_secret_name": args["pull_secret_name"],
                "role": args["role"],
                "adopt": args["adopt"],
                "system_namespace": args["system_namespace"],
                "environment": identity.environment,
                "revision": identity.revision.apply(lambda key: f"{key} {policy}"),
                "schedule": args["schedule"],
                "period": args["period"],
                "run_deadline": args["run_deadline"],
                "image": args["image"],
                "image_pull_policy": args["image_pull_policy"],
                "node_selector": args["node_selector"],
                "tolerations": args["tolerations"],
                "hand_over": args["hand_over"],
                "labels": args["labels"],
            },
            pulumi.ResourceOptions(parent=self, depends_on=[identity]),
        )
        self.identity_arn = identity.user_arn
        self.cron_job = refresh.cron_job
        self.first_run = refresh.first_run
        self.hand_over = refresh.hand_over
        self.pull_secrets = refresh.pull_secrets
        self.register_outputs(
            {
                "identity_arn": self.identity_arn,
                "cron_job": self.cron_job,
                "first_run": self.first_run,
                "hand_over": self.hand_over,
                "pull_secrets": self.pull_secrets,
            }
        )
