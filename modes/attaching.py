"""How pods come to use the pull secret, the same in every mode that makes one."""

from collections.abc import Mapping, Sequence

import pulumi

from cluster.new_pods import when_in_force
from components.pod_attachment import PodAttachment
from components.service_account_attachment import ServiceAccountAttachment
from settings import Settings


def attach(settings: Settings, registries: Sequence[str], opts: pulumi.ResourceOptions) -> Mapping[str, object]:
    """Does what `everpull:attach` says. Gives the outputs that come of it.

    What is made belongs to no mode, so that a change of the mode leaves it as it is.
    """
    match settings.attach:
        case "pods":
            return _to_pods(settings, registries, opts)
        case "service-accounts":
            return _to_service_accounts(settings, opts)
        case _:
            return {}


def _to_pods(settings: Settings, registries: Sequence[str], opts: pulumi.ResourceOptions) -> dict[str, object]:
    """`attachedBy` is known once new pods get the pull secret."""
    made = PodAttachment(
        _name(settings),
        {
            "policy_name": settings.owner,
            "pull_secret_name": settings.pull_secret_name,
            "registries": registries,
            "namespaces": settings.namespaces,
            "namespace_selector": settings.selector.as_object() if settings.selector else None,
            "excluded_namespaces": settings.excluded_namespaces,
            "labels": settings.labels,
        },
        opts,
    )

    async def in_force(bound: tuple[str, list[str]]) -> str:
        policy, bindings = bound
        return await when_in_force(
            settings.cluster,
            policy,
            bindings=bindings,
            registry=registries[0],
            pull_secret=settings.pull_secret_name,
            namespaces=settings.namespaces,
            label_selector=settings.selector.text if settings.selector else "",
            excluded=settings.excluded_namespaces,
        )

    return {"attachedBy": pulumi.Output.all(made.policy, made.bindings).apply(lambda got: in_force((got[0], got[1])))}


def _to_service_accounts(settings: Settings, opts: pulumi.ResourceOptions) -> dict[str, object]:
    if settings.selector is not None:
        pulumi.log.warn(
            "service accounts of namespaces that are chosen by label are left as they are; everpull:attach pods serves them too"
        )
    made = ServiceAccountAttachment(
        _name(settings),
        {"service_accounts": settings.service_accounts, "pull_secret_name": settings.pull_secret_name},
        opts,
    )
    return {"attachedTo": made.service_accounts}


def _name(settings: Settings) -> str:
    return f"{settings.owner}-attach"
