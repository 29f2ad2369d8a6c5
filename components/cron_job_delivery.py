"""Mode `cronjob`: the cluster renews its own login, without an operator."""

import pulumi

from .cluster_identity import ClusterIdentity, access_key_of
from .logins import login_rights
from .policy import USER_POLICY_CHARACTERS, inline_document
from .refresh_cron_job import NAME, CronJobArgs, RefreshCronJob

# Name of the Secret that holds the first access key; those of later ones begin with it.
CREDENTIALS = f"{NAME}-aws-credentials"


class CronJobDeliveryArgs(CronJobArgs):
    """Arguments of CronJobDelivery."""


class CronJobDelivery(pulumi.ComponentResource):
    """An identity that may fetch logins and pull, and the CronJob that uses it. Each waits for a working one before it."""

    identity_arn: pulumi.Output[str]
    """ARN of the IAM user: the principal whose rights every login carries."""

    key_created: pulumi.Output[str]
    """When that user's access key was made (RFC 3339)."""

    credentials: pulumi.Output[str]
    """`NAMESPACE/NAME` of the Secret that holds it."""

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
        policy = inline_document(USER_POLICY_CHARACTERS, *login_rights(args))
        identity = ClusterIdentity(
            f"{name}-cluster",
            {
                "policy": policy,
                "namespace": args["system_namespace"],
                "credentials_secret_name": CREDENTIALS,
                "labels": dict(args["labels"]),
                **access_key_of(args),
            },
            pulumi.ResourceOptions(parent=self),
        )
        refresh = RefreshCronJob(
            f"{name}-refresh",
            {
                **args,
                "environment": identity.environment,
                "revision": identity.revision.apply(lambda key: f"{key} {policy}"),
            },
            pulumi.ResourceOptions(parent=self, depends_on=[identity]),
        )
        self.identity_arn = identity.user_arn
        self.key_created = identity.key_created
        self.credentials = identity.credentials
        self.cron_job = refresh.cron_job
        self.first_run = refresh.first_run
        self.hand_over = refresh.hand_over
        self.pull_secrets = refresh.pull_secrets
        self.register_outputs(
            {
                "identity_arn": self.identity_arn,
                "key_created": self.key_created,
                "credentials": self.credentials,
                "cron_job": self.cron_job,
                "first_run": self.first_run,
                "hand_over": self.hand_over,
                "pull_secrets": self.pull_secrets,
            }
        )
