"""The cluster moves to another identity: what was begun with the one before may end with it.

The engine deletes that one's key or role once the program has ended. A run of the refresher has it from when its pod starts, so
one that began before the CronJob was changed needs it until it ends. And ECR judges a login by who fetched it, so pulls that
began with a login of before need it too.
"""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pulumi

from settings import Settings

from .hand_over import SETTLING_SECONDS
from .operator import ESO_API
from .reader import ClusterReader, Forbidden, HttpClusterReader, Unreachable, items, part
from .whose import labelled

_POLL_SECONDS = 1.0

Identity = frozenset[tuple[str, str]]
"""What a pod proves itself with: by the variable that tells, its value or the Secret that it comes from."""


@dataclass(frozen=True)
class Runs:
    """The refresher's runs in the cluster.

    `cron_job` (`NAMESPACE/NAME`) makes them. `variables` are those in which their pods tell what they prove themselves with.
    Runs at deploy time have names that begin with `at_deploy_time`; that of the last deployment is there until the engine
    deletes it.
    """

    cron_job: str
    variables: Collection[str]
    at_deploy_time: str


async def when_let_go(settings: Settings, runs: Runs, patience: float) -> None:
    """Holds the program's end back while an earlier identity than the CronJob has now is in use.

    That is until no run is under way that was given one, for `patience` seconds at most, which is a warning, and for as long as
    a pull takes that began with the login of before. A stack that keeps its identity is not held up. Nor is a preview. A
    cluster that can't be asked is a warning.
    """
    if pulumi.runtime.is_dry_run():
        return
    try:
        looking = _Looking(HttpClusterReader.of(settings.cluster), settings, runs)
        moved = looking.has_moved()
        late = await _wait(looking, patience)
    except (Unreachable, Forbidden) as reason:
        pulumi.log.warn(f"whether a run of the refresher still uses an earlier identity was not checked: {reason}")
        return
    if late:
        pulumi.log.warn(
            f"of the refresher's runs, {', '.join(late)} did not end within {patience:.0f} s and may fail, because the access "
            "key or role that they began with is deleted now; the next run has the new one"
        )
    if moved:
        await asyncio.sleep(SETTLING_SECONDS)


async def when_pulled(settings: Settings, hub: str, annotation: str, aside: str) -> None:
    """Holds the program's end back where the logins of before are another principal's than those of `hub` (`NAMESPACE/NAME`),
    for as long as a pull takes that began with one of them.

    Hubs tell in their `annotation` whose their login is; what has `aside` is no hub. The one before is there until the engine
    deletes it.
    """
    if pulumi.runtime.is_dry_run():
        return
    namespace, _, name = hub.partition("/")
    try:
        reader = HttpClusterReader.of(settings.cluster)
        listed = reader.document(f"{ESO_API}/namespaces/{namespace}/externalsecrets?{labelled(settings)}")
    except (Unreachable, Forbidden) as reason:
        pulumi.log.warn(f"whether pods still pull with logins of another role was not checked: {reason}")
        return
    found = {
        str(part(item, "metadata")["name"]): part(part(item, "metadata"), "annotations")
        for item in items(listed, "items")
    }
    whose = {name: marks.get(annotation) for name, marks in found.items() if aside not in marks}
    if any(principal != whose.get(name) for principal in whose.values()):
        await asyncio.sleep(SETTLING_SECONDS)


class _Looking:
    """Looks at the runs. Raises Unreachable, Forbidden."""

    def __init__(self, reader: ClusterReader, settings: Settings, runs: Runs) -> None:
        self._reader, self._runs = reader, runs
        self._jobs = f"/apis/batch/v1/namespaces/{settings.system_namespace}/jobs?{labelled(settings)}"
        namespace, _, name = runs.cron_job.partition("/")
        cron_job = reader.document(f"/apis/batch/v1/namespaces/{namespace}/cronjobs/{name}")
        if cron_job is None:
            raise Unreachable(f"there is no CronJob {runs.cron_job}")
        self._current = self._identity(part(part(cron_job, "spec"), "jobTemplate"))

    def has_moved(self) -> bool:
        """Whether the last deployment had another identity."""
        return any(str(job["metadata"]["name"]).startswith(self._runs.at_deploy_time) for job in self._of_others())

    def under_way(self) -> list[str]:
        """The Jobs with another identity that have not ended."""
        return [str(job["metadata"]["name"]) for job in self._of_others() if not _has_ended(job)]

    def _of_others(self) -> list[Mapping[str, Any]]:
        jobs = cast(Sequence[Mapping[str, Any]], items(self._reader.document(self._jobs), "items"))
        return [job for job in jobs if self._identity(job) not in (Identity(), self._current)]

    def _identity(self, job: Mapping[str, object]) -> Identity:
        pod = part(part(part(job, "spec"), "template"), "spec")
        variables = [variable for container in items(pod, "containers") for variable in items(container, "env")]
        return frozenset(
            (str(variable["name"]), str(variable.get("value") or _secret_of(variable)))
            for variable in variables
            if variable["name"] in self._runs.variables
        )


async def _wait(looking: _Looking, patience: float) -> Sequence[str]:
    """The Jobs that are under way with another identity in the end."""
    end = time.monotonic() + patience
    told = False
    while late := looking.under_way():
        if time.monotonic() > end:
            break
        if not told:
            pulumi.log.info(f"waiting for {', '.join(late)} to end, which began with the access key or role of before")
            told = True
        await asyncio.sleep(_POLL_SECONDS)
    return late


def _has_ended(job: Mapping[str, Any]) -> bool:
    """Whether it is complete or failed (Kubernetes docs, Jobs), or was stopped before it began."""
    status = part(job, "status")
    conditions = items(status, "conditions")
    stopped = bool(job["spec"].get("suspend")) and not status.get("active")
    return stopped or any(found["type"] in ("Complete", "Failed") and found["status"] == "True" for found in conditions)


def _secret_of(variable: Mapping[str, object]) -> object:
    """The name of the Secret that the variable has its value from."""
    return part(part(variable, "valueFrom"), "secretKeyRef").get("name", "")
