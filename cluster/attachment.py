"""What `everpull:attach` needs of the cluster."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import cast

from settings import Fault, Settings

from .admission import BINDING, POLICY, serves_policies, taken
from .reader import ClusterReader, Forbidden, Row, items
from .whose import named, places

# Kubernetes docs, Service Accounts: deprecated since 1.32 and still obeyed. The values are what Go's ParseBool takes for true.
_ONLY_ITS_OWN = "kubernetes.io/enforce-mountable-secrets"
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
# Every namespace has it, if not at once (Kubernetes docs, Service Accounts).
_ALWAYS_THERE = "default"


def attachment_faults(settings: Settings, reader: ClusterReader, coming: Collection[str] = ()) -> Iterator[Fault]:
    """Whatever keeps `everpull:attach` from being done. `coming` are namespaces that the stack itself makes."""
    if settings.attach == "pods":
        yield from pod_policy_faults(settings, reader)
    elif settings.attach == "service-accounts":
        yield from service_account_faults(reader, settings.service_accounts, coming)


def pod_policy_faults(settings: Settings, reader: ClusterReader) -> Iterator[Fault]:
    """A cluster that knows no such policy, names that are taken, and pods that would be refused for having the pull secret."""
    if not serves_policies(reader):
        version = (reader.document("/version") or {}).get("gitVersion", "a version that it does not tell")
        yield Fault(
            "everpull:attach",
            "pods",
            "needs MutatingAdmissionPolicy in admissionregistration.k8s.io/v1, which Kubernetes serves from 1.36 on, and the "
            f"cluster (Kubernetes {version}) does not",
            "a cluster of 1.36 or later, or service-accounts, which works with every version",
            "pulumi config set everpull:attach service-accounts",
        )
        return
    name = settings.owner
    yield from taken(settings, reader, (POLICY, name), (BINDING, f"{name}.listed"), (BINDING, f"{name}.labelled"))
    yield from _refused_pods(settings, reader)


def _refused_pods(settings: Settings, reader: ClusterReader) -> Iterator[Fault]:
    """Service accounts of the listed namespaces whose pods may name their own pull secrets alone, without ours in them."""
    secret = settings.pull_secret_name
    strict = [
        row
        for row in _service_accounts(settings.namespaces, reader)
        if _annotations(row).get(_ONLY_ITS_OWN) in _TRUE and secret not in _pull_secrets(row, reader)
    ]
    if strict:
        first = strict[0]
        names = ", ".join(f"{row.namespace}/{row.name}" for row in strict[:3])
        more = f" and {len(strict) - 3} more" if len(strict) > 3 else ""
        yield Fault(
            "everpull:attach",
            "pods",
            f"would have the API server refuse pods of {names}{more}: by the annotation {_ONLY_ITS_OWN} they may name no pull "
            "secret but their service account's own",
            f"service accounts that list {secret} themselves, as those of service-accounts do, or have no such annotation",
            f"kubectl --namespace {first.namespace} annotate serviceaccount {first.name} {_ONLY_ITS_OWN}-",
        )


def service_account_faults(reader: ClusterReader, accounts: Sequence[str], coming: Collection[str]) -> Iterator[Fault]:
    """Service accounts (`NAMESPACE/NAME`) that do not exist. `coming` are namespaces that the stack itself makes."""
    wanted: dict[str, list[str]] = {}
    for place in accounts:
        namespace, _, name = place.partition("/")
        if name != _ALWAYS_THERE:
            wanted.setdefault(name, []).append(namespace)
    for name, namespaces in wanted.items():
        found = named(reader, "/api/v1", "serviceaccounts", name, [n for n in namespaces if n not in coming])
        missing = [namespace for namespace in namespaces if namespace not in found]
        if missing:
            first = missing[0]
            make = f"kubectl --namespace {first} create serviceaccount {name}"
            yield Fault(
                "everpull:serviceAccounts",
                name,
                f"does not exist in {places(missing)}",
                "service accounts that exist, or default, which every namespace has",
                f"kubectl create namespace {first} && {make}" if first in coming else make,
            )


def _service_accounts(namespaces: Sequence[str], reader: ClusterReader) -> list[Row]:
    """Those of the namespaces, by one question; where that may not be asked, by one for each namespace."""
    try:
        rows = reader.rows("/api/v1/serviceaccounts")
    except Forbidden:
        rows = [
            row for namespace in namespaces for row in reader.rows(f"/api/v1/namespaces/{namespace}/serviceaccounts")
        ]
    return [row for row in rows if row.namespace in namespaces]


def _pull_secrets(row: Row, reader: ClusterReader) -> list[str]:
    account = reader.document(f"/api/v1/namespaces/{row.namespace}/serviceaccounts/{row.name}")
    return [str(item.get("name")) for item in items(account, "imagePullSecrets")]


def _annotations(row: Row) -> Mapping[str, object]:
    return cast(Mapping[str, object], row.metadata.get("annotations") or {})
