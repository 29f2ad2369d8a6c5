"""What the cluster is like, as far as the program depends on it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pulumi

from settings import Settings

from .admission import serves_policies
from .reader import ClusterReader, Forbidden
from .selected import is_leaving

T = TypeVar("T")


@dataclass(frozen=True)
class Surroundings:
    """What was found. A cluster that can't be asked is taken for one that has all that a stack could wish for.

    `policies` says whether it serves MutatingAdmissionPolicy. Of the listed namespaces, those that do not exist are `absent`,
    and those that are being deleted are `leaving`.
    """

    policies: bool = True
    absent: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()

    def unserved(self, settings: Settings) -> tuple[str, ...]:
        """Listed namespaces into which nothing can be put: what doesn't exist, and the stack doesn't make, and what is about to
        go."""
        return tuple(
            name
            for name in settings.namespaces
            if name in self.leaving or (name in self.absent and not settings.create_namespaces)
        )


def look_around(settings: Settings, reader: ClusterReader) -> Surroundings:
    """Looks at the cluster. What the caller has no right to see is warned of and taken to be there. Raises Unreachable."""
    absent, leaving = _seen(lambda: _namespaces(settings.namespaces, reader), ((), ()))
    return Surroundings(_seen(lambda: serves_policies(reader), True), absent, leaving)


def _seen(look: Callable[[], T], otherwise: T) -> T:
    try:
        return look()
    except Forbidden as asked:
        pulumi.log.warn(f"not checked, because the kubeconfig's user may not read {asked}")
        return otherwise


def _namespaces(listed: Sequence[str], reader: ClusterReader) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those that are not there, and those that are being deleted: one question, or one for each if they can't be listed."""
    try:
        there = {row.name: is_leaving(row.metadata) for row in reader.rows("/api/v1/namespaces")}
    except Forbidden:
        found = {name: reader.metadata(f"/api/v1/namespaces/{name}") for name in listed}
        there = {name: is_leaving(metadata) for name, metadata in found.items() if metadata is not None}
    return (
        tuple(name for name in listed if name not in there),
        tuple(name for name in listed if there.get(name)),
    )
