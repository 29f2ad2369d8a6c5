"""Mode `lambda`: one account renews, ESO brings the login into the cluster."""

import pulumi

from .arguments import part_of
from .encryption import EncryptionArgs, key_revision
from .login_reader import OwnReaderArgs, read_by_cluster
from .login_source import LoginSourceArgs, keep_login
from .operator_delivery import OperatorDeliveryArgs, revision_of

# What a stack with one half of it was made of before, or will be.
_SOURCE, _READER = "everpull:index:LoginSource", "everpull:index:LoginReader"


class LambdaDeliveryArgs(LoginSourceArgs, OwnReaderArgs, OperatorDeliveryArgs):
    """Arguments of LambdaDelivery."""


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

    revision: pulumi.Output[str]
    """What hubs of other stacks are named by (see login_source.Kept)."""

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
        kept = keep_login(name, args, self, (_SOURCE,))
        login, refresh = kept.login, kept.refresh
        read = read_by_cluster(
            name,
            args,
            {
                "secret_arn": login.arn,
                "secret_region": args["region"],
                "refresher_arn": refresh.role_arn,
                "revision": revision_of(args, key_revision(args)),
                **part_of(EncryptionArgs, args),
            },
            self,
            after=[refresh],
            others=(_READER,),
        )
        identity, sync = read.identity, read.sync
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
        self.revision = kept.revision
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
                "revision": self.revision,
                "hub": self.hub,
                "store": self.store,
                "pull_secrets": self.pull_secrets,
                "labelled": self.labelled,
            }
        )
