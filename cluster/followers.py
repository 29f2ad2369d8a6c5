"""Namespaces that are chosen by label follow in their own time: `up` gives them some of it, and says who is late.

A ClusterExternalSecret that is ready says that ExternalSecrets exist, for a selector that it may not have any more: its status
has no generation. So these themselves are looked at.
"""

import asyncio
import time
from collections.abc import Mapping

import httpx2
import pulumi

from kube.changes import NotDone
from kube.namespaces import Namespaces, mark_of, remedy
from settings import Settings

from .convergence import why_not_synced
from .operator import ESO_API
from .reader import ClusterReader, Forbidden, HttpClusterReader, Unreachable, connect_to, items, part
from .selected import is_leaving, selected
from .whose import is_ours

_POLL_SECONDS = 1.0
_PATIENCE_SECONDS = 60.0
_NAMED = 3


async def when_followed(settings: Settings, hub: str) -> None:
    """Waits until each namespace that is chosen by label now has synced what `hub` (`NAMESPACE/NAME`) holds, and no other has
    an ExternalSecret of ours any more. Then takes ESO's mark off those others.

    Namespaces that take too long are a warning, as is a cluster that can't be asked.
    """
    if settings.selector is None or pulumi.runtime.is_dry_run():
        return
    try:
        with connect_to(settings.cluster) as http:
            late = await _wait(HttpClusterReader(http), settings, hub.rpartition("/")[2], _PATIENCE_SECONDS)
            _take_marks_off(http, settings)
    except (Unreachable, Forbidden, NotDone) as reason:
        pulumi.log.warn(f"whether the namespaces that are chosen by label follow was not checked: {reason}")
        return
    if late:
        lines = [f"  {name}: {reason}" for name, reason in list(late.items())[:_NAMED]]
        if len(late) > _NAMED:
            lines.append(f"  and {len(late) - _NAMED} more")
        see = f"kubectl get externalsecrets --all-namespaces --field-selector metadata.name={settings.labelled_sync}"
        pulumi.log.warn(
            f"{len(late)} of the namespaces that are chosen by label did not follow within {_PATIENCE_SECONDS:.0f} s; ESO goes "
            "on trying:\n" + "\n".join([*lines, f"see: {see}"])
        )


async def _wait(reader: ClusterReader, settings: Settings, hub: str, patience: float) -> dict[str, str]:
    """Who is late in the end, and why."""
    end = time.monotonic() + patience
    while late := _late(reader, settings, hub):
        if time.monotonic() > end:
            break
        await asyncio.sleep(_POLL_SECONDS)
    return late


def _late(reader: ClusterReader, settings: Settings, hub: str) -> dict[str, str]:
    chosen = {row.name: is_leaving(row.metadata) for row in selected(settings, reader)}
    query = f"fieldSelector=metadata.name%3D{settings.labelled_sync}"
    listed = items(reader.document(f"{ESO_API}/externalsecrets?{query}"), "items")
    found = {str(part(item, "metadata")["namespace"]): item for item in listed}
    refused = _refused(reader, settings)
    late: dict[str, str] = {}
    for name in (name for name, leaving in chosen.items() if not leaving):
        if name not in found:
            late[name] = refused.get(name, "has no ExternalSecret yet")
        elif not reads(found[name], hub):
            late[name] = "its ExternalSecret was not changed yet"
        elif reason := why_not_synced(found[name]):
            late[name] = reason
    for name, item in found.items():
        if name not in chosen and is_ours(part(item, "metadata"), settings):
            late[name] = "has left the selection, and still has its ExternalSecret"
    return late


def _refused(reader: ClusterReader, settings: Settings) -> dict[str, str]:
    """Why ESO made no ExternalSecret in a namespace, where it says so."""
    made = reader.document(f"{ESO_API}/clusterexternalsecrets/{settings.owner}")
    failures = items(part(made or {}, "status"), "failedNamespaces")
    return {str(failure["namespace"]): str(failure.get("reason", "refused")) for failure in failures}


def reads(external_secret: Mapping[str, object], hub: str) -> bool:
    """Whether it copies the Secret of that name."""
    return any(part(entry, "remoteRef").get("key") == hub for entry in items(part(external_secret, "spec"), "data"))


def _take_marks_off(http: httpx2.Client, settings: Settings) -> None:
    """Off every namespace that ESO would not take it off any more when that is deleted."""
    mark, namespaces = mark_of(settings.owner), Namespaces(http)
    marked = namespaces.marked(mark)
    if not marked:
        return
    chosen = {row.name for row in selected(settings, HttpClusterReader(http))}
    for namespace in marked:
        if namespace.name in chosen and not namespace.leaving:
            continue
        try:
            namespaces.unmark(namespace.name, mark)
        except NotDone as reason:
            pulumi.log.warn(f"namespace {namespace.name} cannot be deleted: {reason}; {remedy(mark, namespace.name)}")
