"""A real API server for the refresher: namespaces, service accounts and exactly the rights that everpull gives."""

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.local_providers.kubernetes.control_plane import ControlPlane
from tests.refresher.secrets import LABELS, NAME

SYSTEM = "everpull-dev"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
ONE_SECRET = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [NAME], "verbs": ["get", "create", "patch"]}


@dataclass
class Cluster:
    """An administrator's view of the API server."""

    plane: ControlPlane
    admin: httpx2.Client

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        answer = self.admin.request(method, path, json=body, **options)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def namespace(self, *, labels: dict[str, str] | None = None) -> str:
        name = f"team-{secrets.token_hex(4)}"
        self.call("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels or {}}})
        return name

    def secret(self, namespace: str) -> dict[str, Any] | None:
        answer = self.admin.get(f"/api/v1/namespaces/{namespace}/secrets/{NAME}")
        return None if answer.status_code == 404 else answer.json()

    def make_secret(self, namespace: str, name: str = NAME, **changes: Any) -> dict[str, Any]:
        """A Secret as somebody else makes one; `changes` replace parts of it, or of its metadata."""
        config = {".dockerconfigjson": json.dumps({"auths": {"registry.example": {"auth": "dXNlcjpwYXNz"}}})}
        secret: dict[str, Any] = {"type": "kubernetes.io/dockerconfigjson", "stringData": config}
        metadata: dict[str, Any] = {"name": name}
        for key, value in changes.items():
            (secret if key in ("type", "stringData", "immutable") else metadata)[key] = value
        return self.call("POST", f"/api/v1/namespaces/{namespace}/secrets", {**secret, "metadata": metadata})

    def role(self, namespace: str, account: str) -> dict[str, str]:
        """The right to one Secret in one namespace; its owner reference."""
        path = f"{RBAC}/namespaces/{namespace}"
        role = self.call("POST", f"{path}/roles", {"metadata": {"name": NAME}, "rules": [ONE_SECRET]})
        self.call("POST", f"{path}/rolebindings", _binding(NAME, "Role", NAME, account))
        return _owner("Role", role)

    def cluster_role(self, account: str) -> dict[str, str]:
        """What a label selector asks for; its owner reference."""
        rules = [
            {**ONE_SECRET, "verbs": [*ONE_SECRET["verbs"], "list", "delete"]},
            {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["list"]},
        ]
        role = self.call("POST", f"{RBAC}/clusterroles", {"metadata": {"name": account}, "rules": rules})
        self.call("POST", f"{RBAC}/clusterrolebindings", _binding(account, "ClusterRole", account, account))
        return _owner("ClusterRole", role)

    def account(self) -> str:
        name = f"refresher-{secrets.token_hex(4)}"
        self.call("POST", f"/api/v1/namespaces/{SYSTEM}/serviceaccounts", {"metadata": {"name": name}})
        return name

    def token(self, account: str) -> str:
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
        path = f"/api/v1/namespaces/{SYSTEM}/serviceaccounts/{account}/token"
        return self.call("POST", path, body)["status"]["token"]

    def pod(self, account: str, folder: Path) -> dict[str, str]:
        """The environment of a pod with that service account."""
        folder.mkdir()
        authority = self.plane.kubeconfig.parent / "certificates" / "apiserver.crt"
        (folder / "ca.crt").write_text(authority.read_text())
        (folder / "token").write_text(self.token(account))
        host, _, port = self.plane.url.removeprefix("https://").partition(":")
        return {
            "KUBERNETES_SERVICE_HOST": host,
            "KUBERNETES_SERVICE_PORT": port,
            "EVERPULL_SERVICE_ACCOUNT": str(folder),
        }


def _binding(name: str, kind: str, role: str, account: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": SYSTEM}],
    }


def _owner(kind: str, made: dict[str, Any]) -> dict[str, str]:
    metadata = made["metadata"]
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "name": metadata["name"],
        "uid": metadata["uid"],
    }


def targets_text(
    owners: dict[str, dict[str, str]], selector: dict[str, Any] | None = None, *, adopt: bool = False
) -> str:
    """The CronJob's file: listed namespaces with the owner of each."""
    listed = [{"name": name, "owner": owner} for name, owner in owners.items()]
    whole = {"secretName": NAME, "labels": LABELS, "adopt": adopt, "namespaces": listed, "selector": selector}
    return json.dumps(whole)


def eventually(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Waits for what controllers do in their own time. Raises AssertionError if it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)
