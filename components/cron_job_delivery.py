"""Mode `cronjob`: the cluster renews its own login, without an operator."""

import pulumi

from .identities import identity_of, identity_revision, pod_identity, rights_document
from .logins import login_rights
from .refresh_cron_job import NAME, CronJobArgs, RefreshCronJob


class CronJobDeliveryArgs(CronJobArgs):
    """Arguments of CronJobDelivery."""


class CronJobDelivery(pulumi.ComponentResource):
    """An identity that may fetch logins and pull, and the CronJob that uses it. Each waits for a working one before it."""

    identity_arn: pulumi.Output[str]
    """ARN of the IAM user or role: the principal whose rights every login carries."""

    key_created: pulumi.Output[str] | None
    """When that user's access key was made (RFC 3339). A role has none."""

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
        policy = rights_document(args, *login_rights(args))
        identity = pod_identity(
            name,
            {
                "owner": args["owner"],
                "policy": policy,
                "namespace": args["system_namespace"],
                "service_account": NAME,
                "credentials_secret_name": f"{NAME}-aws-credentials",
                "labels": dict(args["labels"]),
                **identity_of(args),
            },
            pulumi.ResourceOptions(parent=self),
        )
        refresh = RefreshCronJob(
            f"{name}-refresh",
            {
                **args,
                "environment": identity.environment,
                "token_audience": identity.token_audience,
                "in_new_pods": identity.in_new_pods,
                "revision": identity.revision.apply(lambda known: " ".join([known, policy, *identity_revision(args)])),
            },
            pulumi.ResourceOptions(parent=self, depends_on=[identity.made]),
        )
        self.identity_arn = identity.arn
        self.key_created = identity.key_created
        self.cron_job = refresh.cron_job
        self.first_run = refresh.first_run
        self.hand_over = refresh.hand_over
        self.pull_secrets = refresh.pull_secrets
        self.register_outputs(
            {
                "identity_arn": self.identity_arn,
                "key_created": self.key_created,
                "cron_job": self.cron_job,
                "first_run": self.first_run,
                "hand_over": self.hand_over,
                "pull_secrets": self.pull_secrets,
            }
        )
