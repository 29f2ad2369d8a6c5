"""Mode `lambda`."""

import pulumi

from cluster.surroundings import Surroundings
from components.delivery import DeliveryArgs
from components.lambda_delivery import LambdaDelivery
from settings import LambdaSettings, Settings

from .alarms import raise_alarms
from .by_operator import operator_args, operator_outputs
from .keys import watch_age
from .rules import make_rules
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
            "schedule": chosen.schedule,
            "trigger": chosen.trigger,
            "sync_interval": chosen.sync_interval,
            "log_retention_days": chosen.log_retention_days,
            "reserved_concurrency": chosen.reserved_concurrency,
            "metrics": chosen.alarms is not None,
        },
        opts,
    )
    watch_age(settings, delivery.key_created, delivery)
    make_rules(settings, chosen, opts)
    return {
        **operator_outputs(settings, delivery),
        "loginSecretArn": delivery.login_secret_arn,
        "refresherArn": delivery.role_arn,
        "functionName": delivery.function_name,
        **({"rotation": delivery.rotation} if delivery.rotation is not None else {"scheduleRule": delivery.rule_name}),
        "logGroup": delivery.log_group_name,
        "deadLetterQueue": delivery.dead_letter_queue_url,
        **raise_alarms(settings, chosen, delivery),
        **images_verified(args.get("verify_images", ()), delivery.first_run, lambda answer: answer, delivery),
    }
