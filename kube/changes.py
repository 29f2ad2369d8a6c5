"""Changes of single objects, in places where others write too."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import cast

import httpx2

from .client import METADATA_ONLY, answering

_JSON_PATCH = "application/json-patch+json"  # RFC 6902
# The name under which `kubectl get --show-managed-fields` tells who changed something.
_FIELD_MANAGER = "everpull"
# Somebody else was faster: 422 is a test of the patch that failed, 404 an object that went after it was read. Or the API
# server is busy, or restarting.
_AGAIN = frozenset(
    {
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)

# One of a JSON patch.
Operation = dict[str, object]


class NotDone(Exception):
    """An object could not be read or changed. The text says which and why, and what to do where that is known."""


class NotNow(NotDone):
    """It may go better in a moment."""


def accepted(response: httpx2.Response) -> httpx2.Response:
    """The response of a request that was granted. Raises NotDone, and NotNow where it may go better in a moment."""
    if response.status_code == HTTPStatus.OK:
        return response
    raise (NotNow if response.status_code in _AGAIN else NotDone)(_said(response))


def change(http: httpx2.Client, path: str, operations: Sequence[Operation]) -> None:
    """Applies a JSON patch: all of it or, where one of its tests fails, nothing. Raises NotDone, NotNow and Unreachable."""
    with answering(path):
        response = http.patch(
            path,
            params={"fieldManager": _FIELD_MANAGER},
            headers={"Content-Type": _JSON_PATCH, "Accept": METADATA_ONLY},
            json=list(operations),
        )
    accepted(response)


def _said(response: httpx2.Response) -> str:
    """The API server's own words, if they are its words (Kubernetes API reference, Status)."""
    try:
        found: object = response.json()
    except ValueError:
        found = None
    message = cast(Mapping[str, object], found).get("message") if isinstance(found, dict) else None
    return f"HTTP {response.status_code} on {response.request.url.path}: {message or 'no reason given'}"
