"""Mode `lambda`: its two halves, in one stack or in two."""

import pulumi

from cluster.surroundings import Surroundings
from components.arguments import part_of
from components.delivery import DeliveryArgs
from components.encryption import EncryptionArgs
from components.lambda_delivery import LambdaDelivery
from components.login_reader import LoginReader
from components.login_source import LoginSource, LoginSourceArgs
from components.logins import KeptLogin, LoginArgs
from components.operator_delivery import OperatorArgs
from components.principals import PrincipalArgs
from settings import LambdaSettings, Settings

from .alarms import raise_alarms
from .by_operator import operator_args, served
from .verifying import images_verified


def deliver(
    settings: Settings,
    chosen: LambdaSettings,
    around: Surroundings,
    args: DeliveryArgs,
    opts: pulumi.ResourceOptions,
) -> dict[str, object]:
    """The delivery's outputs. `pullSecrets` are known once ESO has synced every one of them."""
    delivery = LambdaDelivery(
        settings.owner,
        {
            **operator_args(settings, around, args, chosen.fan_out_interval),
            **_source_args(settings, chosen, args),
            "sync_interval": chosen.sync_interval,
        },
        opts,
    )
    return {**served(settings, chosen, delivery, opts), **_source_outputs(settings, chosen, args, delivery)}


def keep(
    settings: Settings, chosen: LambdaSettings, args: DeliveryArgs, opts: pulumi.ResourceOptions
) -> dict[str, object]:
    """The outputs of the half in AWS. They are all that a stack of the other half asks for, and hold no key."""
    source = LoginSource(settings.owner, _source_args(settings, chosen, args), opts)
    return _source_outputs(settings, chosen, args, source)


def read(
    settings: Settings,
    chosen: LambdaSettings,
    around: Surroundings,
    args: DeliveryArgs,
    login: KeptLogin,
    opts: pulumi.ResourceOptions,
) -> dict[str, object]:
    """The outputs of the half in a cluster, of the login that another stack keeps."""
    delivery = LoginReader(
        settings.owner,
        {
            **part_of(OperatorArgs, operator_args(settings, around, args, chosen.fan_out_interval)),
            "login": login,
            "sync_interval": chosen.sync_interval,
        },
        opts,
    )
    return {
        **served(settings, chosen, delivery, opts),
        "loginSecretArn": login["secret_arn"],
        "refresherArn": login["refresher_arn"],
    }


def _source_args(settings: Settings, chosen: LambdaSettings, args: DeliveryArgs) -> LoginSourceArgs:
    key: EncryptionArgs = {"kms_key": {"arn": chosen.kms_key, "region": settings.region}} if chosen.kms_key else {}
    return {
        **key,
        **part_of(LoginArgs, args),
        **part_of(PrincipalArgs, args),
        "owner": settings.owner,
        "schedule": chosen.schedule,
        "trigger": chosen.trigger,
        "log_retention_days": chosen.log_retention_days,
        "reserved_concurrency": chosen.reserved_concurrency,
        "metrics": chosen.alarms is not None,
        "recovery_days": chosen.recovery_days,
    }


def _source_outputs(
    settings: Settings, chosen: LambdaSettings, args: DeliveryArgs, made: LambdaDelivery | LoginSource
) -> dict[str, object]:
    return {
        "loginSecretArn": made.login_secret_arn,
        "refresherArn": made.role_arn,
        # What other stacks ask for besides: see aws_stack.
        "region": settings.region,
        "loginRevision": made.revision,
        "trigger": chosen.trigger,
        "schedule": chosen.schedule,
        **({"kmsKey": chosen.kms_key} if chosen.kms_key else {}),
        "functionName": made.function_name,
        **({"rotation": made.rotation} if made.rotation is not None else {"scheduleRule": made.rule_name}),
        "logGroup": made.log_group_name,
        "deadLetterQueue": made.dead_letter_queue_url,
        **raise_alarms(settings, chosen, made),
        **images_verified(args.get("verify_images", ()), made.first_run, lambda answer: answer, made),
    }
