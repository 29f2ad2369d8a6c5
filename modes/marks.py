"""What everything that the stack makes has in common, in one place: AWS tags, Kubernetes labels, and what is protected."""

from collections.abc import Mapping
from typing import Any, cast

import pulumi

from settings import Settings, schema

# The tag by which everything in AWS tells its stack.
STACK_TAG = f"{schema.PROJECT}:stack"
# Kubernetes docs, Recommended Labels. Name and instance are on each object already: they tell whose it is, so an object of an
# earlier version, which lacks these, is known as well.
MANAGED = {"app.kubernetes.io/managed-by": "pulumi", "app.kubernetes.io/part-of": schema.PROJECT}

# Made anew they have another ARN, which is in the policies of other accounts and in the stacks of other clusters; and a
# namespace takes all that is in it along.
_PROTECTED = (
    "aws:secretsmanager/secret:Secret",
    "aws:iam/role:Role",
    "aws:iam/user:User",
    "kubernetes:core/v1:Namespace",
)


def mark_everything(settings: Settings) -> None:
    """To be called before anything is made."""
    pulumi.runtime.register_stack_transformation(marking(settings))


def marking(settings: Settings) -> pulumi.ResourceTransformation:
    """What is done to each resource. A change of it changes resources in place, and replaces none."""

    def mark(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
        props = cast(Mapping[str, Any], args.props)
        if takes_tags(args.resource):
            props = tagged(props, {STACK_TAG: settings.stack, **settings.care.tags})
        if args.type_.startswith("kubernetes:"):
            props = labelled(props, settings.labels)
        opts = args.opts
        if settings.care.protect and args.type_ in _PROTECTED:
            opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=True))
        return pulumi.ResourceTransformationResult(dict(props), opts)

    return mark


def takes_tags(resource: pulumi.Resource) -> bool:
    """Whether it is one of AWS that takes tags: those have them as a property."""
    kind = type(resource)
    return kind.__module__.startswith("pulumi_aws.") and isinstance(getattr(kind, "tags", None), property)


def tagged(props: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
    """A resource's arguments with the tags below its own."""
    own = props.get("tags")
    return {**props, "tags": {**tags, **own} if own else dict(tags)}


def labelled(props: Mapping[str, Any], ours: Mapping[str, str]) -> dict[str, Any]:
    """An object's arguments with MANAGED among its labels, if it is the stack's own. What is only patched stays as it is."""
    metadata = cast(Mapping[str, Any], props.get("metadata") or {})
    labels = cast(Mapping[str, str], metadata.get("labels") or {})
    if not ours.items() <= labels.items():
        return dict(props)
    return {**props, "metadata": {**metadata, "labels": {**labels, **MANAGED}}}
