"""The Lambda function that keeps the login secret fresh, and what runs it."""

import json
from collections.abc import Sequence
from typing import NotRequired

import pulumi
import pulumi_aws as aws

from .encryption import EncryptionArgs, write_with_key
from .logins import LoginArgs, login_environment, login_rights
from .policy import ROLE_POLICY_CHARACTERS, inline_document, service_trust, statement
from .principals import PrincipalArgs, principal_options, principal_revision
from .refresh_rotation import ENVIRONMENT, by_rotation, rotation_rights
from .refresh_schedule import on_schedule
from .refresher_source import SOURCE, source_files, source_hash

RUNTIME = "python3.13"
MEMORY_MB = 256

# A new role's rights take effect some time after IAM said yes (IAM User Guide, Troubleshooting: changes that I make are not
# always immediately visible), so the run at deploy time waits for them; the function must outlive that wait.
AWAIT_RIGHTS_SECONDS = 90
TIMEOUT_SECONDS = 150

DEAD_LETTER_RETENTION_SECONDS = 14 * 24 * 3600


class RefreshFunctionArgs(LoginArgs, PrincipalArgs, EncryptionArgs):
    """Arguments of RefreshFunction. The first registry is the one named in the secret's own `registry` key."""

    login_secret_arn: pulumi.Input[str]
    """ARN of the secret to keep fresh."""

    schedule: pulumi.Input[str]
    """Rate expression of what runs the function."""

    trigger: NotRequired[str]
    """What that is: `schedule` (EventBridge, the default) or `rotation` (Secrets Manager: see refresh_rotation)."""

    log_retention_days: pulumi.Input[int]
    """Days that CloudWatch Logs keeps the function's log."""

    reserved_concurrency: pulumi.Input[int]
    """Reserved concurrent executions; -1 reserves none."""

    metrics: NotRequired[bool]
    """Whether each run tells its metrics (see RefreshAlarms). It does not by default."""


class RefreshFunction(pulumi.ComponentResource):
    """Execution role, log group, dead-letter queue, function and what runs it; run once before it counts as created.

    The run at deploy time is repeated whenever the code, what the function is told of registries, roles and images, its own
    role's path or boundary, the key that encrypts the login, or the rate of rotation changes. So what depends on this component
    finds a live login for all of them, even where images were refused.
    """

    function_name: pulumi.Output[str]
    """Name of the function."""

    role_arn: pulumi.Output[str]
    """ARN of the execution role: the principal whose rights every login carries."""

    rule_name: pulumi.Output[str] | None
    """Name of the EventBridge rule. None with rotation."""

    rotation: pulumi.Output[str] | None
    """Rate expression by which Secrets Manager rotates the secret, once it does. None without rotation."""

    log_group_name: pulumi.Output[str]
    """Name of the log group."""

    dead_letter_queue_url: pulumi.Output[str]
    """URL of the queue that gets events which could not be delivered, or failed for good."""

    first_run: pulumi.Output[str]
    """What the function answered at deploy time, as JSON (lambda_src/refresher/handler.py)."""

    def __init__(self, name: str, args: RefreshFunctionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:RefreshFunction", name, None, opts)
        # At the first preview no ARN is known, and what is too long without any is too long with them.
        _rights(("", "", ""), args)
        child = pulumi.ResourceOptions(parent=self)
        key = args["kms_key"]["arn"] if "kms_key" in args else None
        log_group = aws.cloudwatch.LogGroup(
            f"{name}-log", retention_in_days=args["log_retention_days"], kms_key_id=key, opts=child
        )
        dead_letters = aws.sqs.Queue(
            f"{name}-dead-letters",
            message_retention_seconds=DEAD_LETTER_RETENTION_SECONDS,
            sqs_managed_sse_enabled=None if key else True,
            kms_master_key_id=key,
            opts=child,
        )
        role = aws.iam.Role(
            f"{name}-role",
            assume_role_policy=service_trust("lambda.amazonaws.com"),
            **principal_options(args),
            opts=child,
        )
        rights = aws.iam.RolePolicy(
            f"{name}-rights",
            role=role.name,
            policy=pulumi.Output.all(args["login_secret_arn"], log_group.arn, dead_letters.arn).apply(
                lambda arns: _rights(arns, args)
            ),
            opts=child,
        )
        function = aws.lambda_.Function(
            f"{name}-function",
            description="Keeps an ECR login fresh in Secrets Manager (everpull)",
            role=role.arn,
            runtime=RUNTIME,
            architectures=["arm64"],
            handler="refresher.handler.handle",
            code=pulumi.AssetArchive({path: pulumi.FileAsset(str(SOURCE / path)) for path in source_files()}),
            memory_size=MEMORY_MB,
            timeout=TIMEOUT_SECONDS,
            reserved_concurrent_executions=args["reserved_concurrency"],
            environment={
                "variables": {
                    "EVERPULL_SECRET_ID": args["login_secret_arn"],
                    **_told(args),
                    **(ENVIRONMENT if _is_rotated(args) else {}),
                }
            },
            kms_key_arn=key,
            logging_config={"log_format": "JSON", "log_group": log_group.name},
            dead_letter_config={"target_arn": dead_letters.arn},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[rights]),
        )
        first_run = aws.lambda_.Invocation(
            f"{name}-first-run",
            function_name=function.name,
            input=json.dumps(_first_event(args)),
            triggers={
                "code": source_hash(),
                "secret": args["login_secret_arn"],
                **_told(args),
                **principal_revision(args),
                **_rotation_revision(args),
                **({"key": key} if key else {}),
            },
            opts=child,
        )
        self.rule_name, self.rotation = None, None
        if _is_rotated(args):
            self.rotation = by_rotation(
                name,
                {
                    "schedule": args["schedule"],
                    "login_secret_arn": args["login_secret_arn"],
                    "function": function,
                    "first_run": first_run,
                },
                self,
            )
        else:
            self.rule_name = on_schedule(
                name, {"schedule": args["schedule"], "function": function, "dead_letters": dead_letters}, self
            )
        self.function_name = function.name
        self.role_arn = role.arn
        self.log_group_name = log_group.name
        self.dead_letter_queue_url = dead_letters.url
        self.first_run = first_run.result
        self.register_outputs(
            {
                "function_name": self.function_name,
                "role_arn": self.role_arn,
                "rule_name": self.rule_name,
                "rotation": self.rotation,
                "log_group_name": self.log_group_name,
                "dead_letter_queue_url": self.dead_letter_queue_url,
                "first_run": self.first_run,
            }
        )


def _told(args: RefreshFunctionArgs) -> dict[str, str]:
    """What the function reads from its environment, less the secret's ARN and what runs it."""
    return {
        **login_environment(args),
        **({"EVERPULL_METRICS": "on"} if args.get("metrics") else {}),
    }


def _first_event(args: LoginArgs) -> dict[str, object]:
    """What the function is asked at deploy time. Forced, because finding a fresh login would prove only that it may be read."""
    event: dict[str, object] = {"reason": "deploy", "force": True, "awaitRightsSeconds": AWAIT_RIGHTS_SECONDS}
    # An image that can't be pulled must not keep the login from all that can.
    return {**event, "imagesMayFail": True} if args.get("verify_images") else event


def _is_rotated(args: RefreshFunctionArgs) -> bool:
    return args.get("trigger") == "rotation"


def _rotation_revision(args: RefreshFunctionArgs) -> dict[str, pulumi.Input[str]]:
    """A login may be old already when another rate counts from then on. So each begins with a new one, and so does what comes
    after rotation."""
    return {"rotation": args["schedule"]} if _is_rotated(args) else {}


def _rights(arns: Sequence[str], args: RefreshFunctionArgs) -> str:
    secret_arn, log_group_arn, dead_letter_arn = arns
    return inline_document(
        ROLE_POLICY_CHARACTERS,
        statement("WriteLog", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{log_group_arn}:*"]),
        *login_rights(args),
        statement("KeepLogin", ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"], [secret_arn]),
        *([rotation_rights(secret_arn)] if _is_rotated(args) else []),
        statement("BuryFailures", ["sqs:SendMessage"], [dead_letter_arn]),
        *write_with_key(args),
    )
