"""What the cluster is like, as far as the program depends on it."""

from dataclasses import dataclass

import pulumi

from .admission import serves_policies
from .reader import ClusterReader, Forbidden


@dataclass(frozen=True)
class Surroundings:
    """What was found. A cluster that can't be asked is taken for one that has all that a stack could wish for.

    `policies` says whether it serves MutatingAdmissionPolicy.
    """

    policies: bool = True


def look_around(reader: ClusterReader) -> Surroundings:
    """Looks at the cluster. What the caller has no right to see is warned of and taken to be there. Raises Unreachable."""
    try:
        return Surroundings(serves_policies(reader))
    except Forbidden as asked:
        pulumi.log.warn(f"not checked, because the kubeconfig's user may not read {asked}")
        return Surroundings()
