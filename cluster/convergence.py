"""Holds `up` back until every namespace has synced what was just deployed.

The Kubernetes provider waits for `Ready`, but an ExternalSecret that is updated keeps the `Ready` of before. What tells the two
apart is `status.syncedResourceVersion`, which begins with the generation that was synced (ESO API reference,
ExternalSecretStatus).
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import cast

import pulumi

from settings import ClusterAccess

from .operator import ESO_API
from .reader import ClusterReader, Forbidden, HttpClusterReader, Unreachable, part

_POLL_SECONDS = 0.5
_PATIENCE_SECONDS = 120.0


async def when_synced(access: ClusterAccess, pull_secrets: Sequence[str]) -> list[str]:
    """`pull_secrets` (`NAMESPACE/NAME`) once each is synced. Raises pulumi.RunError naming those that are not in time.

    Where the cluster can't be read, a warning says that this was not checked.
    """
    if not pulumi.runtime.is_dry_run():
        try:
            await _wait(HttpClusterReader.of(access), pull_secrets, _PATIENCE_SECONDS)
        except (Unreachable, Forbidden) as reason:
            pulumi.log.warn(f"whether every namespace holds the new login was not checked: {reason}")
    return list(pull_secrets)


async def _wait(reader: ClusterReader, pull_secrets: Sequence[str], patience: float) -> None:
    end = time.monotonic() + patience
    late = dict.fromkeys(pull_secrets, "")
    while True:
        for place in list(late):
            reason = _why_not_synced(reader, place)
            if reason is None:
                del late[place]
            else:
                late[place] = reason
        if not late:
            return
        if time.monotonic() > end:
            listed = "\n".join(f"  {place}: {reason}" for place, reason in late.items())
            raise pulumi.RunError(
                f"ESO did not bring the new login to every namespace within {patience:.0f} s; the others have it, and these "
                f"keep their last one:\n{listed}\nsee: kubectl describe externalsecret -n NAMESPACE NAME"
            )
        await asyncio.sleep(_POLL_SECONDS)


def _why_not_synced(reader: ClusterReader, place: str) -> str | None:
    namespace, name = place.split("/")
    found = reader.document(f"{ESO_API}/namespaces/{namespace}/externalsecrets/{name}")
    return "its ExternalSecret is gone; pulumi up --refresh makes it again" if found is None else why_not_synced(found)


def why_not_synced(external_secret: Mapping[str, object]) -> str | None:
    """What keeps the ExternalSecret from having synced what it says now; None once it has."""
    status = part(external_secret, "status")
    generation = part(external_secret, "metadata")["generation"]
    if str(status.get("syncedResourceVersion", "")).startswith(f"{generation}-"):
        return None
    for condition in cast(Sequence[Mapping[str, object]], status.get("conditions") or []):
        if condition.get("type") == "Ready" and condition.get("status") != "True":
            return str(condition.get("message", "not ready"))
    return "not synced yet"
