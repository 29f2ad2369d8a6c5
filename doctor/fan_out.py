"""Link `fan-out`: the pull secret in each namespace, whoever puts it there."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from cluster.operator import ESO_API
from cluster.reader import items, part
from cluster.selected import is_leaving, selected
from kube.namespaces import mark_of, remedy
from lambda_src.refresher.shapes import sequence

from . import fan_out_by_cronjob, fan_out_from_hub
from .cluster import condition
from .link import Findings, Link, State, examine
from .view import View
from .words import counted, listed

NAME = "fan-out"


@dataclass(frozen=True)
class Chosen:
    """A namespace that is to have the pull secret; by its label, or because it is listed."""

    name: str
    by_label: bool


@dataclass
class _Grouped:
    """Faults of many namespaces, put together where they are the same."""

    faults: dict[tuple[State, str, str], list[str]] = field(default_factory=dict[tuple[State, str, str], list[str]])

    def add(self, fault: fan_out_from_hub.NamespaceFault, namespace: str) -> None:
        self.faults.setdefault((fault.state, fault.sentence, fault.fix), []).append(namespace)

    def tell(self, found: Findings) -> int:
        """How many namespaces have one."""
        for (state, sentence, fix), namespaces in self.faults.items():
            tell = {"broken": found.broken, "breaking": found.breaking}.get(state, found.warning)
            where = f"{'namespace' if len(namespaces) == 1 else 'the namespaces'} {listed(namespaces)}"
            tell(f"{where}: {sentence}", fix.replace("NAMESPACE", namespaces[0]))
        return len({name for names in self.faults.values() for name in names})


def look(view: View) -> Link:
    """Which namespaces are to be served, are, and with what."""
    return examine(
        NAME,
        lambda found: _namespaces(view, found),
        lambda found: _by_label(view, found),
        lambda found: _marks(view, found),
    )


def namespaces_of(view: View) -> tuple[list[Chosen], dict[str, str]]:
    """The namespaces that something can be put into, and why not into others that are listed. Raises Unreachable, Forbidden."""
    grouped = _Grouped()
    there = list(_there(view, grouped))
    return there, {name: sentence for (_, sentence, _), names in grouped.faults.items() for name in names}


def _namespaces(view: View, found: Findings) -> None:
    grouped = _Grouped()
    chosen = list(_there(view, grouped))
    check = (fan_out_from_hub if view.has_hub else fan_out_by_cronjob).checker(view)
    for namespace in chosen:
        for fault in check(namespace.name, namespace.by_label):
            grouped.add(fault, namespace.name)
    faulty = grouped.tell(found)
    by_label = sum(namespace.by_label for namespace in chosen)
    found.see(
        f"{counted(len(chosen) - faulty, 'namespace')} of {len(chosen)} served"
        + (f", {by_label} of them chosen by label" if by_label else "")
    )


def _there(view: View, grouped: _Grouped) -> Iterable[Chosen]:
    """Those that something can be put into."""
    left_out = view.texts("missingNamespaces")
    for name in view.texts("namespaces"):
        metadata = view.cluster.metadata(f"/api/v1/namespaces/{name}")
        make = f"{view.kubectl(f'create namespace {name}')} && pulumi up --stack {view.stack}"
        if metadata is None and name in left_out:
            fault = fan_out_from_hub.NamespaceFault("warning", "is listed, and does not exist", make)
        elif metadata is None:
            fault = fan_out_from_hub.NamespaceFault(
                "broken", "was served, and does not exist any more", f"{make} --refresh"
            )
        elif name in left_out:
            fault = fan_out_from_hub.NamespaceFault(
                "broken", "was made after the last up, which left it out", f"pulumi up --stack {view.stack}"
            )
        else:
            yield Chosen(name, by_label=False)
            continue
        grouped.add(fault, name)
    if view.text("namespaceSelector"):
        for row in selected(view.settings, view.cluster):
            if not is_leaving(row.metadata):
                yield Chosen(row.name, by_label=True)


def _by_label(view: View, found: Findings) -> None:
    """What serves namespaces that are chosen by label."""
    if not view.text("namespaceSelector") or not view.has_hub:
        return
    name = view.text("clusterStore")
    serves = view.cluster.document(f"{ESO_API}/clusterexternalsecrets/{name}")
    if serves is None:
        found.broken(
            f"the ClusterExternalSecret {name}, which serves namespaces chosen by label, does not exist", view.up
        )
        return
    failed = items(part(serves, "status"), "failedNamespaces")
    names = [str(item.get("namespace")) for item in failed]
    if condition(serves, "Ready").get("status") == "False" or failed:
        where = f" in {listed(names)}" if names else ""
        found.broken(
            f"the ClusterExternalSecret {name} is not ready{where}",
            view.kubectl(f"describe clusterexternalsecret {name}"),
        )


def _marks(view: View, found: Findings) -> None:
    """Namespaces that can't go because of what ESO left on them (see kube/namespaces.py)."""
    if not view.has_hub or not view.text("namespaceSelector"):
        return
    mark = mark_of(view.text("clusterStore"))
    held = [
        row.name
        for row in view.cluster.rows("/api/v1/namespaces")
        if is_leaving(row.metadata) and mark in sequence(row.metadata.get("finalizers"))
    ]
    if held:
        found.warning(f"ESO's finalizer keeps the namespaces {listed(held)} from going", remedy(mark, held[0]))
