"""The half of mode `lambda` that is in AWS: the login, and what keeps it fresh."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NotRequired

import pulumi

from .arguments import part_of
from .encryption import EncryptionArgs, key_revision
from .login_secret import LoginSecret, LoginSecretArgs
from .logins import LoginArgs, login_revision, logins_of, revision_with
from .principals import PrincipalArgs
from .refresh_function import RefreshFunction


class LoginSourceArgs(LoginArgs, PrincipalArgs, EncryptionArgs):
    """Arguments of LoginSource."""

    owner: str
    """Name that is unique in the account, by which the secret tells whose it is."""

    schedule: str
    """Rate expression of what runs the refresher."""

    trigger: NotRequired[str]
    """What that is, `schedule` (the default) or `rotation`."""

    log_retention_days: int
    """Days that the function's log is kept."""

    reserved_concurrency: int
    """Reserved concurrent executions of the function; -1 reserves none."""

    metrics: NotRequired[bool]
    """Whether each run tells its metrics (see RefreshAlarms). It does not by default."""

    recovery_days: NotRequired[int]
    """Days in which the secret can be restored once it is deleted, 7 to 30. By default it can't."""


@dataclass(frozen=True)
class Kept:
    """The login, kept by a function."""

    login: LoginSecret
    refresh: RefreshFunction

    revision: pulumi.Output[str]
    """What a hub of another stack is named by: another one whenever the secret, what the login opens or whose rights it carries
    is another, and known once the secret holds that."""


def keep_login(
    name: str, args: LoginSourceArgs, delivery: pulumi.ComponentResource, others: Sequence[str] = ()
) -> Kept:
    """Makes what keeps the login, as part of the delivery. `others` are types of deliveries of the same name whose login it was
    before; it stays the same one."""
    child = pulumi.ResourceOptions(
        parent=delivery, aliases=[pulumi.Alias(parent=pulumi.create_urn(name, kind)) for kind in others]
    )
    secret: LoginSecretArgs = {
        "description": f"Current ECR login, kept fresh by {args['owner']}",
        "recovery_days": args.get("recovery_days", 0),
    }
    if "kms_key" in args:
        secret["kms_key_arn"] = args["kms_key"]["arn"]
    login = LoginSecret(f"{name}-login", secret, child)
    refresh = RefreshFunction(
        f"{name}-refresh",
        {
            "login_secret_arn": login.arn,
            **logins_of(args),
            **part_of(PrincipalArgs, args),
            **part_of(EncryptionArgs, args),
            "schedule": args["schedule"],
            "trigger": args.get("trigger", "schedule"),
            "log_retention_days": args["log_retention_days"],
            "reserved_concurrency": args["reserved_concurrency"],
            "metrics": args.get("metrics", False),
        },
        child,
    )
    revision = pulumi.Output.all(login.arn, refresh.role_arn, refresh.first_run).apply(
        lambda known: revision_with(login_revision(args), [*known[:2], *key_revision(args)])
    )
    return Kept(login, refresh, revision)


class LoginSource(pulumi.ComponentResource):
    """Login secret and refresh function, for clusters that other stacks serve. Nothing of it is in a cluster."""

    login_secret_arn: pulumi.Output[str]
    """ARN of the secret that holds the login."""

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
    """What hubs of other stacks are named by (see Kept)."""

    def __init__(self, name: str, args: LoginSourceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:LoginSource", name, None, opts)
        kept = keep_login(name, args, self, ("everpull:index:LambdaDelivery",))
        self.login_secret_arn = kept.login.arn
        self.role_arn = kept.refresh.role_arn
        self.function_name = kept.refresh.function_name
        self.rule_name = kept.refresh.rule_name
        self.rotation = kept.refresh.rotation
        self.log_group_name = kept.refresh.log_group_name
        self.dead_letter_queue_url = kept.refresh.dead_letter_queue_url
        self.first_run = kept.refresh.first_run
        self.revision = kept.revision
        self.register_outputs(
            {
                "login_secret_arn": self.login_secret_arn,
                "role_arn": self.role_arn,
                "function_name": self.function_name,
                "rule_name": self.rule_name,
                "rotation": self.rotation,
                "log_group_name": self.log_group_name,
                "dead_letter_queue_url": self.dead_letter_queue_url,
                "first_run": self.first_run,
                "revision": self.revision,
            }
        )
