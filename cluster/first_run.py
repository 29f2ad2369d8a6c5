"""What the refresher reported when it ran as a Job."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pulumi

from settings import ClusterAccess

from .reader import ClusterReader, Forbidden, HttpClusterReader, Unreachable, items, part


def report_of(access: ClusterAccess, job: str, container: str) -> str:
    """The report of a Job (`NAMESPACE/NAME`) that has run: what its container left as termination message.

    Empty where it can't be had: a warning says why, except at preview, where nobody need be able to read pods.
    """
    try:
        return find_report(HttpClusterReader.of(access), job, container)
    except (Unreachable, Forbidden) as reason:
        if not pulumi.runtime.is_dry_run():
            pulumi.log.warn(f"what the Job {job} reported could not be read: {reason}")
        return ""


def find_report(reader: ClusterReader, job: str, container: str) -> str:
    """The same. Raises Unreachable where there is no report, and Unreachable and Forbidden as the reader does."""
    namespace, _, name = job.partition("/")
    # The Job controller puts the label on each pod (Kubernetes docs, Well-Known Labels, Annotations and Taints).
    selector = quote(f"batch.kubernetes.io/job-name={name}", safe="")
    found = reader.document(f"/api/v1/namespaces/{namespace}/pods?labelSelector={selector}")
    ends = [end for pod in items(found, "items") for end in _ends(pod, container) if end.get("message")]
    if not ends:
        raise Unreachable("no pod of it is there any more that ended with a report")
    # Of several attempts the last one, with which the Job ended.
    return str(max(ends, key=lambda end: str(end.get("finishedAt", "")))["message"])


def _ends(pod: Mapping[str, object], container: str) -> list[Mapping[str, Any]]:
    """How the container ended, if it did (Kubernetes API reference, ContainerStateTerminated)."""
    statuses = items(part(pod, "status"), "containerStatuses")
    ends = [part(part(status, "state"), "terminated") for status in statuses if status["name"] == container]
    return [end for end in ends if end]
