"""A namespace that comes to be listed, or is not any more and has the labels: its pull secret changes hands.

ESO writes a Secret for one ExternalSecret alone, its controller, and the garbage collector deletes the Secret with that. So as
soon as the other one is there, the Secret is made free; ESO looks at every Secret of its own that changes, and gives it to the
one that waits for it. Nothing is made anew meanwhile.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import cast

import httpx2
import pulumi

from kube.changes import NotDone, NotNow, change
from settings import Settings

from .operator import ESO_API
from .reader import ClusterReader, Forbidden, HttpClusterReader, Row, Unreachable, connect_to
from .selected import selected
from .whose import controller, is_ours, named, places

_POLL_SECONDS = 0.5
_PATIENCE_SECONDS = 120.0


async def pass_on(settings: Settings) -> None:
    """Returns once every pull secret is kept by what is to keep it from now on. To be called while that is being made.

    A cluster that can't be asked is a warning. Raises pulumi.RunError where a pull secret can't pass, so that nothing is
    deleted.
    """
    if pulumi.runtime.is_dry_run():
        return
    try:
        with connect_to(settings.cluster) as http:
            await _pass_on(http, settings, _PATIENCE_SECONDS)
    except (Unreachable, Forbidden) as reason:
        pulumi.log.warn(
            f"whether pull secrets pass from one ExternalSecret to another was not checked: {reason}. Namespaces that were "
            "listed before and are chosen by label now lose theirs for a moment"
        )
    except NotDone as reason:
        raise pulumi.RunError(
            f"a pull secret could not be passed from one ExternalSecret to another: {reason}. It takes the right to patch it"
        ) from None


async def _pass_on(http: httpx2.Client, settings: Settings, patience: float) -> None:
    reader = HttpClusterReader(http)
    end = time.monotonic() + patience
    while waiting := _kept_by_another(settings, reader):
        for keeper in dict.fromkeys(keeper for _, keeper in waiting):
            secrets = {row.namespace: row for row, wanted in waiting if wanted == keeper}
            for namespace in named(reader, ESO_API, "externalsecrets", keeper, list(secrets)):
                if namespace in secrets:
                    _free(http, secrets[namespace])
        if time.monotonic() > end:
            where = places([row.namespace for row, _ in waiting])
            raise pulumi.RunError(
                f"the pull secret of {where} did not pass to ExternalSecret {waiting[0][1]} within {patience:.0f} s, so what "
                "kept it before was not deleted; run pulumi up again\n"
                "see: kubectl --namespace NAMESPACE describe externalsecrets"
            )
        await asyncio.sleep(_POLL_SECONDS)


def _kept_by_another(settings: Settings, reader: ClusterReader) -> list[tuple[Row, str]]:
    """The pull secrets that one of our ExternalSecrets keeps and the other is to keep, and which that is."""
    secret = settings.pull_secret_name
    keepers = dict.fromkeys((row.name for row in selected(settings, reader)), settings.labelled_sync)
    keepers |= dict.fromkeys(settings.namespaces, secret)
    found = named(reader, "/api/v1", "secrets", secret, settings.namespaces)
    waiting = [(row, keepers[namespace]) for namespace, row in found.items() if namespace in keepers]
    both = (secret, settings.labelled_sync)
    return [(row, keeper) for row, keeper in waiting if _keeper(row, settings, both) not in (None, keeper)]


def _keeper(secret: Row, settings: Settings, names: Sequence[str]) -> str | None:
    """The ExternalSecret of ours, of one of the names, that keeps the Secret, if one does."""
    owner = controller(secret.metadata) or {}
    ours = owner.get("kind") == "ExternalSecret" and owner.get("name") in names and is_ours(secret.metadata, settings)
    return str(owner["name"]) if ours else None


def _free(http: httpx2.Client, secret: Row) -> None:
    """Takes away the owner reference of the controller."""
    owners = cast(Sequence[Mapping[str, object]], secret.metadata["ownerReferences"])
    index = next(index for index, owner in enumerate(owners) if owner.get("controller") is True)
    where = f"/metadata/ownerReferences/{index}"
    try:
        change(
            http,
            f"/api/v1/namespaces/{secret.namespace}/secrets/{secret.name}",
            [{"op": "test", "path": f"{where}/uid", "value": owners[index]["uid"]}, {"op": "remove", "path": where}],
        )
    except NotNow:
        # It is looked at again.
        return
