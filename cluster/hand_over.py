"""A stack moves from one mode to another: what the program itself has to see to.

The engine deletes the delivery of before once the program has ended, and with it the principal by whose rights ECR judges the
logins of before. So by then nothing may write such a login any more, and no pull may still be under way with one.

From ESO to the CronJob: ESO would put its own login back over whatever the CronJob writes. Hence the ExternalSecrets have to go
before the CronJob's second run, and the Secrets have to stay: the first run has made them the CronJob's too.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import cast
from urllib.parse import quote

import httpx2
import pulumi

from kube.client import Unreachable, answering, connect
from settings import Settings

from .operator import ESO_GROUP, ESO_VERSION
from .whose import is_ours

_API = f"/apis/{ESO_GROUP}/{ESO_VERSION}"
_TIMEOUT_SECONDS = 15.0
_POLL_SECONDS = 0.2
_PATIENCE_SECONDS = 60.0
# kubelet reads the pull secret, makes the pod's sandbox, and only then pulls. Pulls that take longer are tried again by it.
_SETTLING_SECONDS = 20.0
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
            await asyncio.sleep(_SETTLING_SECONDS)

    async def _look(self, what: str, look: Callable[[httpx2.Client], Awaitable[bool]]) -> None:
        """Not at preview. A cluster that can't be asked is a warning."""
        if pulumi.runtime.is_dry_run():
            return
        try:
            access = self._settings.cluster
            with connect(access.kubeconfig, access.context, _TIMEOUT_SECONDS) as http:
                self._moved = await look(http)
        except Unreachable as reason:
            pulumi.log.warn(
                f"{what} was not checked: {reason}. If this stack had another mode before, pulls may fail until the next "
                "renewal"
            )

    async def _has_cron_job(self, http: httpx2.Client) -> bool:
        labels = ",".join(f"{key}={value}" for key, value in self._settings.labels.items())
        path = f"/apis/batch/v1/namespaces/{self._settings.system_namespace}/cronjobs?labelSelector={quote(labels)}"
        return bool((_get(http, path) or {}).get("items"))


async def take_away(http: httpx2.Client, settings: Settings) -> bool:
    """Deletes the stack's ExternalSecrets and waits until they are gone; whether there were any. Raises Unreachable."""
    # First what would make them anew. It takes its ExternalSecrets with it, and its marks off the namespaces.
    makers = _delete(http, f"{_API}/clusterexternalsecrets/{settings.owner}", settings, "Background")
    await _gone(http, makers)
    going = [
        path
        for namespace in list(_namespaces(http, settings))
        # The garbage collector takes the owner reference off the Secret, and leaves the Secret (Kubernetes docs, Garbage
        # Collection, Orphaned dependents).
        for path in _delete(
            http, f"{_API}/namespaces/{namespace}/externalsecrets/{settings.pull_secret_name}", settings, "Orphan"
        )
    ]
    await _gone(http, going)
    return bool(makers or going)


def _namespaces(http: httpx2.Client, settings: Settings) -> Iterator[str]:
    """The namespaces that may hold one; only the listed ones where the caller may not look into all."""
    found = _get(http, f"{_API}/externalsecrets?fieldSelector=metadata.name%3D{settings.pull_secret_name}")
    if found is None:
        return
    if not found:
        yield from settings.namespaces
    for item in cast(Sequence[Mapping[str, Mapping[str, object]]], found.get("items") or ()):
        yield str(item["metadata"]["namespace"])


def _delete(http: httpx2.Client, path: str, settings: Settings, propagation: str) -> list[str]:
    """Begins to delete the object if it is there and ours; its path if so."""
    metadata = cast(Mapping[str, object], (_get(http, path) or {}).get("metadata") or {})
    if not metadata or not is_ours(metadata, settings):
        return []
    options = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": propagation,
        "preconditions": {"uid": metadata["uid"]},
    }
    with answering(path):
        status = http.request("DELETE", path, json=options).status_code
    if status not in (HTTPStatus.OK, HTTPStatus.ACCEPTED, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
        raise Unreachable(f"HTTP {status} on deleting {path}")
    return [path]


async def _gone(http: httpx2.Client, paths: Sequence[str]) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    for path in paths:
        while _get(http, path) is not None:
            if time.monotonic() > end:
                raise Unreachable(f"{path} is being deleted and does not go")
            await asyncio.sleep(_POLL_SECONDS)


def _get(http: httpx2.Client, path: str) -> Mapping[str, object] | None:
    """The answer, None if there is nothing there, empty if the caller may not see it."""
    with answering(path):
        response = http.get(path)
    if response.status_code == HTTPStatus.NOT_FOUND:
        return None
    if response.status_code == HTTPStatus.FORBIDDEN:
        return {}
    if response.status_code != HTTPStatus.OK:
        raise Unreachable(f"HTTP {response.status_code} on {path}")
    return cast(Mapping[str, object], response.json())
