"""Looks at the cluster before anything is planned, so that what cannot work is refused at preview.

Reads only API discovery and the metadata of the objects whose names this stack will use.
"""

from collections.abc import Iterator, Mapping
from typing import cast

import pulumi

from settings import ConfigurationError, Fault, Settings

from .reader import ClusterReader, Forbidden, HttpClusterReader, Unreachable

ESO_GROUP = "external-secrets.io"
ESO_VERSION = "v1"
ESO_KINDS = ("ClusterSecretStore", "ExternalSecret", "SecretStore")
INSTALL_ESO = (
    "helm upgrade --install external-secrets external-secrets/external-secrets "
    "--namespace external-secrets --create-namespace   (its Getting started page names the chart repository)"
)


def check_cluster(settings: Settings) -> None:
    """Refuses what the cluster would refuse. Raises ConfigurationError with every fault found.

    A cluster that can't be asked is a warning at preview (a pull request's runner may have no way in) and left to the
    Kubernetes provider's own error at `up`.
    """
    try:
        reader = HttpClusterReader(settings.cluster)
        faults = find_faults(settings, reader)
    except Unreachable as reason:
        pulumi.log.warn(f"the cluster was not checked for what everpull needs: {reason}")
        return
    if faults:
        raise ConfigurationError(settings.stack, faults)


def find_faults(settings: Settings, reader: ClusterReader) -> list[Fault]:
    """Every fault of the cluster. What the caller has no right to see is warned of and passed over. Raises Unreachable."""
    faults = list(_eso_faults(reader))
    for check in (_system_namespace_faults, _cluster_store_faults, _namespace_faults):
        try:
            faults += check(settings, reader)
        except Forbidden as asked:
            pulumi.log.warn(f"not checked, because the kubeconfig's user may not read {asked}")
    return faults


def _eso_faults(reader: ClusterReader) -> Iterator[Fault]:
    group = reader.document(f"/apis/{ESO_GROUP}")
    served = [str(version["version"]) for version in _items(group, "versions")]
    if not group:
        problem = "delivers through the External Secrets Operator (ESO), and the cluster has none"
    elif ESO_VERSION not in served:
        problem = f"needs {ESO_GROUP}/{ESO_VERSION}, and the cluster's ESO serves only {', '.join(served)}: upgrade it"
    else:
        kinds = {str(kind["kind"]) for kind in _items(reader.document(f"/apis/{ESO_GROUP}/{ESO_VERSION}"), "resources")}
        missing = [kind for kind in ESO_KINDS if kind not in kinds]
        if not missing:
            return
        problem = f"needs {' and '.join(missing)}, which the cluster's ESO was installed without"
    yield Fault(
        "everpull:mode", "lambda", problem, f"ESO 0.17 or later with its {ESO_GROUP}/{ESO_VERSION} CRDs", INSTALL_ESO
    )


def _system_namespace_faults(settings: Settings, reader: ClusterReader) -> Iterator[Fault]:
    name = settings.delivery.system_namespace
    found = reader.metadata(f"/api/v1/namespaces/{name}")
    if found is not None and not _ours(found, settings):
        yield Fault(
            "everpull:systemNamespace",
            name,
            "is a namespace that something else made; everpull makes its own, and deletes it on destroy",
            "the name of a namespace that does not exist",
            f"pulumi config set everpull:systemNamespace {settings.owner}-system",
        )


def _cluster_store_faults(settings: Settings, reader: ClusterReader) -> Iterator[Fault]:
    name = settings.owner
    found = reader.metadata(f"/apis/{ESO_GROUP}/{ESO_VERSION}/clustersecretstores/{name}")
    if found is not None and not _ours(found, settings):
        yield Fault(
            "stack",
            settings.stack,
            f"would need the ClusterSecretStore {name}, which something else made",
            "a stack whose name no other stack in this cluster has",
            f"kubectl get clustersecretstore {name} -o yaml",
        )


def _namespace_faults(settings: Settings, reader: ClusterReader) -> Iterator[Fault]:
    secret = settings.pull_secret_name
    for namespace in settings.namespaces:
        if reader.metadata(f"/api/v1/namespaces/{namespace}") is None:
            yield Fault(
                "everpull:namespaces",
                namespace,
                "does not exist in the cluster",
                "namespaces that exist",
                f"kubectl create namespace {namespace}",
            )
            continue
        for kind, path in (
            ("a Secret", f"/api/v1/namespaces/{namespace}/secrets/{secret}"),
            ("an ExternalSecret", f"/apis/{ESO_GROUP}/{ESO_VERSION}/namespaces/{namespace}/externalsecrets/{secret}"),
        ):
            found = reader.metadata(path)
            if found is not None and not _ours(found, settings):
                yield Fault(
                    "everpull:pullSecretName",
                    secret,
                    f"is taken in namespace {namespace} by {kind} that something else made; everpull would overwrite it",
                    "a name that is free in every listed namespace",
                    f"pulumi config set everpull:pullSecretName {settings.owner}",
                )
                break


def _ours(metadata: Mapping[str, object], settings: Settings) -> bool:
    labels = cast(Mapping[str, object], metadata.get("labels") or {})
    return settings.labels.items() <= labels.items()


def _items(document: Mapping[str, object] | None, key: str) -> list[Mapping[str, object]]:
    return cast(list[Mapping[str, object]], (document or {}).get(key) or [])
