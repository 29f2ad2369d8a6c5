"""The mark that ESO leaves on namespaces, and taking it off.

A ClusterExternalSecret puts a finalizer of its own on each namespace that it serves (ESO 0.20.0 and later). It takes it off
when the namespace is deleted while it is selected, and when it is deleted itself. A namespace that leaves the selection keeps
the finalizer, and then can't be deleted any more (external-secrets issue 6677, open in 2.9).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

import httpx2

from .changes import NotNow, accepted, change
from .client import answering

_PATH = "/api/v1/namespaces"
# Without spec and status, which nobody needs (Kubernetes API concepts, Metadata-only fetches).
_METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_ATTEMPTS = 5


@dataclass(frozen=True)
class Marked:
    """A namespace with the mark. `leaving` says whether it is being deleted."""

    name: str
    leaving: bool


def mark_of(cluster_external_secret: str) -> str:
    """The finalizer that the ClusterExternalSecret of that name puts on namespaces."""
    return f"externalsecrets.external-secrets.io/ces-{cluster_external_secret}"


def remedy(mark: str, namespace: str) -> str:
    """How a person takes the mark off."""
    return f"kubectl edit namespace {namespace}   (take {mark} out of metadata.finalizers)"


class Namespaces:
    """The namespaces of a cluster. Everything raises NotDone, and Unreachable where there is no answer at all."""

    def __init__(self, http: httpx2.Client) -> None:
        self._http = http

    def marked(self, mark: str) -> list[Marked]:
        """Those with the mark."""
        with answering(_PATH):
            response = self._http.get(_PATH, headers={"Accept": _METADATA_LIST})
        items = cast(Sequence[Mapping[str, object]], accepted(response).json().get("items") or ())
        found = [cast(Mapping[str, object], item["metadata"]) for item in items]
        return [
            Marked(str(metadata["name"]), "deletionTimestamp" in metadata)
            for metadata in found
            if mark in _finalizers(metadata)
        ]

    def unmark(self, namespace: str, mark: str) -> None:
        """Takes the mark off, and leaves other finalizers on; nothing where there is no such mark or namespace."""
        path = f"{_PATH}/{namespace}"
        for attempt in range(1, _ATTEMPTS + 1):
            with answering(path):
                response = self._http.get(path)
            if response.status_code == HTTPStatus.NOT_FOUND:
                return
            marks = _finalizers(cast(Mapping[str, object], accepted(response).json()["metadata"]))
            if mark not in marks:
                return
            where = f"/metadata/finalizers/{marks.index(mark)}"
            try:
                # The test, because somebody may have changed the list since.
                change(
                    self._http,
                    path,
                    [{"op": "test", "path": where, "value": mark}, {"op": "remove", "path": where}],
                )
            except NotNow:
                if attempt == _ATTEMPTS:
                    raise


def _finalizers(metadata: Mapping[str, object]) -> list[str]:
    return list(cast(Sequence[str], metadata.get("finalizers") or ()))
