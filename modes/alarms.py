"""The alarms of mode `lambda`."""

import pulumi

from components.lambda_delivery import LambdaDelivery
from components.login_source import LoginSource
from components.refresh_alarms import RefreshAlarms, RefreshAlarmsArgs
from settings import LambdaSettings, Settings


def raise_alarms(
    settings: Settings, chosen: LambdaSettings, delivery: LambdaDelivery | LoginSource
) -> dict[str, object]:
    """Makes the alarms, if the settings want any, and gives the outputs that say where they are told and shown.

    They are made after the first run, so that there is something to look at.
    """
    wanted = chosen.alarms
    if wanted is None:
        return {}
    args: RefreshAlarmsArgs = {
        "function_name": delivery.function_name,
        "dead_letter_queue_url": delivery.dead_letter_queue_url,
        "period": chosen.period,
        "hours": wanted.hours,
        "region": settings.region,
        "dashboard_name": f"{settings.owner}-{settings.region}",
    }
    if wanted.topic:
        args["topic_arn"] = wanted.topic
    if wanted.email:
        args["email"] = wanted.email
    ran = delivery.first_run.apply(lambda _: list[pulumi.Input[pulumi.Resource]]())
    made = RefreshAlarms(f"{settings.owner}-alarms", args, pulumi.ResourceOptions(depends_on=ran))
    return {"alarmTopic": made.topic_arn, "dashboard": made.dashboard}
