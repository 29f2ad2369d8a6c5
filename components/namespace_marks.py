"""The marks that ESO puts on namespaces, so that none outlives what it was put there for."""

from collections.abc import Mapping
from typing import Any, TypedDict

import pulumi
from pulumi.dynamic import ConfigureRequest, CreateResult, DiffResult, ReadResult, Resource, ResourceProvider
from pulumi_kubernetes.admissionregistration.v1 import MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding

from kube.client import connect
from kube.namespaces import Namespaces

_TIMEOUT_SECONDS = 30.0

_MARKED = 'object.metadata.?finalizers.orValue([]).exists(name, name == "{mark}")'
_UNMARK = """
[JSONPatch{{op: "replace", path: "/metadata/finalizers", value: object.metadata.finalizers.filter(name, name != "{mark}")}}]
"""


class NamespaceMarkProvider(ResourceProvider):
    """Takes a mark off every namespace when it is deleted; does nothing else.

    A resource's state holds this class by the name of its module, so neither may be renamed: a stack that was deployed before
    could not be destroyed any more. What the class does may change freely; the engine sees no change in that.
    """

    # Nothing in it is secret.
    serialize_as_secret_always = False

    # Of the class and not set in __init__, because an instance's own attributes would go into the state with it.
    _cluster: tuple[str | None, str | None] = (None, None)

    def configure(self, req: ConfigureRequest) -> None:
        """Takes note of the cluster."""
        self._cluster = (req.config.get("kubernetes:kubeconfig"), req.config.get("kubernetes:context"))

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Another mark is another resource."""
        changed = _olds.get("mark") != _news.get("mark")
        return DiffResult(changes=changed, replaces=["mark"] if changed else [])

    def create(self, props: dict[str, Any]) -> CreateResult:
        """The marks are put there by ESO."""
        return CreateResult(props["mark"], {"mark": props["mark"]})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Whether there are marks changes nothing."""
        return ReadResult(id_, {"mark": props["mark"]})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Takes the mark off every namespace. What puts it there must be gone."""
        namespaces = Namespaces(connect(*self._cluster, _TIMEOUT_SECONDS))
        for marked in namespaces.marked(_props["mark"]):
            namespaces.unmark(marked.name, _props["mark"])


class NamespaceMark(Resource, module="everpull", name="NamespaceMark"):
    """One mark, on however many namespaces."""

    def __init__(self, name: str, mark: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(NamespaceMarkProvider(), name, {"mark": mark}, opts)


class NamespaceMarksArgs(TypedDict):
    """Arguments of NamespaceMarks."""

    mark: str
    """The finalizer that is the mark."""

    policy_name: str
    """Name of the admission policy and of its binding, unique in the cluster."""

    has_policy: bool
    """Whether the cluster serves MutatingAdmissionPolicy (admissionregistration.k8s.io/v1, Kubernetes 1.36 and later)."""

    labels: Mapping[str, str]
    """Labels of every object."""


class NamespaceMarks(pulumi.ComponentResource):
    """Namespaces with the mark can be deleted while this is there, and have no mark any more once it is deleted.

    While it is there the API server itself takes the mark off a namespace that is being deleted, when that was emptied. Where
    it knows no such policy, a namespace that left the selection waits until somebody takes the mark off.
    What puts the mark there must depend on this.
    """

    def __init__(self, name: str, args: NamespaceMarksArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:NamespaceMarks", name, None, opts)
        NamespaceMark(f"{name}-mark", args["mark"], opts=pulumi.ResourceOptions(parent=self))
        if args["has_policy"]:
            self._policy(name, args)
        self.register_outputs({})

    def _policy(self, name: str, args: NamespaceMarksArgs) -> None:
        metadata: Any = {"name": args["policy_name"], "labels": dict(args["labels"])}
        policy = MutatingAdmissionPolicy(
            f"{name}-policy",
            metadata=metadata,
            spec=policy_spec(args["mark"]),
            opts=pulumi.ResourceOptions(parent=self),
        )
        MutatingAdmissionPolicyBinding(
            f"{name}-binding",
            metadata=metadata,
            spec={"policy_name": args["policy_name"]},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )


def policy_spec(mark: str) -> Any:
    """The policy's `spec`. The mark's name holds no quotes."""
    return {
        "match_constraints": {
            "resource_rules": [
                {
                    "api_groups": [""],
                    "api_versions": ["v1"],
                    "operations": ["UPDATE"],
                    # Only the controller that deletes namespaces writes it, as its last act (Kubernetes API reference,
                    # Namespace, replace finalize).
                    "resources": ["namespaces/finalize"],
                }
            ]
        },
        "match_conditions": [{"name": "marked", "expression": _MARKED.format(mark=mark)}],
        # A policy that fails must not keep namespaces from going.
        "failure_policy": "Ignore",
        "reinvocation_policy": "Never",
        "mutations": [{"patch_type": "JSONPatch", "json_patch": {"expression": _UNMARK.format(mark=mark).strip()}}],
    }
