"""Link `cron-job`: the CronJob that renews the pull secrets, and how its runs went."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import cast

from cluster.first_run import find_report
from cluster.reader import Forbidden, Unreachable, items, part
from components.refresh_pod import CONTAINER
from lambda_src.refresher.shapes import mapping, sequence

from .cluster import Object, condition, moment
from .credentials import cron_job_pod
from .cron_times import next_firing
from .link import Findings, Link, examine
from .view import View
from .words import at, span

NAME = "cron-job"
_GRACE = timedelta(minutes=5)


def look(view: View) -> Link:
    """Whether it is there, is started, has what it needs, and how it went the last time."""
    seen = _CronJob(view)
    return examine(NAME, seen.there, seen.needs, seen.last_run, seen.times)


class _CronJob:
    def __init__(self, view: View) -> None:
        self._view = view
        self._namespace, self._name = view.place("cronJob")
        self._found: Object | None = None

    def there(self, found: Findings) -> None:
        path = f"/apis/batch/v1/namespaces/{self._namespace}/cronjobs/{self._name}"
        self._found = self._view.cluster.document(path)
        if self._found is None:
            found.broken(f"the CronJob {self._namespace}/{self._name} does not exist", self._view.up)
        elif self._is_suspended():
            found.breaking(
                f"the CronJob {self._namespace}/{self._name} is suspended, so nothing renews the login",
                self._view.kubectl(
                    f"patch cronjob {self._name} --patch '{json.dumps({'spec': {'suspend': False}})}'", self._namespace
                ),
            )

    def needs(self, found: Findings) -> None:
        """The objects of its namespace that its pods name."""
        if self._found is None:
            return
        spec = cron_job_pod(self._found)
        volumes = [part(volume, "configMap").get("name") for volume in items(spec, "volumes")]
        variables = [variable for container in items(spec, "containers") for variable in items(container, "env")]
        values = [part(part(variable, "valueFrom"), "secretKeyRef").get("name") for variable in variables]
        named = [
            ("serviceaccounts", "service account", spec.get("serviceAccountName")),
            *(("configmaps", "ConfigMap", name) for name in volumes),
            *(("secrets", "Secret", name) for name in values),
        ]
        for plural, kind, name in dict.fromkeys(named):
            path = f"/api/v1/namespaces/{self._namespace}/{plural}/{name}"
            if name and self._view.cluster.metadata(path) is None:
                place = f"{self._namespace}/{name}"
                found.broken(f"the {kind} {place}, which the CronJob's pods need, does not exist", self._view.up)

    def last_run(self, found: Findings) -> None:
        """Of the Jobs that it, or somebody from its template, started the last one."""
        if self._found is None:
            return
        listed = self._view.cluster.document(f"/apis/batch/v1/namespaces/{self._namespace}/jobs")
        jobs = [job for job in items(listed, "items") if self._is_of_ours(job)]
        if not jobs:
            return
        job = max(jobs, key=lambda one: str(part(one, "metadata").get("creationTimestamp", "")))
        name = str(part(job, "metadata")["name"])
        began = moment(job, "metadata", "creationTimestamp")
        ago = span(self._view.now - began) if began else "a while"
        if condition(job, "Failed").get("status") == "True":
            found.broken(
                f"the last run, Job {name} {ago} ago, failed: {self._why(name, job)}",
                self._view.kubectl(f"logs job/{name}", self._namespace),
            )
        elif condition(job, "Complete").get("status") != "True":
            self._under_way(name, began, found)
        else:
            found.see(f"last run {ago} ago went well")

    def times(self, found: Findings) -> None:
        if self._found is None:
            return
        view, schedule = self._view, str(part(self._found, "spec").get("schedule", ""))
        made = moment(self._found, "metadata", "creationTimestamp")
        last = moment(self._found, "status", "lastSuccessfulTime")
        if last:
            found.see(f"last success {at(last)}")
        following = next_firing(schedule, view.now)
        if self._is_suspended() or following is None:
            return
        since = moment(self._found, "status", "lastScheduleTime") or made
        if since and view.now - since > 2 * view.period + _GRACE:
            found.broken(
                f"the CronJob has not been started for {span(view.now - since)}: does the controller manager run?",
                view.kubectl(f"describe cronjob {self._name}", self._namespace),
            )
        else:
            found.see(f"next run {at(following)}")

    def _is_suspended(self) -> bool:
        return part(self._found or {}, "spec").get("suspend") is True

    def _is_of_ours(self, job: Object) -> bool:
        """Also those that `kubectl create job --from` makes, which have the same controller, and those of deploy time."""
        labels = self._view.settings.labels
        template = part(part(part(job, "spec"), "template"), "metadata")
        return labels.items() <= cast(Mapping[str, str], part(template, "labels")).items()

    def _under_way(self, name: str, began: datetime | None, found: Findings) -> None:
        view = self._view
        listed = view.cluster.document(
            f"/api/v1/namespaces/{self._namespace}/pods?labelSelector=batch.kubernetes.io%2Fjob-name%3D{name}"
        )
        waiting = [reason for pod in items(listed, "items") if (reason := _waiting(pod))]
        late = began is not None and view.now - began > view.run_time / 2
        if waiting or late:
            found.broken(
                f"the run under way, Job {name}, does not get on: {waiting[0] if waiting else 'it takes too long'}",
                view.kubectl(f"describe pods --selector batch.kubernetes.io/job-name={name}", self._namespace),
            )
        else:
            found.see(f"Job {name} is under way")

    def _why(self, name: str, job: Object) -> str:
        try:
            report: object = json.loads(find_report(self._view.cluster, f"{self._namespace}/{name}", CONTAINER))
        except (Unreachable, Forbidden, ValueError):
            return str(condition(job, "Failed").get("message", "no reason given"))
        fields = mapping(report)
        failures = [mapping(one) for one in sequence(fields.get("failures"))]
        reasons = [str(fields["error"])] if "error" in fields else [str(one.get("reason")) for one in failures]
        return "; ".join(reasons) or "no reason given"


def _waiting(pod: Object) -> str | None:
    """What a pod can't start for (Kubernetes API reference, ContainerStateWaiting and PodCondition)."""
    for status in items(part(pod, "status"), "containerStatuses"):
        waiting = part(part(status, "state"), "waiting")
        reason = str(waiting.get("reason", ""))
        if reason and reason not in ("ContainerCreating", "PodInitializing"):
            return f"{reason}: {waiting.get('message', 'no reason given')}"
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return f"{scheduled.get('reason')}: {scheduled.get('message', 'no reason given')}"
    return None
