"""Checks of what says how and where the refresher's pods run. Each returns the typed value or raises `Refused`."""

import re
from dataclasses import dataclass

from lambda_src.refresher.images import REPOSITORY

from .refused import Refused
from .schema import IMAGE_PULL_POLICIES, TAINT_EFFECTS
from .selectors import label_key, label_value
from .values import strings

# distribution/reference, the grammar of image names.
_HOST = r"(?:(?:[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?\.)*[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?(?::[0-9]+)?)"
_IMAGE = re.compile(rf"(?:(?P<host>{_HOST})/)?{REPOSITORY}(?::[\w][\w.-]{{0,127}})?(?P<digest>@sha256:[0-9a-f]{{64}})?")
_PRIVATE_ECR = re.compile(r"[0-9]{12}\.dkr[.-]ecr", re.IGNORECASE)


@dataclass(frozen=True)
class Toleration:
    """A taint that the refresher's pods bear. Without a value any value is borne, without an effect any effect."""

    key: str
    value: str | None
    effect: str | None


def image(reference: str) -> str:
    """An image's name with its digest, in a registry that lets it be pulled without an ECR login."""
    allowed = "NAME[:TAG]@sha256:DIGEST"
    match = _IMAGE.fullmatch(reference)
    if not match:
        raise Refused(f"{reference!r} is not the name of an image", allowed)
    if not match["digest"]:
        raise Refused("names no digest, so that what runs with the stack's rights could be exchanged unseen", allowed)
    if _PRIVATE_ECR.match(match["host"] or ""):
        raise Refused(
            "is in a private ECR registry: the image that fetches the logins cannot wait for a login",
            f"{allowed} in a registry that the nodes can pull from without one, such as public.ecr.aws",
        )
    return reference


def image_pull_policy(text: str) -> str:
    """One of IMAGE_PULL_POLICIES."""
    if text not in IMAGE_PULL_POLICIES:
        raise Refused("is not a pull policy that Kubernetes knows", ", ".join(IMAGE_PULL_POLICIES))
    return text


def node_selector(raw: str) -> tuple[tuple[str, str], ...]:
    """Labels, each `key=value` and each key once, that a node must have."""
    found: dict[str, str] = {}
    for item in strings(raw):
        key, equals, value = item.partition("=")
        if not equals:
            raise Refused(f"{item!r} names no value", "key=value")
        if label_key(key) in found:
            raise Refused(f"asks for two values of {key}, and a node has one", "each key once")
        found[key] = label_value(value)
    return tuple(found.items())


def tolerations(raw: str) -> tuple[Toleration, ...]:
    """Taints, each as kubectl taint spells it: key[=value][:Effect]."""
    return tuple(_toleration(item) for item in strings(raw))


def _toleration(text: str) -> Toleration:
    taint, colon, effect = text.partition(":")
    if colon and effect not in TAINT_EFFECTS:
        raise Refused(f"{text!r} has an effect that no taint has", f"key[=value][:Effect], {', '.join(TAINT_EFFECTS)}")
    key, equals, value = taint.partition("=")
    return Toleration(label_key(key), label_value(value) if equals else None, effect or None)
