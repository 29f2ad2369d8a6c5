"""The view of a deployed stack with the caller's own credentials."""

from datetime import UTC, datetime
from typing import NoReturn

from cluster.reader import connect_to
from components.aws_reads import Access
from kube.client import Unreachable
from settings import Settings

from .aws import BotoAws
from .cluster import Cluster, HttpCluster
from .outputs import read_outputs, read_settings, run_pulumi
from .registry_access import HttpRegistries
from .view import View


def open_view(stack: str, config_file: str | None) -> View:
    """What the links look at. Raises NotKnown where the Pulumi CLI does not tell."""
    settings = read_settings(stack, config_file, run_pulumi)
    outputs = read_outputs(stack, run_pulumi)
    aws = BotoAws(Access(settings.region, profile=settings.aws_profile))
    return View(stack, settings, outputs, aws, _cluster(settings), HttpRegistries(), datetime.now(UTC))


def _cluster(settings: Settings) -> Cluster:
    try:
        return HttpCluster(connect_to(settings.cluster))
    except Unreachable as reason:
        return _NoCluster(str(reason))


class _NoCluster:
    """A Cluster that can't be asked, so that the links in AWS are looked at all the same."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def document(self, path: str) -> NoReturn:  # noqa: ARG002 - a ClusterReader's
        raise Unreachable(self._reason)

    def metadata(self, path: str) -> NoReturn:  # noqa: ARG002 - a ClusterReader's
        raise Unreachable(self._reason)

    def rows(self, path: str) -> NoReturn:  # noqa: ARG002 - a ClusterReader's
        raise Unreachable(self._reason)

    def clock(self) -> NoReturn:
        raise Unreachable(self._reason)
