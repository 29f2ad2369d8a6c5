"""Field managers: who owns which field of an object, and how this provider takes, shares and gives back fields.

As the real provider does since 4.29: an object is created by a plain create under the manager `pulumi-kubernetes`, and
its first update moves those fields to a server-side-apply manager of the resource's own, `pulumi-kubernetes-<hex>`.
"""

import secrets
from typing import Any

from local.providers.common.diff import parse_path
from local.providers.kubernetes import objects
from local.providers.kubernetes.api import Api, ApiError, Resource
from local.providers.kubernetes.objects import Object

CREATOR = "pulumi-kubernetes"
# Managers whose fields an update takes over: this provider's creates, and kubectl's.
_TAKEN_OVER = {
    ("kubectl", "Apply"),
    ("kubectl", "Update"),
    ("before-first-apply", "Update"),
    (CREATOR, "Update"),
    ("pulumi-kubernetes.exe", "Update"),
    ("pulumi-resource-kubernetes", "Update"),
}


def manager_name(inputs: Object, known: str) -> str:
    """The annotation's, else the one in state, else a new one."""
    return objects.annotation(inputs, objects.PATCH_MANAGER) or known or f"{CREATOR}-{secrets.token_hex(4)}"


def must_force(inputs: Object, live: Object | None, *, always: bool, preview: bool) -> bool:
    """Whether an apply may take fields from other managers."""
    if always or objects.is_true(inputs, objects.PATCH_FORCE):
        return True
    if live is None:
        return preview
    entries = objects.metadata(live).get("managedFields") or []
    # A preview doesn't move the creator's fields, so that it would conflict with itself.
    ours = any(entry["operation"] == "Update" and entry["manager"].startswith(CREATOR) for entry in entries)
    return not entries or (preview and ours)


def take_over(api: Api, resource: Resource, live: Object, manager: str) -> Object:
    """Moves what a plain create or kubectl own to `manager`; without it the apply would conflict with our own past, and
    could never take a field away. Answers the live object. Raises ApiError."""
    entries = objects.metadata(live).get("managedFields") or []
    moved = _merged(entries, manager)
    if moved is None:
        return live
    patch = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": objects.metadata(live)["resourceVersion"]},
        {"op": "replace", "path": "/metadata/managedFields", "value": moved},
    ]
    namespace, name = objects.namespace_of(live), objects.name_of(live)
    return api.write("json-patch", resource, patch, namespace=namespace, name=name, manager=manager).object


def _merged(entries: list[Object], manager: str) -> list[Object] | None:
    """The managed fields with all that is taken over in one entry of `manager`; None if there is nothing to take."""

    def taken(entry: Object) -> bool:
        return (entry["manager"], entry["operation"]) in _TAKEN_OVER and not entry.get("subresource")

    def mine(entry: Object) -> bool:
        return entry["manager"] == manager and entry["operation"] == "Apply" and not entry.get("subresource")

    sources = [entry for entry in entries if taken(entry)]
    if not sources:
        return None
    own = [entry for entry in entries if mine(entry)] + sources
    fields: Object = {}
    for entry in own:
        fields = _union(fields, entry.get("fieldsV1") or {})
    merged = {**own[0], "manager": manager, "operation": "Apply", "fieldsV1": fields}
    return [*(entry for entry in entries if not taken(entry) and not mine(entry)), merged]


def _union(left: Object, right: Object) -> Object:
    return {**left, **{key: _union(left.get(key, {}), value) for key, value in right.items()}}


def keep_ignored(inputs: Object, live: Object, ignored: list[str], manager: str) -> Object:
    """The inputs with each field of `ignoreChanges` left to its other owner, or as it is on the server if it's ours."""
    entries = objects.metadata(live).get("managedFields") or []
    ours = [entry.get("fieldsV1") or {} for entry in entries if entry["manager"] == manager]
    theirs = [entry.get("fieldsV1") or {} for entry in entries if entry["manager"] != manager]
    result = objects.copy_of(inputs)
    for text in ignored:
        path = [step for step in parse_path(text) if isinstance(step, str)]
        if len(path) != len(parse_path(text)):
            # Items of lists have no stable place; the engine has put the old value into the inputs already.
            continue
        owned_by_us = any(_owns(fields, path) for fields in ours)
        if any(_owns(fields, path) for fields in theirs) and not owned_by_us:
            _remove(result, path)
            continue
        found, value = _look_up(live, path)
        if found:
            _put(result, path, value)
    return result


def _owns(fields: Object, path: list[str]) -> bool:
    for step in path:
        if f"f:{step}" not in fields:
            return False
        fields = fields[f"f:{step}"]
    return True


def _look_up(obj: Any, path: list[str]) -> tuple[bool, Any]:
    for step in path:
        if not isinstance(obj, dict) or step not in obj:
            return False, None
        obj = obj[step]
    return True, obj


def _remove(obj: Object, path: list[str]) -> None:
    found, parent = _look_up(obj, path[:-1])
    if found and isinstance(parent, dict):
        parent.pop(path[-1], None)


def _put(obj: Object, path: list[str], value: Any) -> None:
    for step in path[:-1]:
        obj = obj.setdefault(step, {})
        if not isinstance(obj, dict):
            return
    obj[path[-1]] = value


def relinquish(api: Api, resource: Resource, live: Object, manager: str) -> None:
    """Gives back every field that only `manager` owns. An object that is gone stays gone. Raises ApiError."""
    namespace, name = objects.namespace_of(live), objects.name_of(live)
    try:
        current = api.get(resource, namespace, name)
    except ApiError as error:
        if error.code == 404:
            return
        raise
    # The uid makes the apply fail rather than create the object anew, should it vanish in between.
    identity = {
        "name": name,
        "uid": objects.metadata(current)["uid"],
        **({"namespace": namespace} if namespace else {}),
    }
    body = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": identity}
    api.write("apply", resource, body, namespace=namespace, name=name, manager=manager)
