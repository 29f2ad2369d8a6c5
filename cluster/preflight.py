"""Looks at the cluster before anything is planned, so that what cannot work is refused at preview.

Reads only API discovery, the metadata of the objects whose names this stack will use, the types of Secrets, and what ESO is
started with.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain

import pulumi

from kube.namespaces import mark_of, remedy
from settings import ConfigurationError, Fault, Settings

from .attachment import attachment_faults
from .operator import cluster_wide_faults, generator_faults, operator_faults
from .reader import ClusterReader, Forbidden, HttpClusterReader, Unreachable
from .restrictions import restriction_faults
from .rules import rule_faults
from .selected import selected
from .surroundings import Surroundings, look_around
from .takeover import (
    cluster_role_faults,
    labelled_sync_faults,
    pull_secret_faults,
    role_faults,
    system_namespace_faults,
)
from .whose import places

Check = Callable[[Settings, ClusterReader], Iterable[Fault]]

# What each mode needs besides its namespaces, in the order in which it is told.
CHECKS: dict[str, tuple[Check, ...]] = {
    "lambda": (operator_faults, restriction_faults, system_namespace_faults, cluster_wide_faults, rule_faults),
    "generator": (
        *(operator_faults, generator_faults, restriction_faults),
        *(system_namespace_faults, cluster_wide_faults, rule_faults),
    ),
    "cronjob": (system_namespace_faults, role_faults, cluster_role_faults),
}


def check_cluster(settings: Settings) -> Surroundings:
    """Refuses what the cluster would refuse, and tells what the cluster is like. Raises ConfigurationError with every fault.

    A cluster that can't be asked is a warning at preview (a pull request's runner may have no way in) and left to the
    Kubernetes provider's own error at `up`.
    """
    try:
        reader = HttpClusterReader.of(settings.cluster)
        around = look_around(settings, reader)
        faults = find_faults(settings.without(around.unserved(settings)), reader, coming=around.absent)
    except Unreachable as reason:
        pulumi.log.warn(f"the cluster was not checked for what everpull needs: {reason}")
        return Surroundings()
    if faults:
        raise ConfigurationError(settings.stack, faults)
    _tell(settings, around)
    return around


def find_faults(settings: Settings, reader: ClusterReader, coming: Collection[str] = ()) -> list[Fault]:
    """Every fault of the cluster. What the caller has no right to see is warned of and passed over. Raises Unreachable.

    The settings' listed namespaces are there, or `coming`: made by the stack itself.
    """

    def attachment(settings: Settings, reader: ClusterReader) -> Iterator[Fault]:
        return attachment_faults(settings, reader, coming)

    faults: list[Fault] = []
    for check in (*CHECKS[settings.mode], _pull_secrets, _chosen_pull_secrets, attachment):
        try:
            faults += check(settings, reader)
        except Forbidden as asked:
            pulumi.log.warn(f"not checked, because the kubeconfig's user may not read {asked}")
    return faults


def _pull_secrets(settings: Settings, reader: ClusterReader) -> Iterator[Fault]:
    return pull_secret_faults(settings, reader, settings.namespaces)


def _chosen_pull_secrets(settings: Settings, reader: ClusterReader) -> Iterator[Fault]:
    """The same in the namespaces that the label selector chooses now."""
    if settings.selector is None:
        return iter(())
    chosen = [row.name for row in selected(settings, reader)]
    if not chosen:
        pulumi.log.info(f"no namespace has the labels {settings.selector.text} now")
    by_operator = labelled_sync_faults(settings, reader, chosen) if settings.by_operator else ()
    return chain(pull_secret_faults(settings, reader, chosen), by_operator)


def _tell_of_namespaces(settings: Settings, around: Surroundings) -> None:
    """Which of the listed namespaces are left out, and how they come to be served."""
    absent = [name for name in around.unserved(settings) if name in around.absent]
    if absent:
        pulumi.log.warn(
            f"of everpull:namespaces, {places(absent)} {_do(absent)} not exist in the cluster and {_is(absent)} left out: "
            f"kubectl create namespace {absent[0]}, then pulumi up again; or pulumi config set everpull:createNamespaces true"
        )
    if around.leaving:
        leaving = around.leaving
        pulumi.log.warn(
            f"of everpull:namespaces, {places(leaving)} {_is(leaving)} being deleted and left out; pulumi up serves what is "
            "made anew"
        )


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _do(names: Sequence[str]) -> str:
    return "does" if len(names) == 1 else "do"


def _tell(settings: Settings, around: Surroundings) -> None:
    """What is no fault, and yet not as one would expect it."""
    _tell_of_namespaces(settings, around)
    if settings.by_operator and settings.selector is not None and not around.policies:
        mark = mark_of(settings.owner)
        pulumi.log.warn(
            "a namespace that leaves everpull:namespaceSelector keeps a finalizer of ESO, and cannot be deleted before the "
            f"next pulumi up takes it off, or you: {remedy(mark, 'NAMESPACE')}. From Kubernetes 1.36 on everpull sees to it."
        )
