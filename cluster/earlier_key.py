"""The cluster moves to another access key: what was begun with the one before may end with it.

The engine deletes that key, and the Secret that holds it, once the program has ended. A run of the refresher has its key from
the Secret when its pod starts, so one that began before the CronJob was changed needs both.
"""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

import pulumi

from settings import Settings

from .hand_over import SETTLING_SECONDS
from .reader import ClusterReader, Forbidden, HttpClusterReader, Unreachable, items, part
from .whose import labelled

_POLL_SECONDS = 1.0


async def when_let_go(settings: Settings, first: str, current: str, patience: float) -> None:
    """Holds the program's end back while an earlier key than the one in the Secret `current` (`NAMESPACE/NAME`) is in use.

    That is until no run is under way that was given one, for `patience` seconds at most, which is a warning, and for as long as
    a pull takes that began with the login of before. `first` is the name of the first key's Secret, with which those of
    others begin. A stack that keeps its key is not held up. Nor is a preview. A cluster that can't be asked is a warning.
    """
    if pulumi.runtime.is_dry_run():
        return
    name = current.rpartition("/")[2]
    try:
        reader = HttpClusterReader.of(settings.cluster)
        moved = _has_another(reader, settings, first, name)
        late = await _wait(reader, settings, first, name, patience)
    except (Unreachable, Forbidden) as reason:
        pulumi.log.warn(f"whether a run of the refresher still uses an earlier access key was not checked: {reason}")
        return
    if late:
        pulumi.log.warn(
            f"of the refresher's runs, {', '.join(late)} did not end within {patience:.0f} s and may fail, because the access "
            "key that they began with is deleted now; the next run has the new one"
        )
    if moved:
        await asyncio.sleep(SETTLING_SECONDS)


def _has_another(reader: ClusterReader, settings: Settings, first: str, current: str) -> bool:
    """Whether there is the Secret of another key. Whoever may not list Secrets is not held up for it."""
    with suppress(Forbidden):
        rows = reader.rows(f"/api/v1/namespaces/{settings.system_namespace}/secrets?{labelled(settings)}")
        return any(_is_of_a_key(row.name, first) and row.name != current for row in rows)
    return False


async def _wait(reader: ClusterReader, settings: Settings, first: str, current: str, patience: float) -> Sequence[str]:
    """The Jobs that are under way with another key in the end."""
    end = time.monotonic() + patience
    told = False
    while late := _under_way(reader, settings, first, current):
        if time.monotonic() > end:
            break
        if not told:
            pulumi.log.info(f"waiting for {', '.join(late)} to end, which began with the access key of before")
            told = True
        await asyncio.sleep(_POLL_SECONDS)
    return late


def _under_way(reader: ClusterReader, settings: Settings, first: str, current: str) -> list[str]:
    jobs = reader.document(f"/apis/batch/v1/namespaces/{settings.system_namespace}/jobs?{labelled(settings)}")
    return [
        str(job["metadata"]["name"])
        for job in cast(Sequence[Mapping[str, Any]], items(jobs, "items"))
        if not _has_ended(job) and any(_is_of_a_key(name, first) and name != current for name in _secrets_of(job))
    ]


def _has_ended(job: Mapping[str, Any]) -> bool:
    """Whether it is complete or failed (Kubernetes docs, Jobs), or was stopped before it began."""
    status = part(job, "status")
    conditions = items(status, "conditions")
    stopped = bool(job["spec"].get("suspend")) and not status.get("active")
    return stopped or any(found["type"] in ("Complete", "Failed") and found["status"] == "True" for found in conditions)


def _secrets_of(job: Mapping[str, Any]) -> set[str]:
    """The Secrets that its containers have variables from."""
    containers = items(job["spec"]["template"]["spec"], "containers")
    variables = [variable for container in containers for variable in items(container, "env")]
    references = [part(part(variable, "valueFrom"), "secretKeyRef") for variable in variables]
    return {str(reference["name"]) for reference in references if reference}


def _is_of_a_key(secret: str, first: str) -> bool:
    return re.fullmatch(f"{re.escape(first)}(?:-[0-9]+)?", secret) is not None
