"""The pod in which the refresher runs in a cluster, and the Job around it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.batch.v1 import JobSpecArgsDict
from pulumi_kubernetes.core.v1 import (
    ContainerArgsDict,
    EnvVarArgsDict,
    PodSpecArgsDict,
    ResourceRequirementsArgsDict,
    ServiceAccountTokenProjectionArgsDict,
    TolerationArgsDict,
    VolumeArgsDict,
    VolumeMountArgsDict,
)

from .service_account_role import TOKEN_FILE, TOKEN_FOLDER

CONTAINER = "refresher"
CODE_FOLDER = "/opt/everpull"
TARGETS_FOLDER = "/etc/everpull"
TARGETS_FILE = "targets.json"

# Nobody's id on the node, and the one that images without a user of their own usually take.
_USER = 65532
# The exit status of an environment that cannot be understood, where to try again is of no use.
_ENVIRONMENT_FAULT = 2
# The shortest life of a token that Kubernetes makes (Kubernetes docs, Configure Service Accounts for Pods); kubelet renews it.
_TOKEN_SECONDS = 600
_TOKEN = "aws-token"  # noqa: S105 - the name of a volume
# Python with boto3 takes some 80 MB, however many namespaces; a run is short and mostly waits for answers.
_RESOURCES: ResourceRequirementsArgsDict = {
    "requests": {"cpu": "50m", "memory": "128Mi"},
    "limits": {"cpu": "1", "memory": "256Mi"},
}


@dataclass(frozen=True)
class Pod:
    """What is the same in every run. Names are those of objects in the pod's namespace."""

    image: str
    image_pull_policy: str
    service_account: str
    package: str
    """Name of the Python package that the code is."""
    code: str
    """Name of the ConfigMap that holds its files."""
    node_selector: Mapping[str, str]
    tolerations: Sequence[TolerationArgsDict]
    labels: Mapping[str, str]
    token_audience: str = ""
    """Whom the token of its service account is for by which it gets a role of AWS; empty where it needs none."""


def job_spec(
    pod: Pod,
    *,
    arguments: Sequence[str],
    targets: pulumi.Input[str],
    env: pulumi.Input[Sequence[EnvVarArgsDict]],
    deadline: int,
    retries: int,
) -> JobSpecArgsDict:
    """The spec of a Job that runs once. `targets` is the name of the ConfigMap with the targets, `deadline` is in seconds."""
    return {
        "active_deadline_seconds": deadline,
        "backoff_limit": retries,
        "pod_failure_policy": {
            "rules": [
                {
                    "action": "FailJob",
                    "on_exit_codes": {"container_name": CONTAINER, "operator": "In", "values": [_ENVIRONMENT_FAULT]},
                },
                # A pod that was evicted or whose node went has not failed.
                {"action": "Ignore", "on_pod_conditions": [{"type": "DisruptionTarget", "status": "True"}]},
            ]
        },
        "template": {
            "metadata": {"labels": dict(pod.labels)},
            "spec": _pod_spec(pod, targets, _container(pod, arguments, env)),
        },
    }


def environment(variables: Mapping[str, str], identity: Sequence[EnvVarArgsDict]) -> list[EnvVarArgsDict]:
    """The container's `env`: the given variables, what Python needs here, and how the AWS SDK finds the identity."""
    fixed = {
        **variables,
        "PYTHONPATH": CODE_FOLDER,
        "PYTHONDONTWRITEBYTECODE": "1",
        # Whatever goes wrong with the identity, the node's own must not be used in its stead.
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return [*({"name": name, "value": value} for name, value in fixed.items()), *identity]


def _pod_spec(pod: Pod, targets: pulumi.Input[str], container: ContainerArgsDict) -> PodSpecArgsDict:
    spec: PodSpecArgsDict = {
        "service_account_name": pod.service_account,
        "automount_service_account_token": True,
        "enable_service_links": False,
        # Required by the failure policy; a container restarted in place would also lose the message of before.
        "restart_policy": "Never",
        "security_context": {
            "run_as_non_root": True,
            "run_as_user": _USER,
            "run_as_group": _USER,
            "seccomp_profile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [
            {"name": "code", "config_map": {"name": pod.code}},
            {"name": "targets", "config_map": {"name": targets}},
            *_token_volumes(pod),
        ],
    }
    # Left out when empty: the API server drops them, and what it drops would look changed.
    if pod.node_selector:
        spec["node_selector"] = dict(pod.node_selector)
    if pod.tolerations:
        spec["tolerations"] = list(pod.tolerations)
    return spec


def _container(pod: Pod, arguments: Sequence[str], env: pulumi.Input[Sequence[EnvVarArgsDict]]) -> ContainerArgsDict:
    return {
        "name": CONTAINER,
        "image": pod.image,
        "image_pull_policy": pod.image_pull_policy,
        "command": ["python3", "-m", pod.package],
        "args": list(arguments),
        "env": env,
        "resources": _RESOURCES,
        "security_context": {
            "allow_privilege_escalation": False,
            "capabilities": {"drop": ["ALL"]},
            "read_only_root_filesystem": True,
        },
        # What a failed run logged last is then part of the pod's status, where the Kubernetes provider finds it.
        "termination_message_policy": "FallbackToLogsOnError",
        "volume_mounts": [
            {"name": "code", "mount_path": f"{CODE_FOLDER}/{pod.package}", "read_only": True},
            {"name": "targets", "mount_path": TARGETS_FOLDER, "read_only": True},
            *_token_mounts(pod),
        ],
    }


def _token_volumes(pod: Pod) -> list[VolumeArgsDict]:
    """Kubelet makes the pod's user own the token, since all containers run as that one (Kubernetes docs, Projected Volumes,
    SecurityContext interactions)."""
    if not pod.token_audience:
        return []
    token: ServiceAccountTokenProjectionArgsDict = {
        "audience": pod.token_audience,
        "expiration_seconds": _TOKEN_SECONDS,
        "path": TOKEN_FILE,
    }
    return [{"name": _TOKEN, "projected": {"sources": [{"service_account_token": token}]}}]


def _token_mounts(pod: Pod) -> list[VolumeMountArgsDict]:
    if not pod.token_audience:
        return []
    return [{"name": _TOKEN, "mount_path": TOKEN_FOLDER, "read_only": True}]
