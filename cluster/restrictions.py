"""An External Secrets Operator (ESO) that was hardened so that mode `lambda` can't work with it.

It is found by the label that its chart puts on its Deployment; one that was installed under another name is not looked at.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from settings import Fault, Settings

from .reader import ClusterReader, items, part

DEPLOYMENTS = "/apis/apps/v1/deployments?labelSelector=app.kubernetes.io%2Fname%3Dexternal-secrets"
# What Go's ParseBool takes for false.
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
# Commands of the same program that are other parts of ESO.
_OTHER_PARTS = frozenset({"webhook", "certcontroller"})


@dataclass(frozen=True)
class _Operator:
    """A Deployment of ESO and what its containers are started with."""

    namespace: str
    name: str
    words: tuple[str, ...]

    def option(self, name: str) -> str:
        """The value of an option, behind a `=` or as the next word, the last one given; empty where there is none."""
        found = ""
        for word, following in zip(self.words, [*self.words[1:], ""], strict=False):
            flag, equals, value = word.partition("=")
            if flag == f"--{name}":
                found = value if equals else following
        return found

    def is_off(self, name: str) -> bool:
        """Whether a switch that is on by default is off: its value is always behind a `=` (Go's pflag)."""
        values = [word.partition("=")[2] for word in self.words if word.startswith(f"--{name}=")]
        return bool(values) and values[-1] in _FALSE

    def fault(self, settings: Settings, key: str, started: str, problem: str, *values: str) -> Fault:
        """What `started`, a flag, keeps from working, and the chart's `values` (NAME=VALUE) that mend it."""
        shown = {"mode": settings.mode, "namespaceSelector": settings.selector.text if settings.selector else ""}
        chart = "helm upgrade external-secrets external-secrets/external-secrets"
        return Fault(
            f"everpull:{key}",
            shown[key],
            f"{problem}, and the cluster's ESO (Deployment {self.name} in namespace {self.namespace}) is started with "
            f"{started}",
            f"an ESO whose chart was given {' and '.join(values)}, or mode cronjob, which needs no ESO",
            f"{chart} --namespace {self.namespace} --reuse-values {' '.join(f'--set {value}' for value in values)}",
        )


def restriction_faults(settings: Settings, reader: ClusterReader) -> Iterator[Fault]:
    """What keeps every ESO in the cluster from what the stack needs; nothing where one of them can."""
    faults = [list(_faults(settings, operator)) for operator in _operators(reader)]
    if faults:
        # One operator may serve the whole cluster beside others that serve a namespace each.
        yield from min(faults, key=len)


def _faults(settings: Settings, operator: _Operator) -> Iterator[Fault]:
    scope = operator.option("namespace")
    if scope:
        yield operator.fault(
            settings,
            "mode",
            f"--namespace={scope}, so it serves that one only",
            "needs an ESO that serves all namespaces",
            "scopedNamespace=",
            "scopedRBAC=false",
        )
        return
    if operator.is_off("enable-cluster-store-reconciler"):
        yield operator.fault(
            settings,
            "mode",
            "--enable-cluster-store-reconciler=false",
            "needs cluster-wide stores",
            "processClusterStore=true",
        )
    if settings.selector is not None and operator.is_off("enable-cluster-external-secret-reconciler"):
        yield operator.fault(
            settings,
            "namespaceSelector",
            "--enable-cluster-external-secret-reconciler=false",
            "needs cluster-wide ExternalSecrets in mode lambda",
            "processClusterExternalSecret=true",
        )


def _operators(reader: ClusterReader) -> Iterator[_Operator]:
    for deployment in items(reader.document(DEPLOYMENTS), "items"):
        metadata = part(deployment, "metadata")
        containers = items(part(part(part(deployment, "spec"), "template"), "spec"), "containers")
        words = [
            str(word) for container in containers for key in ("command", "args") for word in _words(container, key)
        ]
        if _OTHER_PARTS.isdisjoint(words):
            yield _Operator(str(metadata.get("namespace")), str(metadata.get("name")), tuple(words))


def _words(container: Mapping[str, object], key: str) -> Sequence[object]:
    return cast(Sequence[object], container.get(key) or ())
