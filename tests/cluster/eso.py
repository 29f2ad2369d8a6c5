"""A cluster with an External Secrets Operator, as far as a look at namespaces, Secrets and ExternalSecrets shows it."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx2

API = "/apis/external-secrets.io/v1"
LABELS = {"app.kubernetes.io/name": "everpull", "app.kubernetes.io/instance": "dev"}
MARK = "externalsecrets.external-secrets.io/ces-everpull-dev"


def table(objects: list[dict[str, Any]]) -> httpx2.Response:
    rows = [{"cells": [], "object": {"metadata": item["metadata"]}} for item in objects]
    return httpx2.Response(200, json={"kind": "Table", "columnDefinitions": [], "rows": rows})


@dataclass
class Cluster:
    """Namespaces by name with labels, finalizers and the like; ExternalSecrets and Secrets by `NAMESPACE/NAME`.

    A Secret that has no controller is taken by an ExternalSecret of its namespace that waits for it, as ESO does. `between` is
    called before each question, so that a test can let things happen. `forbidden` are paths.
    """

    namespaces: dict[str, dict[str, Any]] = field(default_factory=dict)
    syncs: dict[str, dict[str, Any]] = field(default_factory=dict)
    secrets: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    forbidden: tuple[str, ...] = ()
    between: Callable[[], None] = lambda: None
    asked: list[str] = field(default_factory=list)

    def namespace(self, name: str, *marks: str, leaving: bool = False, **labels: str) -> None:
        metadata: dict[str, Any] = {"name": name, "labels": labels, "finalizers": list(marks)}
        self.namespaces[name] = metadata | ({"deletionTimestamp": "2026-11-26T00:00:00Z"} if leaving else {})

    def sync(
        self,
        place: str,
        hub: str = "login-1",
        *,
        generation: int = 1,
        synced: int | None = 1,
        message: str = "",
        labels: dict[str, str] = LABELS,
    ) -> None:
        namespace, name = place.split("/")
        ready = {"type": "Ready", "status": "False" if message else "True", "message": message}
        self.syncs[place] = {
            "metadata": {"name": name, "namespace": namespace, "generation": generation, "labels": labels},
            "spec": {"data": [{"remoteRef": {"key": hub}}]},
            "status": {"conditions": [ready], "syncedResourceVersion": f"{synced}-1" if synced else ""},
        }

    def secret(self, place: str, keeper: str, labels: dict[str, str] = LABELS) -> None:
        namespace, name = place.split("/")
        role = {"kind": "Role", "name": "theirs", "uid": "role"}
        owners = [role, self._owner(keeper)] if keeper else [role]
        self.secrets[place] = {
            "metadata": {"name": name, "namespace": namespace, "labels": labels, "ownerReferences": owners}
        }

    def keeper(self, place: str) -> str | None:
        owners = self.secrets[place]["metadata"]["ownerReferences"]
        assert owners[0]["uid"] == "role", "another owner was taken away"
        return next((owner["name"] for owner in owners if owner.get("controller")), None)

    def client(self) -> httpx2.Client:
        return httpx2.Client(transport=httpx2.MockTransport(self._answer), base_url="https://cluster.example")

    def _owner(self, name: str) -> dict[str, Any]:
        api = "external-secrets.io/v1"
        return {"apiVersion": api, "kind": "ExternalSecret", "name": name, "uid": f"uid of {name}", "controller": True}

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        query = {key: values[0] for key, values in parse_qs(request.url.query.decode()).items()}
        self.asked.append(f"{request.method} {path}")
        self.between()
        if path in self.forbidden:
            return httpx2.Response(403, json={"message": "no"})
        if request.method == "PATCH":
            return self._patch(path, json.loads(request.content))
        if path == "/api/v1/namespaces":
            return self._listed(list(map(_wrapped, self.namespaces.values())), query)
        if path == f"{API}/externalsecrets":
            return self._listed(list(self.syncs.values()), query)
        if path == "/api/v1/secrets":
            return self._listed(list(self.secrets.values()), query)
        if path == f"{API}/clusterexternalsecrets/everpull-dev":
            failed = [{"namespace": name, "reason": reason} for name, reason in self.failures.items()]
            return httpx2.Response(200, json={"metadata": {}, "status": {"failedNamespaces": failed}})
        if path.startswith("/api/v1/namespaces/") and path.count("/") == 4:
            found = self.namespaces.get(path.rsplit("/", 1)[1])
            return httpx2.Response(200, json=_wrapped(found)) if found else httpx2.Response(404, json={})
        return httpx2.Response(404, json={})

    def _listed(self, objects: list[dict[str, Any]], query: dict[str, str]) -> httpx2.Response:
        if "labelSelector" in query:
            key, _, value = query["labelSelector"].partition("=")
            objects = [item for item in objects if item["metadata"]["labels"].get(key) == value]
        if "fieldSelector" in query:
            name = query["fieldSelector"].removeprefix("metadata.name=")
            objects = [item for item in objects if item["metadata"]["name"] == name]
        return table(objects) if "includeObject" in query else httpx2.Response(200, json={"items": objects})

    def _patch(self, path: str, operations: list[dict[str, Any]]) -> httpx2.Response:
        test, remove = operations
        assert (test["op"], remove["op"]) == ("test", "remove")
        *_, namespace, kind, name = path.split("/")
        if kind == "namespaces":
            found, what, value = self.namespaces[name], "finalizers", lambda entry: entry
        else:
            found, what, value = self.secrets[f"{namespace}/{name}"]["metadata"], "ownerReferences", lambda e: e["uid"]
        index = int(remove["path"].rsplit("/", 1)[1])
        if value(found[what][index]) != test["value"]:
            return httpx2.Response(422, json={"message": "the test failed"})
        before = found[what].pop(index)
        if kind == "secrets":
            others = [sync for sync in self.syncs if sync.startswith(f"{namespace}/")]
            taker = next((sync.split("/")[1] for sync in others if not sync.endswith(f"/{before['name']}")), None)
            if taker:
                found[what].append(self._owner(taker))
        return httpx2.Response(200, json={"metadata": found})


def _wrapped(metadata: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": metadata}


def run(awaitable: Coroutine[Any, Any, Any]) -> Any:
    """Unlike asyncio.run, leaves the thread's current event loop alone, which Pulumi's test decorator relies on."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(awaitable)
    finally:
        loop.close()
