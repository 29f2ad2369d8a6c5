"""Whose an object is, and where objects of one name are."""

from collections.abc import Iterable, Mapping, Sequence
from typing import cast
from urllib.parse import quote

from settings import Fault, Settings

from .reader import ClusterReader, Forbidden, Row

_SHOWN = 3


def labelled(settings: Settings) -> str:
    """The query that asks a list for what has the stack's labels."""
    return "labelSelector=" + quote(",".join(f"{key}={value}" for key, value in settings.labels.items()), safe="")


def is_ours(metadata: Mapping[str, object], settings: Settings) -> bool:
    """Whether it carries this stack's labels."""
    labels = cast(Mapping[str, object], metadata.get("labels") or {})
    return settings.labels.items() <= labels.items()


def controller(metadata: Mapping[str, object]) -> Mapping[str, object] | None:
    """The owner reference of what keeps the object as it wants it, if anything does (Kubernetes docs, Controllers)."""
    owners = cast(Sequence[Mapping[str, object]], metadata.get("ownerReferences") or ())
    return next((owner for owner in owners if owner.get("controller") is True), None)


def named(reader: ClusterReader, api: str, plural: str, name: str, namespaces: Iterable[str]) -> dict[str, Row]:
    """The objects of that kind and name, by namespace.

    One question for the whole cluster; where the caller may not ask that, one for each of `namespaces`. Raises Unreachable,
    Forbidden.
    """
    try:
        rows = reader.rows(f"{api}/{plural}?fieldSelector=metadata.name%3D{name}")
    except Forbidden:
        rows = [row for namespace in namespaces for row in reader.rows(f"{api}/namespaces/{namespace}/{plural}/{name}")]
    return {row.namespace: row for row in rows}


def places(namespaces: Sequence[str]) -> str:
    """Names of namespaces for a sentence, however many."""
    shown, more = namespaces[:_SHOWN], len(namespaces) - _SHOWN
    if more > 0:
        return f"the namespaces {', '.join(shown)} and {more} more"
    return f"namespace {shown[0]}" if len(shown) == 1 else f"the namespaces {', '.join(shown[:-1])} and {shown[-1]}"


def stack_fault(settings: Settings, need: str, example: str) -> Fault:
    """The fault of a name that is made from the stack's and taken. `need` is what would have been made, `example` shows it."""
    allowed = "a stack whose name no other stack in this cluster has"
    return Fault("stack", settings.stack, f"would need the {need}, which something else made", allowed, example)
