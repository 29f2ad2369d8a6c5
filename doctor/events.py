"""What ESO says in events, which tell the cause where its conditions name the step alone."""

from datetime import datetime

from cluster.reader import Forbidden, Unreachable, items, part
from lambda_src.refresher.core import instant

from .cluster import Cluster, Object

# Of a cause that AWS gave; what follows is of no use to a reader.
_MOST_CHARACTERS = 400


def cause(cluster: Cluster, namespace: str, external_secret: str, reason: str) -> str:
    """The reason that a condition gives, with what the last warning tells besides."""
    warning = _last_warning(cluster, namespace, external_secret)
    return f"{reason} ({warning})" if warning else reason


def _last_warning(cluster: Cluster, namespace: str, external_secret: str) -> str | None:
    """The last warning about the ExternalSecret on one line, of the hour that events are kept; None where there is none, or
    the caller may not look."""
    path = (
        f"/api/v1/namespaces/{namespace}/events?fieldSelector=involvedObject.name%3D{external_secret}%2Ctype%3DWarning"
    )
    try:
        found = [event for event in items(cluster.document(path), "items") if _is_about(event, external_secret)]
    except (Unreachable, Forbidden):
        return None
    told = max(found, key=_when, default=None)
    words = " ".join(str((told or {}).get("message") or "").split())
    if len(words) > _MOST_CHARACTERS:
        words = f"{words[:_MOST_CHARACTERS]}..."
    return words or None


def _is_about(event: Object, external_secret: str) -> bool:
    about = part(event, "involvedObject")
    return (event.get("type"), about.get("kind"), about.get("name")) == ("Warning", "ExternalSecret", external_secret)


def _when(event: Object) -> float:
    """Events that come again have the time of the last one (Kubernetes API reference, Event)."""
    told: datetime | None = instant(event.get("lastTimestamp")) or instant(
        part(event, "metadata").get("creationTimestamp")
    )
    return told.timestamp() if told else 0.0
