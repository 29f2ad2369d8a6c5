"""The stack's own namespace in the cluster."""

from collections.abc import Mapping
from typing import TypedDict

import pulumi
from pulumi_kubernetes.core.v1 import Namespace


class SystemNamespaceArgs(TypedDict):
    """Arguments of SystemNamespace."""

    namespace: pulumi.Input[str]
    """Name of the namespace."""

    labels: Mapping[str, str]
    """Labels of the namespace."""


class SystemNamespace(pulumi.ComponentResource):
    """The namespace for what only everpull may touch. It belongs to no delivery, so that it outlives a change of mode."""

    def __init__(self, name: str, args: SystemNamespaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:SystemNamespace", name, None, opts)
        Namespace(
            f"{name}-system",
            metadata={"name": args["namespace"], "labels": dict(args["labels"])},
            opts=pulumi.ResourceOptions(
                parent=self,
                # It was a child of the LambdaDelivery of the same name, and to make it anew would take all that is in it.
                aliases=[pulumi.Alias(parent=pulumi.create_urn(name, "everpull:index:LambdaDelivery"))],
            ),
        )
        self.register_outputs({})
