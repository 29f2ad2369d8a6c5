"""Renewing in mode `cronjob`: a Job from the CronJob's own template, and what it left in each namespace."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta

from cluster.first_run import find_report
from cluster.reader import Forbidden, Unreachable, items, part
from components.refresh_pod import CONTAINER
from kube.changes import NotDone
from lambda_src.refresher.core import timestamp
from lambda_src.refresher.shapes import mapping, sequence

from .cluster import Object, condition
from .fan_out import namespaces_of
from .fan_out_by_cronjob import refreshed_at
from .hands import Hands
from .renewal import Renewal
from .view import View

_POLL_SECONDS = 0.5
# Beyond the run's own deadline, for the controller to note its end.
_GRACE_SECONDS = 30.0
_ARGUMENTS = ["--force", "--reason", "make renew", "--images-may-fail"]
# Times in annotations are whole seconds, and the clocks of this machine and of the pod's node are not one.
_CLOCKS = timedelta(seconds=60)


def renew(view: View, hands: Hands, renewal: Renewal) -> None:
    """Renews now, in every namespace, and tells of each step. Also where the CronJob is suspended."""
    reasons = _run(view, hands, renewal)
    there, unserved = namespaces_of(view)
    for namespace in [chosen.name for chosen in there]:
        reason = reasons.get(namespace)
        try:
            when = refreshed_at(view, namespace)
        except (Unreachable, Forbidden) as failure:
            renewal.miss(namespace, f"could not be looked at: {failure}")
            continue
        if when is not None and when >= view.now - _CLOCKS and reason is None:
            renewal.serve(namespace)
        elif when is None:
            renewal.miss(namespace, reason or "it has no pull secret with a login of everpull's")
        else:
            renewal.miss(namespace, reason or f"its login is of {timestamp(when)}, and was not renewed")
    for namespace, reason in unserved.items():
        renewal.miss(namespace, reason)


def _run(view: View, hands: Hands, renewal: Renewal) -> Mapping[str, str]:
    """Runs the Job. Gives the reasons of its report, by namespace."""
    namespace, name = view.place("cronJob")
    try:
        cron_job = view.cluster.document(f"/apis/batch/v1/namespaces/{namespace}/cronjobs/{name}")
        if cron_job is None:
            renewal.broke(f"the CronJob {namespace}/{name} does not exist: {view.up}")
            return {}
        job = hands.start(namespace, job_of(cron_job))
        renewal.tell(f"        Job {namespace}/{job} is under way")
        ended = _end(view, renewal, namespace, job)
        report = _report(view, namespace, job)
    except (NotDone, Unreachable, Forbidden) as reason:
        renewal.broke(f"no run could be started, or looked at: {reason}")
        return {}
    told = report.get("error") or report.get("status") or "no reason given"
    if ended == "Complete":
        renewal.done(f"the run ended well: {report.get('status', 'without a report')}")
    elif ended == "Failed":
        renewal.broke(f"the run failed: {told}; see: {view.kubectl(f'logs job/{job}', namespace)}")
    else:
        look = view.kubectl(f"describe pods --selector batch.kubernetes.io/job-name={job}", namespace)
        renewal.broke(f"the run did not end in time; see: {look}")
    return _reasons(report)


def job_of(cron_job: Object) -> dict[str, object]:
    """A Job as `kubectl create job --from` makes it, but forced, and tried once."""
    metadata, template = part(cron_job, "metadata"), part(part(cron_job, "spec"), "jobTemplate")
    spec = part(template, "spec")
    pod = part(part(spec, "template"), "spec")
    containers = [{**container, "args": _ARGUMENTS} for container in items(pod, "containers")]
    name = str(metadata.get("name"))
    owner = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": name,
        "uid": metadata.get("uid"),
        "controller": True,
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "generateName": f"{name}-renew-",
            "labels": dict(part(part(template, "metadata"), "labels")),
            "annotations": {"cronjob.kubernetes.io/instantiate": "manual"},
            "ownerReferences": [owner],
        },
        "spec": {
            **spec,
            "backoffLimit": 0,
            "template": {**part(spec, "template"), "spec": {**pod, "containers": containers}},
        },
    }


def _end(view: View, renewal: Renewal, namespace: str, job: str) -> str | None:
    end = renewal.passing.monotonic() + view.run_time.total_seconds() + _GRACE_SECONDS
    while renewal.passing.monotonic() < end:
        found = view.cluster.document(f"/apis/batch/v1/namespaces/{namespace}/jobs/{job}")
        for kind in ("Complete", "Failed"):
            if condition(found or {}, kind).get("status") == "True":
                return kind
        renewal.passing.sleep(_POLL_SECONDS)
    return None


def _report(view: View, namespace: str, job: str) -> Object:
    try:
        return mapping(json.loads(find_report(view.cluster, f"{namespace}/{job}", CONTAINER)))
    except (Unreachable, Forbidden, ValueError):
        return {}


def _reasons(report: Object) -> dict[str, str]:
    entries: Sequence[Object] = [mapping(entry) for entry in sequence(report.get("failures"))]
    return {str(name): str(entry.get("reason")) for entry in entries for name in sequence(entry.get("namespaces"))}
