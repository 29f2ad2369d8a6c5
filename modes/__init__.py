"""One module a mode: what the settings say, put into the mode's component, and the stack outputs that come of it."""

from collections.abc import Mapping, Sequence
from typing import cast

import pulumi

from cluster.surroundings import Surroundings
from components.delivery import DeliveryArgs
from settings import CronJobSettings, GeneratorSettings, LambdaSettings, NodeRoleSettings, Settings

from . import by_cronjob, by_generator, by_lambda
from .attaching import attach

__all__ = ["deliver"]


def deliver(
    settings: Settings, around: Surroundings, args: DeliveryArgs, opts: pulumi.ResourceOptions
) -> Mapping[str, object]:
    """Makes the delivery of the stack, or its half, if its mode has one, and has pods use it. Gives the outputs of both, by
    their names."""
    match settings.delivery:
        case LambdaSettings() as chosen if settings.scope.name == "aws":
            return by_lambda.keep(settings, chosen, args, opts)
        case LambdaSettings() as chosen if "kept_login" in args:
            outputs = by_lambda.read(settings, chosen, around, args, args["kept_login"], opts)
        case LambdaSettings() as chosen:
            outputs = by_lambda.deliver(settings, chosen, around, args, opts)
        case CronJobSettings() as chosen:
            outputs = by_cronjob.deliver(settings, chosen, args, opts)
        case GeneratorSettings() as chosen:
            outputs = by_generator.deliver(settings, chosen, around, args, opts)
        case NodeRoleSettings():
            return {}
    return {**outputs, **attach(settings, args["registries"], _after(outputs["pullSecrets"]))}


def _after(pull_secrets: object) -> pulumi.ResourceOptions:
    """Once the pull secrets are there, and, when it is deleted, before any of what they were made by."""
    there = cast(pulumi.Output[Sequence[str]], pull_secrets)
    return pulumi.ResourceOptions(depends_on=there.apply(lambda _: list[pulumi.Input[pulumi.Resource]]()))
