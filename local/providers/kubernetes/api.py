"""A small Kubernetes API client for objects of any kind, as plain dicts."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

import httpx2 as httpx

Object = dict[str, Any]
Verb = Literal["create", "apply", "replace", "json-patch"]
_CONTENT = {
    "create": ("POST", "application/json"),
    "apply": ("PATCH", "application/apply-patch+yaml"),
    "replace": ("PUT", "application/json"),
    "json-patch": ("PATCH", "application/json-patch+json"),
}
# How long a watch may be silent before it is opened anew; bounds how late a cancellation is noticed.
_WATCH_SILENCE = 2.0
# A busy server says 429 and when to come again; a restarting one doesn't answer for a while.
_BUSY_PAUSES = 4
_LONGEST_PAUSE = 10.0
_RECONNECT_PAUSE = 0.5


class ApiError(Exception):
    """The API server refused. `code`, `reason`, `message` and `details` are those of its Status object
    (k8s.io/apimachinery/pkg/apis/meta/v1). The text may quote what was sent: redact it before showing it."""

    def __init__(self, code: int, reason: str, message: str, details: Object | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details or {}

    @property
    def is_missing_namespace(self) -> bool:
        return self.code == 404 and self.details.get("kind") == "namespaces"


class NoSuchKind(Exception):
    """The API server doesn't serve this kind, in the words of kubectl."""

    def __init__(self, api_version: str, kind: str) -> None:
        super().__init__(f'no matches for kind "{kind}" in version "{api_version}"')


class Unreachable(Exception):
    """No answer from the API server, or none that makes sense."""


@dataclass(frozen=True)
class Resource:
    """Where objects of one kind live."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    def path(self, namespace: str | None, name: str = "") -> str:
        """The URL path of the collection, or of the named object."""
        root = "/api" if "/" not in self.api_version else "/apis"
        place = f"/namespaces/{quote(namespace or 'default', safe='')}" if self.namespaced else ""
        return f"{root}/{self.api_version}{place}/{self.plural}" + (f"/{quote(name, safe='')}" if name else "")


@dataclass(frozen=True)
class Answer:
    """An object and the warnings (RFC 7234 code 299) that came with it."""

    object: Object
    warnings: list[str]


class Api:
    """One API server. Methods are safe on several threads and raise ApiError or Unreachable."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._kinds: dict[str, dict[str, Resource]] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def version(self) -> Object:
        """The server's version (`major`, `minor`, `gitVersion`)."""
        return self._request("GET", "/version").object

    def resource(self, api_version: str, kind: str) -> Resource:
        """Where the kind lives. A kind that isn't known is looked for anew each time, because a
        CustomResourceDefinition may have arrived. Raises NoSuchKind."""
        with self._lock:
            known = self._kinds.get(api_version, {}).get(kind)
            if known is None:
                self._kinds[api_version] = self._discover(api_version)
                known = self._kinds[api_version].get(kind)
        if known is None:
            raise NoSuchKind(api_version, kind)
        return known

    def forget_kinds(self) -> None:
        """Makes the next look-up ask the server again."""
        with self._lock:
            self._kinds.clear()

    def _discover(self, api_version: str) -> dict[str, Resource]:
        root = "/api" if "/" not in api_version else "/apis"
        try:
            listed = self._request("GET", f"{root}/{api_version}").object
        except ApiError as error:
            if error.code == 404:
                return {}
            raise
        return {
            entry["kind"]: Resource(api_version, entry["kind"], entry["name"], entry["namespaced"])
            for entry in listed.get("resources") or []
            if "/" not in entry["name"]
        }

    def get(self, resource: Resource, namespace: str | None, name: str) -> Object:
        """The live object."""
        return self._request("GET", resource.path(namespace, name)).object

    def find_all(self, resource: Resource, namespace: str | None, **selectors: str) -> list[Object]:
        """The objects that match (`labelSelector`, `fieldSelector`)."""
        return self._request("GET", resource.path(namespace), params=selectors).object.get("items") or []

    def write(
        self,
        verb: Verb,
        resource: Resource,
        body: Object | list[Object],
        *,
        namespace: str | None,
        name: str,
        manager: str,
        dry_run: bool = False,
        force: bool | None = None,
    ) -> Answer:
        """Sends the object or patch; answers the object as stored (or as it would be, with `dry_run`)."""
        method, content_type = _CONTENT[verb]
        params = {"fieldManager": manager, "fieldValidation": "Warn"}
        if dry_run:
            params["dryRun"] = "All"
        if force is not None:
            params["force"] = "true" if force else "false"
        path = resource.path(namespace, "" if verb == "create" else name)
        return self._request(method, path, params=params, body=body, content_type=content_type)

    def delete(self, resource: Resource, namespace: str | None, name: str, propagation: str) -> None:
        """Asks for deletion; the object may stay until its finalizers are done."""
        body = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        self._request("DELETE", resource.path(namespace, name), body=body)

    def watch(self, resource: Resource, namespace: str | None, name: str) -> Iterator[Object | None]:
        """The object now and after each change, and None whenever nothing came for a moment, so that the caller can
        look at its clock. Ends when the object is gone. A server that stops answering is waited for."""
        uid = ""
        while True:
            try:
                current = self.get(resource, namespace, name)
                if uid and current["metadata"]["uid"] != uid:
                    return
                yield current
                uid, version = current["metadata"]["uid"], current["metadata"]["resourceVersion"]
                for event in self._events(resource, namespace, name, version):
                    if event is not None and (event["type"] == "DELETED" or event["object"]["metadata"]["uid"] != uid):
                        return
                    yield event["object"] if event is not None else None
            except ApiError as error:
                if error.code == 404:
                    return
                raise
            except Unreachable:
                time.sleep(_RECONNECT_PAUSE)
                yield None

    def _events(self, resource: Resource, namespace: str | None, name: str, version: str) -> Iterator[Object | None]:
        """Watch events of one object from a resource version on; ends when the server wants a fresh start."""
        path = resource.path(namespace)
        while True:
            params = {"watch": "true", "fieldSelector": f"metadata.name={name}", "resourceVersion": version}
            timeout = httpx.Timeout(10.0, read=_WATCH_SILENCE)
            try:
                with self._client.stream("GET", path, params=params, timeout=timeout) as response:
                    if response.status_code != 200:
                        response.read()
                        raise _refusal(response)
                    for line in response.iter_lines():
                        event = json.loads(line)
                        if event["type"] == "ERROR":
                            return
                        version = event["object"]["metadata"]["resourceVersion"]
                        yield event
            except httpx.ReadTimeout:
                yield None
            except httpx.HTTPError as error:
                raise Unreachable(_network_fault(error)) from None

    def _request(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        body: Object | list[Object] | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        headers = {"Accept": "application/json"}
        content = None
        if body is not None:
            # JSON is YAML, so it may be sent as an apply patch too.
            headers["Content-Type"], content = content_type, json.dumps(body)
        response = self._send(method, path, params, content, headers)
        if response.status_code >= 400:
            raise _refusal(response)
        try:
            answer = response.json()
        except ValueError:
            raise Unreachable(f"{method} {path}: the answer is not JSON") from None
        return Answer(answer, [_warning_text(value) for value in response.headers.get_list("warning")])

    def _send(
        self, method: str, path: str, params: dict[str, str] | None, content: str | None, headers: dict[str, str]
    ) -> httpx.Response:
        """The answer; after a pause as long as the server asks for, while it says that it has too much to do."""
        for _ in range(_BUSY_PAUSES):
            response = self._send_once(method, path, params, content, headers)
            if response.status_code != 429:
                return response
            wait = response.headers.get("retry-after", "")
            time.sleep(min(float(wait) if wait.isdecimal() else 1.0, _LONGEST_PAUSE))
        return self._send_once(method, path, params, content, headers)

    def _send_once(
        self, method: str, path: str, params: dict[str, str] | None, content: str | None, headers: dict[str, str]
    ) -> httpx.Response:
        """What asks only is asked once more where the connection broke, as Go's clients do."""
        try:
            try:
                return self._client.request(method, path, params=params, content=content, headers=headers)
            except httpx.NetworkError:
                if method != "GET":
                    raise
                return self._client.request(method, path, params=params, content=content, headers=headers)
        except httpx.HTTPError as error:
            raise Unreachable(_network_fault(error)) from None


def _network_fault(error: httpx.HTTPError) -> str:
    request = error.request if error._request is not None else None
    where = f" at {request.url.scheme}://{request.url.netloc.decode()}" if request is not None else ""
    return f"the API server{where} doesn't answer: {error or type(error).__name__}"


def _warning_text(header: str) -> str:
    # `299 - "text"`, with backslash escapes inside (RFC 7234, section 5.5).
    start, end = header.find('"'), header.rfind('"')
    return header[start + 1 : end].replace('\\"', '"').replace("\\\\", "\\") if 0 <= start < end else header


def _refusal(response: httpx.Response) -> ApiError:
    try:
        status = response.json()
    except ValueError:
        status = {}
    if not isinstance(status, dict) or status.get("kind") != "Status":
        return ApiError(response.status_code, "", f"the API server answered {response.status_code}")
    message = status.get("message") or f"the API server answered {response.status_code}"
    return ApiError(response.status_code, status.get("reason", ""), message, status.get("details"))
