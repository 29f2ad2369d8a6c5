"""Somebody else who works on the same objects, under a field manager of their own."""

import time
from collections.abc import Callable
from typing import Any

from local.providers.kubernetes.api import Api, Resource, Verb

Object = dict[str, Any]
MANAGER = "somebody-else"


class Meddler:
    """Changes objects of one namespace behind Pulumi's back."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.api = api
        self.namespace = namespace

    def resource(self, api_version: str, kind: str) -> Resource:
        return self.api.resource(api_version, kind)

    def get(self, api_version: str, kind: str, name: str) -> Object:
        return self.api.get(self.resource(api_version, kind), self.namespace, name)

    def exists(self, api_version: str, kind: str, name: str) -> bool:
        return bool(self.find(api_version, kind, f"metadata.name={name}"))

    def find(self, api_version: str, kind: str, field_selector: str) -> list[Object]:
        return self.api.find_all(self.resource(api_version, kind), self.namespace, fieldSelector=field_selector)

    def create(self, obj: Object) -> Object:
        return self._write("create", obj)

    def apply(self, obj: Object) -> Object:
        """By force, so that all its fields are the meddler's."""
        return self._write("apply", obj, force=True)

    def patch(self, api_version: str, kind: str, name: str, *operations: Object) -> Object:
        """JSON patch operations, an Update to field ownership."""
        resource = self.resource(api_version, kind)
        return self.api.write(
            "json-patch", resource, list(operations), namespace=self.namespace, name=name, manager=MANAGER
        ).object

    def set_status(self, api_version: str, kind: str, name: str, status: Object) -> None:
        """As a controller does, through the status subresource."""
        resource = _Status(**vars(self.resource(api_version, kind)))
        patch = [{"op": "add", "path": "/status", "value": status}]
        self.api.write("json-patch", resource, patch, namespace=self.namespace, name=name, manager=MANAGER)

    def _write(self, verb: Verb, obj: Object, force: bool | None = None) -> Object:
        resource, name = self.resource(obj["apiVersion"], obj["kind"]), obj["metadata"]["name"]
        return self.api.write(
            verb, resource, obj, namespace=self.namespace, name=name, manager=MANAGER, force=force
        ).object


class _Status(Resource):
    """The status subresource of a kind."""

    def path(self, namespace: str | None, name: str = "") -> str:
        return super().path(namespace, name) + "/status"


def eventually(check: Callable[[], Any], seconds: float = 60.0) -> Any:
    """The first true answer; a look every tenth of a second."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = check()
        if answer:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"it didn't come to be within {seconds:.0f} s")
