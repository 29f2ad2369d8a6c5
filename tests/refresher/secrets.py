"""Kubernetes Secrets as an API server gives them, and what the CronJob is told to keep."""

import base64
import json
from typing import Any

from refresher.core import Login, Renewal
from refresher.pull_secret import manifest
from refresher.targets import Owner, Target, Targets

from tests.refresher.fakes import CANARY, FRANKFURT, LIFE, NOW, VIRGINIA

NAME = "everpull-dev"
LABELS = {"app.kubernetes.io/name": "everpull", "app.kubernetes.io/instance": "dev"}
OWNER = Owner("rbac.authorization.k8s.io/v1", "Role", NAME, "11111111-aaaa-bbbb-cccc-000000000001")
CLUSTER_OWNER = Owner("rbac.authorization.k8s.io/v1", "ClusterRole", NAME, "22222222-aaaa-bbbb-cccc-000000000002")
HOSTS = (FRANKFURT, VIRGINIA)
RENEWAL = Renewal(tuple(Login((host,), "AWS", f"{CANARY}-{host}", NOW + LIFE, NOW) for host in HOSTS))


def targets(*namespaces: str, **changes: Any) -> Targets:
    """Targets with these listed namespaces."""
    fields: dict[str, Any] = {"secret_name": NAME, "labels": LABELS, "adopt": False}
    return Targets(**{**fields, "namespaces": tuple(Target(name, OWNER) for name in namespaces), **changes})


def targets_file(*namespaces: str, **changes: Any) -> str:
    """The text of a file with these listed namespaces."""
    owner = {"apiVersion": OWNER.api_version, "kind": OWNER.kind, "name": OWNER.name, "uid": OWNER.uid}
    listed = [{"name": name, "owner": owner} for name in namespaces]
    whole = {"secretName": NAME, "labels": LABELS, "adopt": False, "namespaces": listed, "selector": None}
    return json.dumps({**whole, **changes})


def ours(namespace: str = "team-a", **changes: Any) -> dict[str, Any]:
    """A Secret that everpull wrote, as it is read again; `changes` replace parts of the object or of its metadata."""
    secret: dict[str, Any] = dict(manifest(namespace, NAME, LABELS, OWNER, RENEWAL, "7"))
    given = {"uid": f"uid-of-{namespace}", "creationTimestamp": "2026-11-23T12:00:00Z"}
    metadata = {**secret["metadata"], **given}
    for key, value in changes.items():
        (secret if key in ("type", "data", "immutable", "stringData") else metadata)[key] = value
    return {**secret, "metadata": metadata}


def logins_in(secret: dict[str, Any]) -> dict[str, str]:
    """USER:PASSWORD by registry, as kubelet reads a pull secret."""
    config = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))
    return {host: base64.b64decode(entry["auth"]).decode() for host, entry in config["auths"].items()}


def controller(**changes: Any) -> dict[str, Any]:
    """The owner reference that our own ExternalSecret leaves."""
    reference = {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "name": NAME,
        "uid": "33333333-aaaa-bbbb-cccc-000000000003",
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {**reference, **changes}
