"""The listed namespaces, where the stack sees to it that they are there."""

from collections.abc import Sequence
from typing import TypedDict

import pulumi
from pulumi_kubernetes.core.v1 import NamespacePatch


class ListedNamespacesArgs(TypedDict):
    """Arguments of ListedNamespaces."""

    namespaces: Sequence[str]
    """Their names. None of them may be in the middle of its deletion."""


class ListedNamespaces(pulumi.ComponentResource):
    """Namespaces that are made unless they exist, and never deleted: what lives in them is their tenants'.

    The Kubernetes provider refuses to create an object that exists. A Patch resource is a server-side apply, which makes an
    object that does not (Kubernetes docs, Server-Side Apply). Nothing but the name is applied, so labels and annotations are
    left to whoever put them there.
    """

    namespaces: pulumi.Output[list[str]]
    """Their names, once they are there."""

    def __init__(self, name: str, args: ListedNamespacesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:ListedNamespaces", name, None, opts)
        made = [
            NamespacePatch(
                f"{name}-{namespace}",
                metadata={"name": namespace},
                opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
            )
            for namespace in args["namespaces"]
        ]
        self.namespaces = pulumi.Output.all(*[namespace.id for namespace in made]).apply(
            lambda _: list(args["namespaces"])
        )
        self.register_outputs({"namespaces": self.namespaces})
