"""Takes the namespaces of a measurement away, in seconds.

Kubernetes' own way is to ask in every namespace for every kind of object there is, some hundred of each, at a limited rate:
about 4 namespaces a second, and whoever else deletes a namespace has to queue. Here the namespaces go first, without that,
and then every kind is listed once over the whole cluster and what lies in them is deleted. Nothing can be made in a namespace
that is gone, so what the last look doesn't find isn't there.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from bench.errors import BenchError
from bench.ground import LABEL, is_ours
from bench.kube import Kube, Refused, each

_LOOKS = 10


def remove(kube: Kube) -> int:
    """Deletes the namespaces and everything in them; gives their number. Raises BenchError, kube.Refused."""
    selector = quote("=".join(LABEL))
    namespaces = _names(kube, f"/api/v1/namespaces?labelSelector={selector}")
    each(lambda name: _remove_namespace(kube, name), namespaces)
    # By name, because a removal that was cut short left objects behind whose namespace is gone already.
    others = frozenset(_names(kube, "/api/v1/namespaces"))
    left: list[str] = []
    for _ in range(_LOOKS):
        left = [path for collection in _collections(kube) for path in _objects(kube, collection, others)]
        if not left:
            return len(namespaces)
        each(kube.delete, left)
    raise BenchError(f"{len(left)} objects of the measurement can't be removed, {left[0]} for one")


def _names(kube: Kube, path: str) -> list[str]:
    return [item["metadata"]["name"] for item in kube.metadata(path)["items"] or []]


def _remove_namespace(kube: Kube, name: str) -> None:
    """Without a finalizer, nothing is waited for; the first deletion marks, the second removes."""
    path = f"/api/v1/namespaces/{name}"
    kube.put(f"{path}/finalize", {"metadata": {"name": name}, "spec": {"finalizers": []}})
    kube.delete(path)
    kube.delete(path)


def _collections(kube: Kube) -> Iterator[tuple[str, str]]:
    """(API path of the group's version, plural) of every kind of object that lies in namespaces and can be deleted."""
    groups = kube.get("/apis")["groups"]
    for root in ["/api/v1", *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups)]:
        for resource in kube.get(root)["resources"]:
            if resource["namespaced"] and {"list", "delete"} <= set(resource["verbs"]):
                yield root, resource["name"]


def _objects(kube: Kube, collection: tuple[str, str], others: frozenset[str]) -> list[str]:
    """The paths of those that lie in namespaces of ours, none of which is among `others`, which there are."""
    root, plural = collection
    try:
        found: list[dict[str, Any]] = kube.metadata(f"{root}/{plural}")["items"] or []
    except Refused as refused:
        # A kind that was taken away meanwhile.
        if refused.status == 404:
            return []
        raise
    places = [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in found]
    return [
        f"{root}/namespaces/{namespace}/{plural}/{name}"
        for namespace, name in places
        if is_ours(namespace) and namespace not in others
    ]
