"""A cluster made of paths."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from cluster.reader import Forbidden, Row


@dataclass
class FakeCluster:
    """Paths and the metadata (or discovery document) of what is there; what isn't listed isn't there.

    Lists are made from it: of one name in all namespaces, of namespaces, and of namespaces by one label. `types` are those of
    Secrets by path, where they are not docker configs. Paths in `forbidden`, without their query, may not be read.
    """

    objects: dict[str, Mapping[str, object]] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    forbidden: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)

    def document(self, path: str) -> Mapping[str, object] | None:
        return self._get(path)

    def metadata(self, path: str) -> Mapping[str, object] | None:
        return self._get(path)

    def rows(self, path: str) -> Sequence[Row]:
        parts = urlsplit(path)
        self._get(parts.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        return [
            self._row(where, metadata)
            for where, metadata in self.objects.items()
            if where == parts.path or (_is_in(where, parts.path) and _is_asked_for(where, metadata, query))
        ]

    def _get(self, path: str) -> Mapping[str, object] | None:
        self.asked.append(path)
        if path in self.forbidden:
            raise Forbidden(path)
        return self.objects.get(path)

    def _row(self, path: str, metadata: Mapping[str, object]) -> Row:
        *_, before, plural, name = path.split("/")
        place = {"namespace": before} if "/namespaces/" in path.rpartition(f"/{plural}/")[0] else {}
        cells = {"Type": self.types.get(path, "kubernetes.io/dockerconfigjson")} if plural == "secrets" else {}
        return Row({"Name": name, **cells}, {"name": name, **place, **metadata})


def _is_in(path: str, collection: str) -> bool:
    """Whether the object at `path` belongs to the list at `collection`, in whatever namespace."""
    api, plural = collection.rsplit("/", 1)
    steps = path.removeprefix(api).strip("/").split("/")
    if not path.startswith(f"{api}/"):
        return False
    return steps[:-1] == [plural] or (len(steps) == 4 and steps[0] == "namespaces" and steps[2] == plural)


def _is_asked_for(path: str, metadata: Mapping[str, object], query: Mapping[str, str]) -> bool:
    if "fieldSelector" in query and query["fieldSelector"] != f"metadata.name={path.rsplit('/', 1)[1]}":
        return False
    if "labelSelector" in query:
        key, _, value = query["labelSelector"].partition("=")
        labels = metadata.get("labels") or {}
        return isinstance(labels, Mapping) and labels.get(key) == value
    return True
