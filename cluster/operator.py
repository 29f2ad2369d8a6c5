"""What the modes need of the External Secrets Operator (ESO) that deliver through it."""

from collections.abc import Iterator

from settings import Fault, Settings

from .admission import BINDING, POLICY, taken
from .reader import ClusterReader, items
from .whose import is_ours, stack_fault

ESO_GROUP = "external-secrets.io"
ESO_VERSION = "v1"
ESO_API = f"/apis/{ESO_GROUP}/{ESO_VERSION}"
ESO_KINDS = ("ClusterSecretStore", "ExternalSecret", "SecretStore")
# Served by the operator beside its main group, in all versions so far (ESO API reference, ECRAuthorizationToken).
GENERATORS = "/apis/generators.external-secrets.io/v1alpha1"
GENERATOR = "ECRAuthorizationToken"
# What a label selector needs besides.
BY_LABEL = "ClusterExternalSecret"
INSTALL_ESO = (
    "helm upgrade --install external-secrets external-secrets/external-secrets "
    "--namespace external-secrets --create-namespace   (its Getting started page names the chart repository)"
)


def operator_faults(settings: Settings, reader: ClusterReader) -> Iterator[Fault]:
    """No operator, or one that lacks what is needed."""
    group = reader.document(f"/apis/{ESO_GROUP}")
    served = [str(version["version"]) for version in items(group, "versions")]
    if not group:
        problem = "delivers through the External Secrets Operator (ESO), and the cluster has none"
    elif ESO_VERSION not in served:
        problem = f"needs {ESO_GROUP}/{ESO_VERSION}, and the cluster's ESO serves only {', '.join(served)}: upgrade it"
    else:
        kinds = {str(kind["kind"]) for kind in items(reader.document(ESO_API), "resources")}
        missing = [kind for kind in ESO_KINDS if kind not in kinds]
        if not missing:
            if settings.selector is not None and BY_LABEL not in kinds:
                yield _no_selector(settings, f"needs {BY_LABEL}, which the cluster's ESO was installed without")
            return
        problem = f"needs {' and '.join(missing)}, which the cluster's ESO was installed without"
    yield Fault(
        "everpull:mode",
        settings.mode,
        problem,
        f"ESO 0.17 or later with its {ESO_GROUP}/{ESO_VERSION} CRDs, or mode cronjob, which needs no ESO",
        INSTALL_ESO,
    )


def generator_faults(settings: Settings, reader: ClusterReader) -> Iterator[Fault]:
    """An operator without the generator of ECR logins; nothing is said where there is none at all."""
    if not reader.document(f"/apis/{ESO_GROUP}"):
        return
    kinds = {str(kind["kind"]) for kind in items(reader.document(GENERATORS), "resources")}
    if GENERATOR not in kinds:
        yield Fault(
            "everpull:mode",
            settings.mode,
            f"needs {GENERATOR}, which the cluster's ESO was installed without",
            "ESO with the CRDs of its generators, or mode cronjob, which needs no ESO",
            INSTALL_ESO,
        )


def cluster_wide_faults(settings: Settings, reader: ClusterReader) -> Iterator[Fault]:
    """Names of what is not in any namespace that are taken."""
    name = settings.owner
    for kind in ("ClusterSecretStore", *([BY_LABEL] if settings.selector else [])):
        found = reader.metadata(f"{ESO_API}/{kind.lower()}s/{name}")
        if found is not None and not is_ours(found, settings):
            yield stack_fault(settings, f"{kind} {name}", f"kubectl get {kind.lower()} {name} -o yaml")
    if settings.selector is not None:
        yield from taken(settings, reader, (POLICY, f"{name}.namespaces"), (BINDING, f"{name}.namespaces"))


def _no_selector(settings: Settings, problem: str) -> Fault:
    return Fault(
        "everpull:namespaceSelector",
        settings.selector.text if settings.selector else None,
        problem,
        "an ESO that serves it, listed namespaces alone, or mode cronjob, which needs no ESO",
        "pulumi config set everpull:mode cronjob",
    )
