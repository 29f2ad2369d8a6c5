"""Mode `cronjob`."""

from collections.abc import Sequence

import pulumi
from pulumi_kubernetes.core.v1 import TolerationArgsDict

from cluster.earlier_identity import Runs, when_let_go
from cluster.first_run import report_of
from cluster.hand_over import HandOver
from cluster.leftovers import jobs_cleared
from cluster.there import roles_there
from components.cron_job_delivery import CronJobDelivery
from components.delivery import DeliveryArgs
from components.identities import IDENTITY_VARIABLES
from components.refresh_cron_job import FIRST_RUN_NAME
from components.refresh_pod import CONTAINER
from settings import CronJobSettings, Settings
from settings.pods import Toleration

from .keys import watch_age
from .verifying import images_verified


def deliver(
    settings: Settings, chosen: CronJobSettings, args: DeliveryArgs, opts: pulumi.ResourceOptions
) -> dict[str, object]:
    """The delivery's outputs. `pullSecrets` are known once every one of them is written, and nothing else writes them."""
    move = HandOver(settings)
    selector = settings.selector.text if settings.selector else ""
    delivery = CronJobDelivery(
        settings.owner,
        {
            **args,
            "role": settings.role,
            "label_selector": selector,
            "excluded_namespaces": settings.excluded_namespaces,
            "adopt": settings.adopt,
            "schedule": chosen.schedule,
            "period": chosen.period,
            "run_deadline": chosen.run_deadline,
            "image": chosen.image,
            "image_pull_policy": chosen.image_pull_policy,
            "node_selector": dict(chosen.node_selector),
            "tolerations": [_borne(toleration) for toleration in chosen.tolerations],
            "before_job": jobs_cleared(settings),
            "hand_over": move.from_operator,
        },
        opts,
    )
    watch_age(settings, delivery.key_created, delivery)
    return {
        "pullSecrets": delivery.pull_secrets.apply(lambda places: _settled(settings, move, places)),
        "namespaceSelector": selector,
        "identityArn": delivery.identity_arn,
        # Under the name that it has in every mode: whose rights every login carries.
        "refresherArn": delivery.identity_arn,
        "cronJob": delivery.cron_job.apply(lambda cron_job: _moved(settings, chosen, cron_job)),
        "firstRun": delivery.first_run,
        **images_verified(
            args.get("verify_images", ()),
            delivery.first_run,
            lambda job: report_of(settings.cluster, job, CONTAINER),
            delivery,
        ),
    }


async def _settled(settings: Settings, move: HandOver, places: Sequence[str]) -> list[str]:
    await roles_there(settings)
    await move.settle()
    return list(places)


async def _moved(settings: Settings, chosen: CronJobSettings, cron_job: str) -> str:
    """The CronJob, once no run of before it changed needs another identity than it has now."""
    await when_let_go(settings, Runs(cron_job, IDENTITY_VARIABLES, FIRST_RUN_NAME), chosen.run_deadline)
    return cron_job


def _borne(toleration: Toleration) -> TolerationArgsDict:
    """As Kubernetes spells it: without a value any value, without an effect any effect."""
    borne: TolerationArgsDict = {"key": toleration.key, "operator": "Exists"}
    if toleration.value is not None:
        borne = {**borne, "operator": "Equal", "value": toleration.value}
    if toleration.effect is not None:
        borne = {**borne, "effect": toleration.effect}
    return borne
