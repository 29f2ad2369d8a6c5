"""Whose a Secret is, and whether we may write it. Pure: looks at the object alone.

Ours is what carries all of our labels and has no controller but our own ExternalSecret: a stack that changes between the
modes `lambda` and `cronjob` hands its Secrets over, so for a while both own them (Kubernetes API conventions, ownerReferences;
at most one owner may be the controller).
"""

from collections.abc import Mapping, Sequence

from .shapes import Object, mapping, printable, sequence

TYPE = "kubernetes.io/dockerconfigjson"


def is_ours(secret: Object, labels: Mapping[str, str]) -> bool:
    """Whether the Secret carries all of `labels` and nobody else controls it."""
    return _carries(secret, labels) and (_controller(secret) is None or _is_handed_over(secret))


def refusal(secret: Object, labels: Mapping[str, str], *, adopt: bool) -> str | None:
    """Why the Secret must be left alone and what to do about it, or None if it may be written.

    Names no value of the Secret, which may be somebody else's.
    """
    controller = _controller(secret)
    if controller is not None and not is_ours(secret, labels):
        kind, name = (printable(controller.get(key)) for key in ("kind", "name"))
        return (
            f"the Secret is kept by {kind} {name}, and two writers would undo each other's work: take that away, or set"
            " everpull:pullSecretName to another name"
        )
    if not _carries(secret, labels) and not adopt:
        return (
            "a Secret of that name exists and is not everpull's: set everpull:adopt to true to have it taken over, or"
            " everpull:pullSecretName to another name"
        )
    if secret.get("type") != TYPE:
        # The type of a Secret cannot be changed (Kubernetes API reference, Secret).
        return (
            f"the Secret is not of the type {TYPE}, which cannot be changed: delete it, and the next run makes it anew"
        )
    if secret.get("immutable") is True:
        return "the Secret is immutable, which cannot be undone: delete it, and the next run makes it anew"
    if mapping(secret.get("metadata")).get("deletionTimestamp") is not None:
        return "the Secret is being deleted and its finalizers hold it: remove them, and the next run makes it anew"
    return None


def is_controlled(secret: Object) -> bool:
    """Whether any controller keeps the Secret."""
    return _controller(secret) is not None


def owners(secret: Object) -> Sequence[Object]:
    """The Secret's owner references."""
    return [mapping(owner) for owner in sequence(mapping(secret.get("metadata")).get("ownerReferences"))]


def _carries(secret: Object, labels: Mapping[str, str]) -> bool:
    return labels.items() <= mapping(mapping(secret.get("metadata")).get("labels")).items()


def _controller(secret: Object) -> Object | None:
    return next((owner for owner in owners(secret) if owner.get("controller") is True), None)


def _is_handed_over(secret: Object) -> bool:
    """Whether the controller is an ExternalSecret of a name by which our other delivery makes them: the Secret's own in
    namespaces that are listed, and `.labelled` behind it in those chosen by label."""
    name = mapping(secret.get("metadata")).get("name")
    match _controller(secret):
        case {"apiVersion": str(api_version), "kind": "ExternalSecret", "name": owner}:
            return api_version.startswith("external-secrets.io/") and owner in (name, f"{name}.labelled")
        case _:
            return False
