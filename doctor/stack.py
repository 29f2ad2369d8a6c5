"""The view of a deployed stack with the caller's own credentials."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import NoReturn

from cluster.reader import connect_to
from components.aws_reads import Access
from kube.client import Unreachable

from .aws import BotoAws
from .cluster import Cluster, HttpCluster
from .outputs import read_outputs, read_settings, run_pulumi
from .registry_access import HttpRegistries
from .view import View


@contextmanager
def opened(stack: str, config_file: str | None) -> Generator[View]:
    """What the links look at. Raises NotKnown where the Pulumi CLI does not tell."""
    settings = read_settings(stack, config_file, run_pulumi)
    outputs = read_outputs(stack, run_pulumi)
    aws = BotoAws(Access(settings.region, profile=settings.aws_profile))
    with ExitStack() as closing:
        try:
            cluster: Cluster = HttpCluster(closing.enter_context(connect_to(settings.cluster)))
        except Unreachable as reason:
            cluster = _NoCluster(str(reason))
        yield View(stack, settings, outputs, aws, cluster, HttpRegistries(), datetime.now(UTC))


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
