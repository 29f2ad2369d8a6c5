"""The API server's own admission policies, of which everpull makes some."""

from collections.abc import Iterator

from settings import Fault, Settings

from .reader import ClusterReader, items
from .whose import is_ours, stack_fault

API = "/apis/admissionregistration.k8s.io/v1"
POLICY = "MutatingAdmissionPolicy"
BINDING = "MutatingAdmissionPolicyBinding"
# Kind to plural. Served from Kubernetes 1.36 on; 1.34 and 1.35 have them in v1beta1, switched off unless the API server was
# told otherwise (Kubernetes docs, Mutating Admission Policy).
_PLURALS = {POLICY: "mutatingadmissionpolicies", BINDING: "mutatingadmissionpolicybindings"}


def serves_policies(reader: ClusterReader) -> bool:
    """Whether the cluster knows them. Raises Unreachable, Forbidden."""
    served = {str(kind["name"]) for kind in items(reader.document(API), "resources")}
    return served.issuperset(_PLURALS.values())


def taken(settings: Settings, reader: ClusterReader, *needed: tuple[str, str]) -> Iterator[Fault]:
    """Those of the `needed` (kind and name) that something else made."""
    for kind, name in needed:
        found = reader.metadata(f"{API}/{_PLURALS[kind]}/{name}")
        if found is not None and not is_ours(found, settings):
            yield stack_fault(settings, f"{kind} {name}", f"kubectl get {kind.lower()} {name} -o yaml")
