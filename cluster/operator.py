"""What mode `lambda` needs of the External Secrets Operator (ESO)."""

from collections.abc import Iterator

from settings import Fault, Settings

from .reader import ClusterReader, items
from .whose import is_ours, stack_fault

ESO_GROUP = "external-secrets.io"
ESO_VERSION = "v1"
ESO_KINDS = ("ClusterSecretStore", "ExternalSecret", "SecretStore")
INSTALL_ESO = (
    "helm upgrade --install external-secrets external-secrets/external-secrets "
    "--namespace external-secrets --create-namespace   (its Getting started page names the chart repository)"
)


def operator_faults(_: Settings, reader: ClusterReader) -> Iterator[Fault]:
    """No operator, or one that lacks what is needed."""
    group = reader.document(f"/apis/{ESO_GROUP}")
    served = [str(version["version"]) for version in items(group, "versions")]
    if not group:
        problem = "delivers through the External Secrets Operator (ESO), and the cluster has none"
    elif ESO_VERSION not in served:
        problem = f"needs {ESO_GROUP}/{ESO_VERSION}, and the cluster's ESO serves only {', '.join(served)}: upgrade it"
    else:
        kinds = {str(kind["kind"]) for kind in items(reader.document(f"/apis/{ESO_GROUP}/{ESO_VERSION}"), "resources")}
        missing = [kind for kind in ESO_KINDS if kind not in kinds]
        if not missing:
            return
        problem = f"needs {' and '.join(missing)}, which the cluster's ESO was installed without"
    yield Fault(
        "everpull:mode", "lambda", problem, f"ESO 0.17 or later with its {ESO_GROUP}/{ESO_VERSION} CRDs", INSTALL_ESO
    )


def cluster_store_faults(settings: Settings, reader: ClusterReader) -> Iterator[Fault]:
    """The cluster-wide store's name is taken."""
    name = settings.owner
    found = reader.metadata(f"/apis/{ESO_GROUP}/{ESO_VERSION}/clustersecretstores/{name}")
    if found is not None and not is_ours(found, settings):
        yield stack_fault(settings, f"ClusterSecretStore {name}", f"kubectl get clustersecretstore {name} -o yaml")
