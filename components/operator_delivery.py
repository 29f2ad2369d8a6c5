"""What deliveries have in common that the External Secrets Operator (ESO) carries into the namespaces."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired

import pulumi

from .before_create import Ask
from .delivery import DeliveryArgs, ServingArgs
from .identities import identity_revision
from .logins import login_revision
from .pull_secret_sync import HubSource, PullSecretSync

# Types of all of them.
_TYPES = ("everpull:index:LambdaDelivery", "everpull:index:GeneratorDelivery", "everpull:index:LoginReader")


class OperatorArgs(ServingArgs):
    """What each of them is told of the cluster. The owner names the cluster-wide store."""

    namespace_selector: Mapping[str, Any] | None
    """LabelSelector object of further namespaces whose pods pull."""

    excluded_namespaces: Sequence[str]
    """Namespaces that get no pull secret whatever their labels are."""

    labelled_sync: str
    """Name of the ExternalSecrets in namespaces that are chosen by label."""

    has_policy: bool
    """Whether the cluster serves MutatingAdmissionPolicy: see NamespaceMarks."""

    before_hub: NotRequired[Ask | None]
    """Called with the hub's `NAMESPACE/NAME` before it is made. Nothing is asked by default."""

    fan_out_interval: int
    """Seconds between two reads of the hub by each namespace."""


class OperatorDeliveryArgs(OperatorArgs, DeliveryArgs):
    """Arguments of each of them that has its login from nobody else."""


def revision_of(args: OperatorDeliveryArgs, more: Sequence[str] = ()) -> str:
    """A short name for what logins are fetched, and by whom. `more` is what else must be proven anew."""
    return login_revision(args, [*identity_revision(args), *more])


def pull_secret_sync(
    name: str,
    args: OperatorArgs,
    source: HubSource,
    refresher: pulumi.Input[str],
    revision: str,
    after: Sequence[pulumi.Resource],
    delivery: pulumi.ComponentResource,
) -> PullSecretSync:
    """The sync of a delivery of that name. `refresher` is the principal whose rights the logins carry, `revision` changes
    whenever the hub must be proven anew.

    What the sync of one delivery made is that of the next one, so a change of the mode leaves pull secrets as they are.
    """
    others = [pulumi.create_urn(name, kind) for kind in _TYPES if kind != delivery.pulumi_resource_type]
    return PullSecretSync(
        f"{name}-sync",
        {
            "source": source,
            "refresher": refresher,
            "revision": revision,
            "system_namespace": args["system_namespace"],
            "before_hub": args.get("before_hub"),
            "cluster_store_name": args["owner"],
            "namespaces": args["namespaces"],
            "namespace_selector": args["namespace_selector"],
            # Whoever may run pods in the system namespace could read its credentials, so nobody is to pull there.
            "excluded_namespaces": sorted({*args["excluded_namespaces"], args["system_namespace"]}),
            "labelled_sync": args["labelled_sync"],
            "has_policy": args["has_policy"],
            "pull_secret_name": args["pull_secret_name"],
            "fan_out_interval": args["fan_out_interval"],
            "labels": dict(args["labels"]),
        },
        pulumi.ResourceOptions(
            parent=delivery, depends_on=[*after], aliases=[pulumi.Alias(parent=other) for other in others]
        ),
    )
