"""Mode `lambda`."""

from collections.abc import Sequence

import pulumi

from cluster.convergence import when_synced
from cluster.earlier_identity import when_pulled
from cluster.followers import when_followed
from cluster.hand_over import HandOver
from cluster.keepers import pass_on
from cluster.leftovers import hubs_cleared
from cluster.surroundings import Surroundings
from components.delivery import DeliveryArgs
from components.lambda_delivery import LambdaDelivery
from components.pull_secret_sync import REFRESHER_ANNOTATION
from settings import LambdaSettings, Settings

from .keys import watch_age
from .verifying import images_verified


def deliver(
    settings: Settings,
    chosen: LambdaSettings,
    around: Surroundings,
    args: DeliveryArgs,
    opts: pulumi.ResourceOptions,
) -> dict[str, object]:
    """The delivery's outputs. `pullSecrets` are known once ESO has synced every one of them."""
    selector = settings.selector
    delivery = LambdaDelivery(
        settings.owner,
        {
            **args,
            "namespace_selector": selector.as_object() if selector else None,
            "excluded_namespaces": settings.excluded_namespaces,
            "labelled_sync": settings.labelled_sync,
            "has_policy": around.policies,
            "before_hub": hubs_cleared(settings),
            "schedule": chosen.schedule,
            "sync_interval": chosen.sync_interval,
            "fan_out_interval": chosen.fan_out_interval,
            "log_retention_days": chosen.log_retention_days,
            "reserved_concurrency": chosen.reserved_concurrency,
        },
        opts,
    )
    watch_age(settings, delivery.key_created, delivery)
    passed_on = delivery.store.apply(lambda _: pass_on(settings))
    served = pulumi.Output.all(delivery.pull_secrets, delivery.hub, delivery.labelled, passed_on)
    return {
        "pullSecrets": served.apply(lambda known: _settled(settings, known[0], known[1])),
        "namespaceSelector": selector.text if selector else "",
        "clusterStore": settings.owner,
        "hub": delivery.hub,
        "loginSecretArn": delivery.login_secret_arn,
        "identityArn": delivery.identity_arn,
        "refresherArn": delivery.role_arn,
        "functionName": delivery.function_name,
        "scheduleRule": delivery.rule_name,
        "logGroup": delivery.log_group_name,
        "deadLetterQueue": delivery.dead_letter_queue_url,
        **images_verified(args.get("verify_images", ()), delivery.first_run, lambda answer: answer, delivery),
    }


async def _settled(settings: Settings, places: Sequence[str], hub: str) -> list[str]:
    synced = await when_synced(settings.cluster, places)
    await when_followed(settings, hub)
    await when_pulled(settings, hub, REFRESHER_ANNOTATION)
    move = HandOver(settings)
    await move.from_cron_job()
    await move.settle()
    return synced
