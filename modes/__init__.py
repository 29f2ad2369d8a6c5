"""One module a mode: what the settings say, put into the mode's component, and the stack outputs that come of it."""

from collections.abc import Mapping

import pulumi

from components.delivery import DeliveryArgs
from settings import CronJobSettings, LambdaSettings, Settings

from . import by_cronjob, by_lambda

__all__ = ["deliver"]


def deliver(settings: Settings, args: DeliveryArgs, opts: pulumi.ResourceOptions) -> Mapping[str, object]:
    """Makes the one delivery of the stack. Gives the mode's own outputs, by their names."""
    match settings.delivery:
        case LambdaSettings() as chosen:
            return by_lambda.deliver(settings, chosen, args, opts)
        case CronJobSettings() as chosen:
            return by_cronjob.deliver(settings, chosen, args, opts)
