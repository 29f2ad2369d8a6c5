"""Plain facts about Kubernetes objects, type tokens and resource ids."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.providers.common.provider import ProviderError

Object = dict[str, Any]

AUTONAMED = "pulumi.com/autonamed"
SKIP_AWAIT = "pulumi.com/skipAwait"
WAIT_FOR = "pulumi.com/waitFor"
TIMEOUT = "pulumi.com/timeoutSeconds"
REPLACE_UNREADY = "pulumi.com/replaceUnready"
PATCH_FORCE = "pulumi.com/patchForce"
PATCH_MANAGER = "pulumi.com/patchFieldManager"
PROPAGATION = "pulumi.com/deletionPropagationPolicy"

# Fields of metadata that only the server writes
# (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/).
READ_ONLY_METADATA = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "uid",
)


def words(text: str) -> list[str]:
    """A long list of names, written as text to stay readable."""
    return text.split()


# Asked only when no API server can tell.
_CLUSTER_SCOPED = frozenset(
    words(
        "APIService CertificateSigningRequest ClusterRole ClusterRoleBinding CSIDriver CSINode CustomResourceDefinition "
        "FlowSchema IngressClass MutatingAdmissionPolicy MutatingAdmissionPolicyBinding MutatingWebhookConfiguration "
        "Namespace Node PersistentVolume PriorityClass PriorityLevelConfiguration RuntimeClass StorageClass "
        "ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration VolumeAttachment"
    )
)

# Kubernetes' own groups that end in .k8s.io (https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.36/);
# custom resources have groups of that ending too.
_BUILT_IN_GROUPS = frozenset(
    words(
        "admissionregistration apiextensions apiregistration authentication authorization certificates coordination "
        "discovery events flowcontrol.apiserver internal.apiserver networking node rbac.authorization resource scheduling "
        "storage storagemigration"
    )
)

# What the real plugin builds out of many objects or other tools; it needs more than an API server.
_UNSUPPORTED_MODULES = ("helm.sh/", "kustomize/", "kustomize:", "yaml:", "yaml/")


@dataclass(frozen=True)
class Kind:
    """What a type token stands for."""

    api_version: str
    kind: str
    patch: bool


def is_built_in(api_version: str) -> bool:
    """Whether Kubernetes itself serves the group, as opposed to a CustomResourceDefinition."""
    group = api_version.rpartition("/")[0]
    return "." not in group or group.removesuffix(".k8s.io") in _BUILT_IN_GROUPS


def kind_of_token(token: str, declared_kind: str = "") -> Kind:
    """`kubernetes:core/v1:Secret` -> v1, Secret; a Patch type is one whose name is its object's kind plus `Patch`.

    Raises ProviderError naming a type that this stand-in doesn't cover."""
    package, _, rest = token.partition(":")
    module, _, name = rest.rpartition(":")
    if package != "kubernetes" or not module or any(rest.startswith(prefix) for prefix in _UNSUPPORTED_MODULES):
        raise ProviderError(f"the type {token} is not supported by the local stand-in for the kubernetes provider")
    group, _, version = module.rpartition("/")
    if not group:
        raise ProviderError(f"the type {token} doesn't name both an API group and a version")
    if name.endswith("List") and is_built_in(group + "/" + version) and declared_kind == name:
        raise ProviderError(f"{token} is a list, and lists can't be created: use the type of its items")
    api_version = version if group == "core" else f"{group}/{version}"
    patch = name.endswith("Patch") and (declared_kind == name[: -len("Patch")] or not declared_kind)
    return Kind(api_version, name[: -len("Patch")] if patch else name, patch)


def assumed_namespaced(kind: str) -> bool:
    """Whether a kind that no server could tell about lives in namespaces."""
    return kind not in _CLUSTER_SCOPED


def metadata(obj: Mapping[str, Any]) -> Object:
    """The object's metadata, or an empty dict while it isn't known."""
    found = obj.get("metadata")
    return found if isinstance(found, dict) else {}


def name_of(obj: Mapping[str, Any]) -> str:
    """The object's name, or "" while it isn't known."""
    name = metadata(obj).get("name")
    return name if isinstance(name, str) else ""


def namespace_of(obj: Mapping[str, Any]) -> str:
    """The object's namespace, or ""."""
    namespace = metadata(obj).get("namespace")
    return namespace if isinstance(namespace, str) else ""


def annotation(obj: Mapping[str, Any], key: str) -> str:
    """The annotation's value, or ""."""
    annotations = metadata(obj).get("annotations")
    value = annotations.get(key) if isinstance(annotations, dict) else None
    return value if isinstance(value, str) else ""


def is_true(obj: Mapping[str, Any], key: str) -> bool:
    """Whether the annotation says "true"."""
    return annotation(obj, key) == "true"


def resource_id(obj: Mapping[str, Any]) -> str:
    """`namespace/name`, or the name alone for what lives in no namespace."""
    namespace = namespace_of(obj)
    return f"{namespace}/{name_of(obj)}" if namespace else name_of(obj)


def parse_id(text: str) -> tuple[str, str]:
    """Namespace (or "") and name. Raises ProviderError."""
    namespace, slash, name = text.rpartition("/")
    if not name or "/" in namespace or (slash and not namespace):
        raise ProviderError(f'{text!r} is not an id of a Kubernetes object: "namespace/name", or "name"')
    return namespace, name


def with_metadata(obj: Object, **fields: Any) -> Object:
    """A copy with these metadata fields set, or taken off where the value is None."""
    changed = {**obj, "metadata": {**metadata(obj), **fields}}
    changed["metadata"] = {key: value for key, value in changed["metadata"].items() if value is not None}
    return changed


def without_read_only(obj: Object) -> Object:
    """A copy without the metadata that only the server writes."""
    if not isinstance(obj.get("metadata"), dict):
        return obj
    return with_metadata(obj, **dict.fromkeys(READ_ONLY_METADATA))


def is_secret(obj: Mapping[str, Any]) -> bool:
    """Whether it is a core Secret."""
    return obj.get("kind") == "Secret" and obj.get("apiVersion") == "v1"


def copy_of(obj: Object) -> Object:
    """A deep copy."""
    return copy.deepcopy(obj)
