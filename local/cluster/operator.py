"""The External Secrets Operator in the cluster: CRDs, its chart's own rights, and the operator itself.

With a node it is a pod like anywhere; without one, a process with a token of the same service account. Either way it
has the rights of its chart and no more, so that a missing right shows here and not at a user's.
"""

import hashlib
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from local import helm
from local.apt import SYSTEM_PATH
from local.cluster.api import Api, ApiError, path_of
from local.cluster.certificates import Pki
from local.cluster.control_plane import http_health
from local.paths import Paths
from local.ports import LOOPBACK, api_address
from local.registry.images import File, Pushed, push_image
from local.state import PlatformState, write_private
from local.supervisor import Part

NAMESPACE = "external-secrets"
REPOSITORY = "everpull/external-secrets"
_NAME = "external-secrets"
_STAMP = "everpull.local/applied"
_READY_SECONDS = 120.0
_TOKEN_SECONDS = 10 * 365 * 24 * 3600


class OperatorError(Exception):
    """The operator did not get ready; the text says what the cluster says."""


def push_operator_image(folders: Paths, registry_url: str) -> Pushed:
    """An image of the built operator and the machine's CA certificates."""
    return push_image(
        registry_url,
        REPOSITORY,
        "local",
        {
            "/external-secrets": File(folders.bin / "external-secrets", 0o755),
            "/etc/ssl/certs/ca-certificates.crt": File(Path("/etc/ssl/certs/ca-certificates.crt")),
            "/etc/passwd": File(b"nobody:x:65534:65534:nobody:/:/none\n"),
            # The operator keeps nothing, but libraries expect the folder.
            "/tmp/.keep": File(b""),  # noqa: S108 - inside the image
        },
        entrypoint=["/external-secrets"],
        user="65534:65534",
    )


def manifests(folders: Paths, state: PlatformState, image: str | None) -> list[dict[str, Any]]:
    """Everything to apply but the CRDs; the Deployment only with an `image`. Raises HelmError."""
    objects: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": _NAME, "namespace": NAMESPACE}},
        *helm.rendered(folders, _NAME, NAMESPACE, "rbac.yaml"),
    ]
    return [*objects, _deployment(state, image)] if image else objects


def arguments(state: PlatformState) -> list[str]:
    """The operator's flags: the chart's defaults, on ports of ours."""
    return [
        "--concurrent=1",
        f"--metrics-addr={LOOPBACK}:{state.ports['eso-metrics']}",
        f"--live-addr={LOOPBACK}:{state.ports['eso-live']}",
        "--loglevel=info",
        "--zap-time-encoding=epoch",
    ]


def _environment(state: PlatformState) -> dict[str, str]:
    # The second: it must never look for the machine's own cloud role.
    return {"AWS_ENDPOINT_URL": state.aws_endpoint, "AWS_EC2_METADATA_DISABLED": "true"}


def _deployment(state: PlatformState, image: str) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": _NAME}
    probe = {"httpGet": {"host": LOOPBACK, "path": "/healthz", "port": state.ports["eso-live"]}, "periodSeconds": 5}
    container = {
        "name": _NAME,
        "image": image,
        "args": arguments(state),
        "env": [{"name": name, "value": value} for name, value in _environment(state).items()],
        "readinessProbe": {**probe, "periodSeconds": 1},
        "livenessProbe": {**probe, "failureThreshold": 6},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": 65534,
        },
    }
    pod = {
        "serviceAccountName": _NAME,
        "hostNetwork": True,
        # kubelet writes /etc/hosts of a pod on the host's network only when told to by this list; the names are those
        # that the operator's `kubernetes` provider uses by default.
        "hostAliases": [
            {"ip": api_address(state.network), "hostnames": ["kubernetes.default", "kubernetes.default.svc"]}
        ],
        "dnsPolicy": "Default",
        "terminationGracePeriodSeconds": 5,
        "containers": [container],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": _NAME, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "replicas": 1,
            # Two on the host's network would want the same ports.
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def apply(folders: Paths, api: Api, objects: list[dict[str, Any]]) -> str:
    """Apply the CRDs and `objects` unless that was done before; gives "applied" or "kept"."""
    bundle = (folders.share / "external-secrets" / "crds.yaml").read_bytes()
    wanted = hashlib.sha256(bundle + json.dumps(objects, sort_keys=True).encode()).hexdigest()[:40]
    namespace = api.get(f"/api/v1/namespaces/{NAMESPACE}")
    if namespace is not None and namespace["metadata"].get("annotations", {}).get(_STAMP) == wanted:
        return "kept"
    crds = crds_of(bundle)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda crd: api.apply(path_of(crd), crd), crds))
    # The operator ends when its kinds are unknown to the API server.
    wait(lambda: _unserved(api, crds))
    for manifest in objects:
        api.apply(path_of(manifest), manifest)
    # Last, so that an interrupted run applies again.
    stamped = {**objects[0], "metadata": {**objects[0]["metadata"], "annotations": {_STAMP: wanted}}}
    api.apply(path_of(stamped), stamped)
    return "applied"


def crds_of(bundle: bytes) -> list[dict[str, Any]]:
    """The CustomResourceDefinitions in the module's file of all of them."""
    # libyaml is many times faster, and PyYAML can be without it.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [document for document in yaml.load_all(bundle, Loader=loader) if document]


def _unserved(api: Api, crds: list[dict[str, Any]]) -> str | None:
    """None when the API server serves every kind of them, which it begins to do one by one; else what it doesn't."""
    wanted: dict[str, set[str]] = {}
    for spec in (crd["spec"] for crd in crds):
        for version in spec["versions"]:
            if version["served"]:
                wanted.setdefault(f"{spec['group']}/{version['name']}", set()).add(spec["names"]["plural"])
    for version, kinds in wanted.items():
        found = api.get(f"/apis/{version}") or {"resources": []}
        if missing := kinds - {resource["name"] for resource in found["resources"]}:
            return f"the API server does not serve {', '.join(sorted(missing))} of {version} yet"
    return None


def not_ready(api: Api, state: PlatformState) -> str | None:
    """None when the current Deployment's pod is ready and answers, else what its containers wait for."""
    deployment = api.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{_NAME}")
    if deployment is None:
        return "there is no Deployment external-secrets"
    status, wanted = deployment.get("status", {}), deployment["metadata"]["generation"]
    current = status.get("observedGeneration", 0) >= wanted and status.get("updatedReplicas", 0) == 1
    if current and status.get("readyReplicas", 0) == 1 and status.get("replicas", 0) == 1:
        # The status may be of before the machine's parts were restarted.
        return http_health(LOOPBACK, state.ports["eso-live"], "/healthz")()
    pods = api.get(f"/api/v1/namespaces/{NAMESPACE}/pods") or {"items": []}
    reasons: list[str] = []
    for pod in pods["items"]:
        for container in pod.get("status", {}).get("containerStatuses", []):
            waiting = container.get("state", {}).get("waiting", {})
            reasons.append(f"{waiting.get('reason', 'not ready')} {waiting.get('message', '')}".strip())
    return "the operator's pod is not ready: " + ("; ".join(reasons) or "no container yet")


def wait(reason: Callable[[], str | None]) -> None:
    """Wait until `reason` gives None. Raises OperatorError with its last word."""
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            text = reason()
        except ApiError as error:
            text = str(error)
        if text is None:
            return
        if time.monotonic() > deadline:
            raise OperatorError(text)
        time.sleep(0.3)


def process(folders: Paths, state: PlatformState, pki: Pki, api: Api) -> Part:
    """The operator as a process of this machine, with a token of its service account."""
    # Beside the cluster's data, because the token is worth nothing without it.
    kubeconfig = folders.data / "external-secrets.kubeconfig"
    if not kubeconfig.exists():
        account = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{_NAME}/token"
        token = api.request("POST", account, {"spec": {"expirationSeconds": _TOKEN_SECONDS}})["status"]["token"]
        content = json.loads(pki.kubeconfig("admin").read_text())
        content["users"][0]["user"] = {"token": token}
        write_private(kubeconfig, json.dumps(content, indent=2))
    return Part(
        "external-secrets",
        (str(folders.bin / "external-secrets"), *arguments(state)),
        http_health(LOOPBACK, state.ports["eso-live"], "/healthz"),
        {"PATH": SYSTEM_PATH, "KUBECONFIG": str(kubeconfig), **_environment(state)},
        inputs=(kubeconfig, pki.authority),
    )
