"""A stack moves from one mode to another: what the program itself has to see to.

The engine deletes the delivery of before once the program has ended, and with it the principal by whose rights ECR judges the
logins of before. So by then nothing may write such a login any more, and no pull may still be under way with one.

From ESO to the CronJob: ESO would put its own login back over whatever the CronJob writes. Hence the ExternalSecrets have to go
before the CronJob's second run, and the Secrets have to stay: the first run has made them the CronJob's too.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from http import HTTPStatus

import httpx2
import pulumi

from kube.client import answering
from settings import Settings

from .operator import ESO_API
from .reader import ClusterReader, Forbidden, HttpClusterReader, Unreachable, connect_to
from .whose import is_ours, labelled, named

_POLL_SECONDS = 0.2
_PATIENCE_SECONDS = 60.0
# kubelet reads the pull secret, makes the pod's sandbox, and only then pulls. Pulls that take longer are tried again by it.
SETTLING_SECONDS = 20.0
# What the second run is told, always the same, so that it isn't run again.
DONE = "done"


class HandOver:
    """The move of one stack, if it is one: a stack that keeps its mode is not held up."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._moved = False

    async def from_operator(self) -> str:
        """DONE, once no ExternalSecret of this stack keeps the pull secret any more.

        What can't be taken away is a warning: the engine deletes it in the end, and the CronJob's next run puts right what ESO
        wrote until then.
        """
        await self._look("whether ESO has let go of the pull secrets", lambda http: take_away(http, self._settings))
        return DONE

    async def from_cron_job(self) -> None:
        """Looks whether a CronJob of this stack is there, which the engine will delete."""
        await self._look("whether a CronJob kept the pull secrets before", self._has_cron_job)

    async def settle(self) -> None:
        """Holds the program's end back after a move, so that pulls which began with a login of before can end."""
        if self._moved:
            await asyncio.sleep(SETTLING_SECONDS)

    async def _look(self, what: str, look: Callable[[httpx2.Client], Awaitable[bool]]) -> None:
        """Not at preview. A cluster that can't be asked is a warning."""
        if pulumi.runtime.is_dry_run():
            return
        try:
            with connect_to(self._settings.cluster) as http:
                self._moved = await look(http)
        except Unreachable as reason:
            pulumi.log.warn(
                f"{what} was not checked: {reason}. If this stack had another mode before, pulls may fail until the next "
                "renewal"
            )

    async def _has_cron_job(self, http: httpx2.Client) -> bool:
        path = f"/apis/batch/v1/namespaces/{self._settings.system_namespace}/cronjobs?{labelled(self._settings)}"
        # Whoever may not see such objects has made none.
        with suppress(Forbidden):
            return bool(HttpClusterReader(http).rows(path))
        return False


async def take_away(http: httpx2.Client, settings: Settings) -> bool:
    """Deletes the stack's ExternalSecrets and waits until they are gone; whether there were any. Raises Unreachable."""
    reader = HttpClusterReader(http)
    # First what would make them anew. It takes its ExternalSecrets with it, and its marks off the namespaces.
    maker = f"{ESO_API}/clusterexternalsecrets/{settings.owner}"
    makers = _ours(lambda: {maker: reader.metadata(maker)}, settings)
    await remove(http, reader, makers, "Background")
    syncs = _syncs(reader, settings, settings.pull_secret_name) | _syncs(reader, settings, settings.labelled_sync)
    # The garbage collector takes the owner reference off the Secret, and leaves the Secret (Kubernetes docs, Garbage
    # Collection, Orphaned dependents).
    await remove(http, reader, syncs, "Orphan")
    return bool(makers or syncs)


def _syncs(reader: ClusterReader, settings: Settings, name: str) -> dict[str, object]:
    """The uids of the stack's ExternalSecrets of that name, by path."""
    return _ours(
        lambda: {
            f"{ESO_API}/namespaces/{namespace}/externalsecrets/{name}": row.metadata
            for namespace, row in named(reader, ESO_API, "externalsecrets", name, settings.namespaces).items()
        },
        settings,
    )


def _ours(look: Callable[[], Mapping[str, Mapping[str, object] | None]], settings: Settings) -> dict[str, object]:
    """Of the metadata by path, the uids of the objects that are there and this stack's; none where the caller may not look."""
    try:
        found = look()
    except Forbidden:
        return {}
    return {path: metadata["uid"] for path, metadata in found.items() if metadata and is_ours(metadata, settings)}


async def remove(http: httpx2.Client, reader: ClusterReader, uids: Mapping[str, object], propagation: str) -> None:
    """Deletes the objects, by path, and waits until they are gone. Raises Unreachable, Forbidden."""
    for path, uid in uids.items():
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
            "preconditions": {"uid": uid},
        }
        with answering(path):
            status = http.request("DELETE", path, json=options).status_code
        if status not in (HTTPStatus.OK, HTTPStatus.ACCEPTED, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
            raise Unreachable(f"HTTP {status} on deleting {path}")
    end = time.monotonic() + _PATIENCE_SECONDS
    for path in uids:
        while reader.metadata(path) is not None:
            if time.monotonic() > end:
                raise Unreachable(f"{path} is being deleted and does not go")
            await asyncio.sleep(_POLL_SECONDS)
