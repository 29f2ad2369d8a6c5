"""The namespaces that are chosen by label."""

from collections.abc import Mapping
from urllib.parse import quote

from settings import Settings

from .reader import ClusterReader, Row


def selected(settings: Settings, reader: ClusterReader) -> list[Row]:
    """Those that the selector means now, also those that are being deleted. Raises Unreachable, Forbidden."""
    if settings.selector is None:
        return []
    left_out = {*settings.excluded_namespaces, *settings.namespaces, settings.system_namespace}
    found = reader.rows(f"/api/v1/namespaces?labelSelector={quote(settings.selector.text)}")
    return [row for row in found if row.name not in left_out]


def is_leaving(metadata: Mapping[str, object]) -> bool:
    """Whether the namespace of that metadata is being deleted."""
    return "deletionTimestamp" in metadata
