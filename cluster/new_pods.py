"""Holds `up` back until pods get the pull secret."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, cast

import httpx2
import pulumi

from kube.client import Unreachable, answering, connect
from settings import ClusterAccess

_API = "/apis/admissionregistration.k8s.io/v1"
_TIMEOUT_SECONDS = 15.0
_POLL_SECONDS = 0.5
_PATIENCE_SECONDS = 15.0
# An API server takes over changed policies once a second (k8s.io/apiserver, policy source) after it was told of the change,
# each of several in its own time.
_SETTLE_SECONDS = 3.0


async def when_in_force(
    access: ClusterAccess,
    policy: str,
    *,
    bindings: Sequence[str],
    registry: str,
    pull_secret: str,
    namespaces: Sequence[str],
    label_selector: str,
    excluded: Sequence[str],
) -> str:
    """`policy` once new pods get the pull secret. Raises pulumi.RunError where they don't.

    A policy has no status, and a pod that is created before the API servers know it stays without the pull secret for good. So
    a change of the policy or its `bindings` is given time. Then a pod with an image of `registry` is asked for in a dry run, in
    one of `namespaces`, else in one with `label_selector` that is not `excluded`: a policy that is ignored where it fails is
    heard of nowhere else. Where that can't be asked for (no right, a quota, nothing reachable), a warning says so.
    """
    if pulumi.runtime.is_dry_run():
        return policy
    try:
        with connect(access.kubeconfig, access.context, _TIMEOUT_SECONDS) as http:
            changed = [f"{_API}/mutatingadmissionpolicies/{policy}"]
            changed += [f"{_API}/mutatingadmissionpolicybindings/{binding}" for binding in bindings]
            await asyncio.sleep(max(0.0, *(_SETTLE_SECONDS - _age(http, path) for path in changed)))
            namespace = next(iter(namespaces), None)
            if namespace is None and label_selector:
                namespace = _labelled(http, label_selector, excluded)
            if namespace is not None:
                await _prove(http, namespace, registry, pull_secret, policy)
    except Unreachable as reason:
        pulumi.log.warn(f"whether new pods get the pull secret was not checked: {reason}")
    return policy


async def _prove(http: httpx2.Client, namespace: str, registry: str, pull_secret: str, policy: str) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while pull_secret not in (found := _of_a_new_pod(http, namespace, registry)):
        if time.monotonic() > end:
            raise pulumi.RunError(
                f"the MutatingAdmissionPolicy {policy} is there, and pods of namespace {namespace} still don't get the pull "
                f"secret {pull_secret} (they get: {', '.join(found) or 'none'}). Is the admission plugin "
                "MutatingAdmissionPolicy switched off in the API server, or does something take the secret out again?\n"
                f"see: kubectl get mutatingadmissionpolicy {policy} -o yaml; or: pulumi config set everpull:attach "
                "service-accounts"
            )
        await asyncio.sleep(_POLL_SECONDS)


def _age(http: httpx2.Client, path: str) -> float:
    """Seconds since somebody changed the object, by the API server's own clock. Raises Unreachable."""
    response = _get(http, path)
    metadata = cast(Mapping[str, Any], response.json())["metadata"]
    times = [str(entry["time"]) for entry in metadata.get("managedFields") or () if "time" in entry]
    latest = datetime.fromisoformat(max([str(metadata["creationTimestamp"]), *times]))
    return (parsedate_to_datetime(response.headers["Date"]) - latest).total_seconds()


def _of_a_new_pod(http: httpx2.Client, namespace: str, registry: str) -> list[str]:
    """The pull secrets of a pod that any namespace would take. Raises Unreachable where it can't be asked for."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    with answering(path):
        response = http.post(path, params={"dryRun": "All"}, json=_probe(registry))
    if response.status_code != HTTPStatus.CREATED:
        raise Unreachable(f"HTTP {response.status_code} on {path}")
    spec = cast(Mapping[str, Any], response.json())["spec"]
    return [str(item.get("name")) for item in spec.get("imagePullSecrets") or ()]


def _probe(registry: str) -> dict[str, object]:
    """A pod as the strictest pod security standard asks for it (Kubernetes docs, Pod Security Standards, Restricted)."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "everpull-probe-"},
        "spec": {
            # With a list of its own it gets none of its service account's, where ours may be by somebody's hand.
            "imagePullSecrets": [{"name": "everpull-probe"}],
            "containers": [
                {
                    "name": "probe",
                    "image": f"{registry}/probe",
                    "resources": {
                        "requests": {"cpu": "1m", "memory": "1Mi"},
                        "limits": {"cpu": "1m", "memory": "1Mi"},
                    },
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ],
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
        },
    }


def _labelled(http: httpx2.Client, label_selector: str, excluded: Sequence[str]) -> str | None:
    """A namespace with the labels that is not excluded, if there is one. Raises Unreachable."""
    selector = (
        f"{label_selector},kubernetes.io/metadata.name notin ({','.join(excluded)})" if excluded else label_selector
    )
    response = _get(http, "/api/v1/namespaces", {"labelSelector": selector, "limit": 1})
    items = cast(Sequence[Mapping[str, Any]], response.json().get("items") or ())
    return str(items[0]["metadata"]["name"]) if items else None


def _get(http: httpx2.Client, path: str, parameters: Mapping[str, str | int] | None = None) -> httpx2.Response:
    with answering(path):
        response = http.get(path, params=parameters)
    if response.status_code != HTTPStatus.OK:
        raise Unreachable(f"HTTP {response.status_code} on {path}")
    return response
