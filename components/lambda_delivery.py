"""Mode `lambda`: one account renews, ESO brings the login into the cluster."""

from typing import NotRequired

import pulumi

from .arguments import part_of
from .external_secrets import DOCKER_CONFIG_KEY
from .identities import identity_mark, identity_of, rights_document, store_identity
from .login_secret import LoginSecret
from .logins import logins_of
from .operator_delivery import OperatorDeliveryArgs, pull_secret_sync
from .policy import read_login
from .principals import PrincipalArgs
from .pull_secret_sync import HubSource
from .refresh_function import RefreshFunction

# The service account whose tokens read the login, where no key does. None that another mode has: see refresh_cron_job.
LOGIN_READER = "login-reader"


class LambdaDeliveryArgs(OperatorDeliveryArgs):
    """Arguments of LambdaDelivery."""

    schedule: str
    """Rate expression of what runs the refresher."""

    trigger: NotRequired[str]
    """What that is, `schedule` (the default) or `rotation`."""

    sync_interval: int
    """Seconds between two reads of Secrets Manager by the hub."""

    log_retention_days: int
    """Days that the function's log is kept."""

    reserved_concurrency: int
    """Reserved concurrent executions of the function; -1 reserves none."""

    metrics: NotRequired[bool]
    """Whether each run tells its metrics (see RefreshAlarms). It does not by default."""


class LambdaDelivery(pulumi.ComponentResource):
    """Identity, login secret, refresh function and sync, in the order that makes each wait for a working one before it."""

    login_secret_arn: pulumi.Output[str]
    """ARN of the secret that holds the login."""

    identity_arn: pulumi.Output[str]
    """ARN of the IAM user or role that the cluster reads the login as."""

    key_created: pulumi.Output[str] | None
    """When that user's access key was made (RFC 3339). A role has none."""

    role_arn: pulumi.Output[str]
    """ARN of the refresh function's role: the principal whose rights every login carries."""

    function_name: pulumi.Output[str]
    """Name of the refresh function."""

    rule_name: pulumi.Output[str] | None
    """Name of the EventBridge rule that runs it. None with rotation."""

    rotation: pulumi.Output[str] | None
    """Rate expression by which Secrets Manager rotates the login, once it does. None without rotation."""

    log_group_name: pulumi.Output[str]
    """Name of its log group."""

    dead_letter_queue_url: pulumi.Output[str]
    """URL of its dead-letter queue."""

    first_run: pulumi.Output[str]
    """What the function answered at deploy time, as JSON."""

    hub: pulumi.Output[str]
    """`NAMESPACE/NAME` of the Secret that the namespaces copy."""

    store: pulumi.Output[str]
    """Name of the cluster-wide store, once it is ready; namespaces are served from then on."""

    pull_secrets: pulumi.Output[list[str]]
    """`NAMESPACE/NAME` of each listed namespace's pull secret, once it holds a live login."""

    labelled: pulumi.Output[str]
    """Name of what serves namespaces that are chosen by label, once it is there; empty without a selector."""

    def __init__(self, name: str, args: LambdaDeliveryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:LambdaDelivery", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        labels = dict(args["labels"])
        login = LoginSecret(
            f"{name}-login", {"description": f"Current ECR login, kept fresh by {args['owner']}"}, child
        )
        refresh = RefreshFunction(
            f"{name}-refresh",
            {
                "login_secret_arn": login.arn,
                **logins_of(args),
                **part_of(PrincipalArgs, args),
                "schedule": args["schedule"],
                "trigger": args.get("trigger", "schedule"),
                "log_retention_days": args["log_retention_days"],
                "reserved_concurrency": args["reserved_concurrency"],
                "metrics": args.get("metrics", False),
            },
            child,
        )
        identity = store_identity(
            name,
            {
                "owner": args["owner"],
                # No ECR right: the login carries the refresher's.
                "policy": login.arn.apply(lambda arn: rights_document(args, read_login(arn))),
                "namespace": args["system_namespace"],
                "service_account": LOGIN_READER,
                "credentials_secret_name": "aws-credentials",
                "labels": labels,
                **identity_of(args),
            },
            child,
        )
        source = HubSource(
            mark=identity_mark(args),
            provider={
                "aws": {"service": "SecretsManager", "region": args["region"], "auth": identity.auth},
            },
            data=[
                {"secretKey": DOCKER_CONFIG_KEY, "remoteRef": {"key": login.arn, "property": "dockerconfigjson"}},
            ],
            interval=args["sync_interval"],
        )
        sync = pull_secret_sync(name, args, source, refresh.role_arn, [identity.made, refresh], self)
        self.login_secret_arn = login.arn
        self.identity_arn = identity.arn
        self.key_created = identity.key_created
        self.role_arn = refresh.role_arn
        self.function_name = refresh.function_name
        self.rule_name = refresh.rule_name
        self.rotation = refresh.rotation
        self.log_group_name = refresh.log_group_name
        self.dead_letter_queue_url = refresh.dead_letter_queue_url
        self.first_run = refresh.first_run
        self.hub = sync.hub
        self.store = sync.store
        self.pull_secrets = sync.pull_secrets
        self.labelled = sync.labelled
        self.register_outputs(
            {
                "login_secret_arn": self.login_secret_arn,
                "identity_arn": self.identity_arn,
                "key_created": self.key_created,
                "role_arn": self.role_arn,
                "function_name": self.function_name,
                "rule_name": self.rule_name,
                "rotation": self.rotation,
                "log_group_name": self.log_group_name,
                "dead_letter_queue_url": self.dead_letter_queue_url,
                "first_run": self.first_run,
                "hub": self.hub,
                "store": self.store,
                "pull_secrets": self.pull_secrets,
                "labelled": self.labelled,
            }
        )
