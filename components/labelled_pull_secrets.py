"""Pull secrets in namespaces that are chosen by label, by the External Secrets Operator (ESO)."""

from collections.abc import Mapping
from typing import Any, TypedDict

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from kube.namespaces import mark_of

from .external_secrets import ESO_API
from .namespace_marks import NamespaceMarks

# ESO looks at every namespace that changes its labels, comes or goes, at once. This is for what it missed: a namespace whose
# ExternalSecret could not be made has its pull secret within a minute of when it can.
_REFRESH = "30s"


class LabelledPullSecretsArgs(TypedDict):
    """Arguments of LabelledPullSecrets."""

    name: str
    """Name of the ClusterExternalSecret, unique in the cluster."""

    external_secret_name: str
    """Name of the ExternalSecret in each namespace, which nothing else there may have."""

    namespace_selector: Mapping[str, Any]
    """LabelSelector object of exactly those namespaces."""

    spec: Mapping[str, Any]
    """The `spec` of each ExternalSecret."""

    has_policy: bool
    """Whether the cluster serves MutatingAdmissionPolicy: see NamespaceMarks."""

    labels: Mapping[str, str]
    """Labels of every object."""


class LabelledPullSecrets(pulumi.ComponentResource):
    """A ClusterExternalSecret, and what takes its marks off namespaces.

    It is not waited for: that it is ready would say that ExternalSecrets exist and not that they hold anything, and one
    namespace where none can be made would stop the deployment.
    """

    made: pulumi.Output[str]
    """Name of the ClusterExternalSecret, once it is there."""

    def __init__(self, name: str, args: LabelledPullSecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:LabelledPullSecrets", name, None, opts)
        labels = dict(args["labels"])
        marks = NamespaceMarks(
            f"{name}-marks",
            {
                "mark": mark_of(args["name"]),
                # No stack's name holds a dot, so no other stack has a policy of such a name.
                "policy_name": f"{args['name']}.namespaces",
                "has_policy": args["has_policy"],
                "labels": labels,
            },
            pulumi.ResourceOptions(parent=self),
        )
        made = CustomResource(
            f"{name}-secrets",
            api_version=ESO_API,
            kind="ClusterExternalSecret",
            metadata={"name": args["name"], "labels": labels},
            spec={
                "externalSecretName": args["external_secret_name"],
                "externalSecretMetadata": {"labels": labels},
                "namespaceSelectors": [dict(args["namespace_selector"])],
                "refreshTime": _REFRESH,
                "externalSecretSpec": dict(args["spec"]),
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[marks]),
        )
        self.made = made.id
        self.register_outputs({"made": self.made})
