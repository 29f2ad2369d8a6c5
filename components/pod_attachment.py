"""Pods that get the pull secret when they are created, by an admission policy of the API server itself."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
from pulumi_kubernetes.admissionregistration.v1 import MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding

from .namespace_selection import by_name, less

# All images that a kubelet pulls with a pod's pull secrets. Whatever may be missing is asked for as optional, because a field
# that isn't there is an error to CEL. Ephemeral containers can't be among them: they come later, and a pod's pull secrets
# can't be changed then (Kubernetes API reference, PodSpec).
_IMAGES = """
object.spec.containers.map(container, container.?image.orValue(""))
  + object.spec.?initContainers.orValue([]).map(container, container.?image.orValue(""))
  + object.spec.?volumes.orValue([]).map(volume, volume.?image.?reference.orValue(""))
"""
# A mirror pod shows a kubelet's static pod; the API server refuses one that names any secret.
_WANTED = """
!("kubernetes.io/config.mirror" in object.metadata.?annotations.orValue({{}}))
  && variables.images.exists(image, {prefixes}.exists(prefix, image.startsWith(prefix)))
"""
# A JSON patch with untyped values. An apply configuration is refused, because the list is atomic to it; and Kubernetes 1.36's
# API server crashes on a list of typed Object.spec.imagePullSecrets as the value.
_MUTATION = """
!variables.wanted || object.spec.?imagePullSecrets.orValue([]).exists(entry, entry.?name.orValue("") == {secret}) ? []
  : has(object.spec.imagePullSecrets)
    ? [JSONPatch{{op: "add", path: "/spec/imagePullSecrets/-", value: {{"name": {secret}}}}}]
    : [JSONPatch{{op: "add", path: "/spec/imagePullSecrets", value: [{{"name": {secret}}}]}}]
"""


class PodAttachmentArgs(TypedDict):
    """Arguments of PodAttachment."""

    policy_name: str
    """Name of the policy, unique in the cluster; its bindings' names are made from it."""

    pull_secret_name: str
    """Name of the pull secret in each of the namespaces; it should be there before."""

    registries: Sequence[str]
    """Registry hosts. Pods with an image from any of them get the pull secret, others are left as they are."""

    namespaces: Sequence[str]
    """Namespaces whose pods get it."""

    namespace_selector: NotRequired[Mapping[str, Any] | None]
    """LabelSelector object of further namespaces."""

    excluded_namespaces: NotRequired[Sequence[str]]
    """Namespaces that the selector doesn't mean."""

    failure_policy: NotRequired[str]
    """`Ignore` (the default) or `Fail`: whether a pod is created as it is, or not at all, where the policy itself fails."""

    labels: Mapping[str, str]
    """Labels of every object."""


class PodAttachment(pulumi.ComponentResource):
    """A MutatingAdmissionPolicy and its bindings (admissionregistration.k8s.io/v1, Kubernetes 1.36 and later).

    It comes after ServiceAccount admission, which gives a pod without pull secrets those of its service account. So the pod
    keeps these, as it keeps its own, and gets ours behind them.
    """

    policy: pulumi.Output[str]
    """Name of the policy, once it is bound."""

    bindings: pulumi.Output[list[str]]
    """Names of its bindings."""

    def __init__(self, name: str, args: PodAttachmentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:PodAttachment", name, None, opts)
        policy = MutatingAdmissionPolicy(
            f"{name}-policy",
            metadata={"name": args["policy_name"], "labels": dict(args["labels"])},
            spec=policy_spec(args["pull_secret_name"], args["registries"], args.get("failure_policy", "Ignore")),
            opts=pulumi.ResourceOptions(parent=self),
        )
        # No stack's name holds a dot, so no other stack has a policy or binding of such a name.
        bound = {f"{args['policy_name']}.{which}": selector for which, selector in _selections(args).items()}
        bindings = [
            MutatingAdmissionPolicyBinding(
                f"{name}-{binding.rpartition('.')[2]}",
                metadata={"name": binding, "labels": dict(args["labels"])},
                spec={"policy_name": args["policy_name"], "match_resources": {"namespace_selector": selector}},
                opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
            )
            for binding, selector in bound.items()
        ]
        ready = pulumi.Output.all(*[binding.id for binding in bindings])
        self.policy = ready.apply(lambda _: args["policy_name"])
        self.bindings = ready.apply(lambda _: list(bound))
        self.register_outputs({"policy": self.policy, "bindings": self.bindings})


def policy_spec(secret: str, registries: Sequence[str], failure_policy: str) -> Any:
    """The policy's `spec`."""
    prefixes = _literal([f"{host}/" for host in registries])
    return {
        "match_constraints": {
            "resource_rules": [
                {"api_groups": [""], "api_versions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
            ]
        },
        "failure_policy": failure_policy,
        # An image may be rewritten, to a mirror for example, by a webhook that comes after this. Only what was invoked the
        # first time is invoked again, so which pods are meant must not be a match condition, which would keep it from that.
        "reinvocation_policy": "IfNeeded",
        "variables": [
            {"name": "images", "expression": _IMAGES.strip()},
            {"name": "wanted", "expression": _WANTED.format(prefixes=prefixes).strip()},
        ],
        "mutations": [
            {
                "patch_type": "JSONPatch",
                "json_patch": {"expression": _MUTATION.format(secret=_literal(secret)).strip()},
            }
        ],
    }


def _selections(args: PodAttachmentArgs) -> dict[str, Any]:
    """A namespace selector for the listed namespaces, and one for those chosen by label; neither means what the other does."""
    selections: dict[str, Any] = {}
    listed, selector = list(args["namespaces"]), args.get("namespace_selector")
    if listed:
        selections["listed"] = {"match_expressions": [by_name("In", listed)]}
    if selector is not None:
        meant = less(selector, [*listed, *args.get("excluded_namespaces", ())])
        selections["labelled"] = {
            "match_labels": meant.get("matchLabels", {}),
            "match_expressions": meant.get("matchExpressions", []),
        }
    return selections


def _literal(value: object) -> str:
    """A string, or a list of them, as CEL spells it.

    JSON's quoting is a part of CEL's (CEL specification, String and Bytes Values), except for characters that JSON writes as
    two surrogates; so those stay as they are.
    """
    return json.dumps(value, ensure_ascii=False)
