"""What the modes have in common that deliver through the External Secrets Operator (ESO)."""

from collections.abc import Mapping, Sequence

import pulumi

from cluster.convergence import when_synced
from cluster.earlier_identity import when_pulled
from cluster.followers import when_followed
from cluster.hand_over import HandOver
from cluster.keepers import pass_on
from cluster.leftovers import cleared
from cluster.surroundings import Surroundings
from components.delivery import DeliveryArgs
from components.generated_logins import LOGIN_ANNOTATION
from components.generator_delivery import GeneratorDelivery
from components.lambda_delivery import LambdaDelivery
from components.login_reader import LoginReader
from components.operator_delivery import OperatorDeliveryArgs
from components.pull_secret_sync import REFRESHER_ANNOTATION
from settings import GeneratorSettings, LambdaSettings, Settings

from .keys import watch_age
from .rules import make_rules


def operator_args(
    settings: Settings, around: Surroundings, args: DeliveryArgs, fan_out_interval: int
) -> OperatorDeliveryArgs:
    """What each such delivery is told."""
    selector = settings.selector
    return {
        **args,
        "namespace_selector": selector.as_object() if selector else None,
        "excluded_namespaces": settings.excluded_namespaces,
        "labelled_sync": settings.labelled_sync,
        "has_policy": around.policies,
        "before_hub": cleared(settings, LOGIN_ANNOTATION),
        "fan_out_interval": fan_out_interval,
    }


def served(
    settings: Settings,
    chosen: LambdaSettings | GeneratorSettings,
    delivery: LambdaDelivery | LoginReader | GeneratorDelivery,
    opts: pulumi.ResourceOptions,
) -> Mapping[str, object]:
    """Does what goes with each: the key's age is told, and rules are made with the delivery's `opts`.

    Gives the outputs that all of them have. `pullSecrets` are known once ESO has synced every one of them.
    """
    watch_age(settings, delivery.key_created, delivery)
    make_rules(settings, chosen, opts)
    passed_on = delivery.store.apply(lambda _: pass_on(settings))
    carried = pulumi.Output.all(delivery.pull_secrets, delivery.hub, delivery.labelled, passed_on)
    return {
        "pullSecrets": carried.apply(lambda known: _settled(settings, known[0], known[1])),
        "namespaceSelector": settings.selector.text if settings.selector else "",
        "clusterStore": settings.owner,
        "hub": delivery.hub,
        "identityArn": delivery.identity_arn,
    }


async def _settled(settings: Settings, places: Sequence[str], hub: str) -> list[str]:
    synced = await when_synced(settings.cluster, places)
    await when_followed(settings, hub)
    await when_pulled(settings, hub, REFRESHER_ANNOTATION, LOGIN_ANNOTATION)
    move = HandOver(settings)
    await move.from_cron_job()
    await move.settle()
    return synced
