"""What would change between a live object and new inputs, and which changes need a new object.

The replace table states what the API server refuses to change and what the real provider replaces by policy
(pulumi-kubernetes, `provider/pkg/provider/diff.go`): Secrets and ConfigMaps are replaced on a change of their content
unless the provider's `enableSecretMutable` / `enableConfigMapMutable` is on.
"""

from dataclasses import dataclass
from typing import Any

from local.providers.common.diff import Change, compare, matches, parse_path
from local.providers.common.values import Unknown
from local.providers.kubernetes import normalize, objects
from local.providers.kubernetes.objects import Object

_SELECTOR = "spec.selector"
_POD_FIELDS = objects.words(
    "affinity automountServiceAccountToken dnsConfig dnsPolicy enableServiceLinks hostAliases hostIPC hostNetwork "
    "hostPID hostname imagePullSecrets nodeName nodeSelector overhead preemptionPolicy priority priorityClassName "
    "readinessGates restartPolicy runtimeClassName schedulerName securityContext serviceAccount serviceAccountName "
    "shareProcessNamespace subdomain terminationGracePeriodSeconds volumes"
)
_CONTAINER_FIELDS = objects.words(
    "args command env image imagePullPolicy lifecycle livenessProbe ports readinessProbe resources securityContext "
    "stdin stdinOnce terminationMessagePath terminationMessagePolicy tty volumeDevices volumeMounts workingDir"
)
_VOLUME_SOURCES = objects.words(
    "awsElasticBlockStore azureDisk azureFile cephfs cinder csi fc flexVolume flocker gcePersistentDisk glusterfs "
    "hostPath iscsi local nfs photonPersistentDisk portworxVolume quobyte rbd scaleIO storageos vsphereVolume"
)

_REPLACING: dict[tuple[str, str], list[str]] = {
    ("apps", "DaemonSet"): [_SELECTOR],
    ("apps", "Deployment"): [_SELECTOR],
    ("apps", "StatefulSet"): [
        _SELECTOR,
        "spec.podManagementPolicy",
        "spec.revisionHistoryLimit",
        "spec.serviceName",
        "spec.volumeClaimTemplates",
    ],
    ("batch", "Job"): [_SELECTOR, "spec.completions", "spec.parallelism", "spec.template"],
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): ["roleRef"],
    ("rbac.authorization.k8s.io", "RoleBinding"): ["roleRef"],
    ("storage.k8s.io", "StorageClass"): ["parameters", "provisioner"],
    ("", "PersistentVolume"): [f"spec.{source}" for source in _VOLUME_SOURCES],
    ("", "PersistentVolumeClaim"): [
        _SELECTOR,
        "spec.accessModes",
        "spec.storageClassName",
        "spec.volumeName",
    ],
    ("", "Pod"): [
        *(f"spec.{field}" for field in _POD_FIELDS),
        *(f"spec.{kind}[*].{field}" for kind in ("containers", "initContainers") for field in _CONTAINER_FIELDS),
    ],
    ("", "ResourceQuota"): ["spec.scopes"],
    ("", "Service"): ["spec.clusterIP"],
}
IDENTITY = ["metadata.name", "metadata.namespace"]
REPLACE_UNREADY = Change(("metadata", "annotations", objects.REPLACE_UNREADY), "update", replace=True)


@dataclass(frozen=True)
class Mutability:
    """The provider's settings about changing Secrets and ConfigMaps in place."""

    secrets: bool = False
    config_maps: bool = False


def replacing_paths(obj: Object, mutability: Mutability) -> list[str]:
    """The property paths of this object whose change needs a new one."""
    immutable = obj.get("immutable") is True
    if objects.is_secret(obj):
        fixed = not mutability.secrets or immutable
        return [*IDENTITY, "type", *(("stringData", "data") if fixed else ())]
    if obj.get("kind") == "ConfigMap" and obj.get("apiVersion") == "v1":
        fixed = not mutability.config_maps or immutable
        return [*IDENTITY, *(("binaryData", "data") if fixed else ())]
    group = str(obj.get("apiVersion", "")).rpartition("/")[0]
    return [*IDENTITY, *_REPLACING.get((group, str(obj.get("kind"))), [])]


def changes(old: Object, new: Object, replacing: list[str]) -> list[Change]:
    """The differences from `old` (the live object pruned to the old inputs' shape) to `new` (inputs)."""
    built_in = objects.is_built_in(str(new.get("apiVersion", "")))
    found: list[Change] = []
    for change in compare(old, new):
        before, after = _at(old, change.path), _at(new, change.path)
        if normalize.same_quantity(change.path, before, after):
            continue
        # The server drops empty maps and lists of its own types, which all mean the same as absence there.
        if built_in and change.kind == "add" and after in ({}, []):
            continue
        found.append(Change(change.path, change.kind, _replaces(change, before, after, replacing)))
    return found


def _replaces(change: Change, before: Any, after: Any, replacing: list[str]) -> bool:
    for text in replacing:
        pattern = parse_path(text)
        if matches(change.path, pattern):
            return True
        inside = _fits(change.path, pattern)
        if inside and (_holds(before, pattern[len(change.path) :]) or _holds(after, pattern[len(change.path) :])):
            return True
    return False


def _fits(path: tuple[str | int, ...], pattern: tuple[str | int, ...]) -> bool:
    """Whether the path is an ancestor of something that the pattern names."""
    return len(path) < len(pattern) and all(p in ("*", s) for s, p in zip(path, pattern, strict=False))


def _holds(value: Any, rest: tuple[str | int, ...]) -> bool:
    if isinstance(value, Unknown):
        return True
    if not rest:
        return value is not None
    if rest[0] == "*":
        return isinstance(value, list) and any(_holds(item, rest[1:]) for item in value)
    return isinstance(value, dict) and rest[0] in value and _holds(value[rest[0]], rest[1:])


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value
