"""Whose tokens the cluster's service accounts have."""

import pulumi

from settings import ClusterAccess

from .reader import ClusterReader, Forbidden, HttpClusterReader, Unreachable

# Kubernetes docs, Managing Service Accounts, Service account issuer discovery.
DISCOVERY = "/.well-known/openid-configuration"


def issuer_of(access: ClusterAccess) -> str | None:
    """URL of the cluster's issuer; None where it tells none or can't be asked, of which the look at the cluster has told."""
    try:
        return find_issuer(HttpClusterReader.of(access))
    except Unreachable:
        return None
    except Forbidden as asked:
        pulumi.log.warn(f"not checked, because the kubeconfig's user may not read {asked}")
        return None


def find_issuer(reader: ClusterReader) -> str | None:
    """The same. Raises Unreachable, Forbidden."""
    found = (reader.document(DISCOVERY) or {}).get("issuer")
    return found if isinstance(found, str) else None
