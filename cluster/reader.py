"""Reads the cluster with the kubeconfig and context that the Kubernetes provider uses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol, Self, cast

import httpx2

from kube.client import METADATA_ONLY, Unreachable, answering, connect
from settings import ClusterAccess

__all__ = ["ClusterReader", "Forbidden", "HttpClusterReader", "Row", "Unreachable", "connect_to", "items"]

_TIMEOUT_SECONDS = 15.0

# A list of metadata, with what kubectl prints of each object beside it: of a Secret that is the type, and no data.
_TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"


class Forbidden(Exception):
    """The caller has no right to see that object. The text says what was asked for."""


@dataclass(frozen=True)
class Row:
    """An object as `kubectl get` shows it: what it prints, by column, and the object's metadata."""

    cells: Mapping[str, object]
    metadata: Mapping[str, object]

    @property
    def namespace(self) -> str:
        """The object's namespace, or an empty text."""
        return str(self.metadata.get("namespace", ""))

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.metadata.get("name", ""))


class ClusterReader(Protocol):
    """The little of the Kubernetes API that the checks need."""

    def document(self, path: str) -> Mapping[str, object] | None:
        """API discovery, or an object that itself holds no secret; None when there is none. Raises Unreachable, Forbidden."""
        ...

    def metadata(self, path: str) -> Mapping[str, object] | None:
        """An object's `metadata`; None when there is no such object. Raises Unreachable, Forbidden."""
        ...

    def rows(self, path: str) -> Sequence[Row]:
        """The objects of a list, or the one that the path names; none when there are none. Raises Unreachable, Forbidden."""
        ...


def connect_to(access: ClusterAccess) -> httpx2.Client:
    """A client of the stack's cluster. Raises Unreachable where none can be made."""
    return connect(access.kubeconfig, access.context, _TIMEOUT_SECONDS)


class HttpClusterReader:
    """A ClusterReader over HTTP."""

    def __init__(self, http: httpx2.Client) -> None:
        self._http = http

    @classmethod
    def of(cls, access: ClusterAccess) -> Self:
        """A reader of the stack's cluster. Raises Unreachable where no client can be made."""
        return cls(connect_to(access))

    def document(self, path: str) -> Mapping[str, object] | None:
        return self._get(path, "application/json")

    def metadata(self, path: str) -> Mapping[str, object] | None:
        found = self._get(path, METADATA_ONLY)
        return None if found is None else cast(Mapping[str, object], found.get("metadata", {}))

    def rows(self, path: str) -> Sequence[Row]:
        found = self._get(f"{path}{'&' if '?' in path else '?'}includeObject=Metadata", _TABLE) or {}
        columns = [str(column["name"]) for column in items(found, "columnDefinitions")]
        return [_row(columns, row) for row in items(found, "rows")]

    def _get(self, path: str, accept: str) -> Mapping[str, object] | None:
        with answering(path):
            response = self._http.get(path, headers={"Accept": accept})
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        if response.status_code == HTTPStatus.FORBIDDEN:
            raise Forbidden(path)
        if response.status_code != HTTPStatus.OK:
            raise Unreachable(f"HTTP {response.status_code} on {path}")
        return cast(Mapping[str, object], response.json())


def _row(columns: Sequence[str], row: Mapping[str, object]) -> Row:
    cells = dict(zip(columns, cast(Sequence[object], row.get("cells") or ()), strict=False))
    kept = cast(Mapping[str, object], row.get("object") or {})
    return Row(cells, cast(Mapping[str, object], kept.get("metadata") or {}))


def items(document: Mapping[str, object] | None, key: str) -> Sequence[Mapping[str, object]]:
    """The objects in a list of the document; none where there is no such list, or no document."""
    return cast(Sequence[Mapping[str, object]], (document or {}).get(key) or ())


def part(document: Mapping[str, object], key: str) -> Mapping[str, object]:
    """The object in the document; an empty one where there is none."""
    return cast(Mapping[str, object], document.get(key) or {})
