"""Objects of the External Secrets Operator (ESO), as every component of ours makes them."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.rbac.v1 import Role, RoleBinding

from .generations import of_identity

ESO_API = "external-secrets.io/v1"
GENERATORS_API = "generators.external-secrets.io/v1alpha1"

DOCKER_CONFIG_KEY = ".dockerconfigjson"
DOCKER_CONFIG_TYPE = "kubernetes.io/dockerconfigjson"

# Without it the Kubernetes provider takes a custom resource for ready as soon as it exists (Pulumi Kubernetes provider docs,
# Resource readiness).
_WAIT_READY = {"pulumi.com/waitFor": "condition=Ready"}
_WAIT_AT_MOST = pulumi.CustomTimeouts(create="5m", update="5m")


class Metadata(TypedDict):
    """Of an object in a namespace."""

    name: str
    namespace: str
    labels: dict[str, str]


def wait_ready(
    resource_name: str,
    kind: str,
    metadata: Mapping[str, Any],
    spec: Mapping[str, object],
    opts: pulumi.ResourceOptions,
) -> CustomResource:
    """An object of ESO's main group that counts as made, or changed, once ESO says that it is ready."""
    annotations = {**metadata.get("annotations", {}), **_WAIT_READY}
    return CustomResource(
        resource_name,
        api_version=ESO_API,
        kind=kind,
        metadata={**metadata, "annotations": annotations},
        spec=spec,
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(custom_timeouts=_WAIT_AT_MOST)),
    )


def docker_config(interval: int, target: str, labels: Mapping[str, str], template: str = "") -> dict[str, object]:
    """What the spec of an ExternalSecret has that keeps one docker config in one Secret, whatever it is read from.

    `interval` is in seconds. `template` makes the docker config of what is read; without one that is the docker config.
    """
    made: dict[str, object] = {"type": DOCKER_CONFIG_TYPE, "metadata": {"labels": dict(labels)}}
    if template:
        made["data"] = {DOCKER_CONFIG_KEY: template}
    return {
        "refreshInterval": go_duration(interval),
        "target": {
            "name": target,
            "creationPolicy": "Owner",
            # A store that fails must never take a login away that still works.
            "deletionPolicy": "Retain",
            "template": made,
        },
    }


def read_inside(namespace: str, reader: str) -> dict[str, object]:
    """The `provider` of a store that reads Secrets of the namespace as the service account `reader` there."""
    return {
        "kubernetes": {
            "remoteNamespace": namespace,
            "server": {
                "caProvider": {
                    "type": "ConfigMap",
                    "name": "kube-root-ca.crt",
                    "namespace": namespace,
                    "key": "ca.crt",
                }
            },
            "auth": {"serviceAccount": {"name": reader, "namespace": namespace}},
        }
    }


def reader_of(
    name: str,
    account: str,
    mark: str,
    metadata: Metadata,
    secrets: Sequence[str],
    opts: pulumi.ResourceOptions,
) -> pulumi.Resource:
    """Lets the service account get those Secrets and nothing else.

    `metadata` is that of the Role and of its binding.
    """
    role = Role(
        of_identity(f"{name}-{account}-role", mark),
        metadata={**metadata},
        rules=[{"api_groups": [""], "resources": ["secrets"], "resource_names": [*secrets], "verbs": ["get"]}],
        opts=opts,
    )
    return RoleBinding(
        of_identity(f"{name}-{account}-binding", mark),
        metadata={**metadata},
        role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": metadata["name"]},
        subjects=[{"kind": "ServiceAccount", "name": account, "namespace": metadata["namespace"]}],
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[role])),
    )


def go_duration(seconds: int) -> str:
    """Seconds as Go prints a duration, such as 15m0s.

    ESO writes ExternalSecrets back with intervals spelled so. In any other spelling that is a change, which makes ESO the
    field's manager, and the next server-side apply by Pulumi a conflict (Kubernetes docs, Server-Side Apply, Conflicts).
    """
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
