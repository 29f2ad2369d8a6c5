"""What the registry behind has, passed on to who was found to have the right: manifests as they are, layers by a link.

Places in it are `ACCOUNT/REGION/REPOSITORY`, and `public/REPOSITORY` for ECR Public: one name space for all registries.
"""

import hashlib
import hmac
import re
import time
from urllib.parse import parse_qs, quote, urlencode

from local.aws.asgi import Scope, Send, answer, headers_of, start
from local.aws.backend import Answer, Backend, BackendError

# Repository, tag and digest grammar of the distribution specification.
NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
DIGEST = r"sha256:[0-9a-f]{64}"
REFERENCE = rf"[a-zA-Z0-9_][a-zA-Z0-9._-]{{0,127}}|{DIGEST}"
VERSION_HEADER = {"docker-distribution-api-version": "registry/2.0"}
LAYERS = re.compile(rf"/_everpull/layers/({NAME})/({DIGEST})")
# Real layer links last longer; nothing here takes an hour to begin.
_LAYER_LINK_SECONDS = 600
_PASSED_ON = (
    "content-type",
    "content-length",
    "docker-content-digest",
    "etag",
    "content-range",
    "accept-ranges",
)


class Refused(Exception):
    """An error of the distribution API."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Behind:
    """The registry behind. `address` is where its links lead to (`http://127.0.0.1:PORT`); `key` signs them."""

    def __init__(self, address: str, backend: Backend, key: bytes) -> None:
        self._address, self._backend, self._key = address, backend, key

    async def pass_on(self, scope: Scope, send: Send, place: str, rest: str) -> None:
        """Answer with what is at `manifests/...`, `blobs/...` or `tags/list` of a place. Raises Refused, BackendError."""
        wanted = headers_of(scope)
        # Several Accept lines are as good as one; docker clients send one line per type.
        accepted = ", ".join(v.decode("latin-1") for k, v in scope["headers"] if k.lower() == b"accept")
        asked = {"Accept": accepted} if accepted else {}
        if "range" in wanted:
            asked["Range"] = wanted["range"]
        async with self._backend.request(scope["method"], f"/v2/{place}/{rest}", asked) as found:
            if found.status == 404:
                if rest.startswith("manifests/"):
                    raise Refused(404, "MANIFEST_UNKNOWN", "Requested image not found")
                if rest.startswith("blobs/"):
                    raise Refused(404, "BLOB_UNKNOWN", "blob unknown to registry")
                # A repository that ECR has and nobody seeded has no tags.
                headers = {"content-type": "application/json"}
                await answer(send, 200, headers, b'{"tags":[]}', head=scope["method"] == "HEAD")
                return
            await _relay(found, send)

    async def redirect(self, send: Send, place: str, digest: str) -> None:
        """Answer with a short-lived link to the layer that needs no login, as ECR's links to S3 don't.

        Raises Refused, BackendError.
        """
        async with self._backend.request("HEAD", f"/v2/{place}/blobs/{digest}", {}) as found:
            if found.status != 200:
                raise Refused(404, "BLOB_UNKNOWN", "blob unknown to registry")
        path = f"/_everpull/layers/{place}/{digest}"
        expires = str(int(time.time()) + _LAYER_LINK_SECONDS)
        query = {"X-Amz-Expires-At": expires, "X-Amz-Signature": self._link_signature(path, expires)}
        location = f"{self._address}{quote(path, safe='/:')}?{urlencode(query)}"
        await answer(send, 307, {**VERSION_HEADER, "location": location})

    def _link_signature(self, path: str, expires: str) -> str:
        return hmac.new(self._key, f"layer\n{path}\n{expires}".encode(), hashlib.sha256).hexdigest()

    async def layer(self, scope: Scope, send: Send, layer: re.Match[str]) -> None:
        """Answer what follows such a link (a match of LAYERS). Raises Refused, BackendError."""
        query = parse_qs(scope["query_string"].decode("latin-1"))
        expires, signature = (query.get(name, [""])[0] for name in ("X-Amz-Expires-At", "X-Amz-Signature"))
        genuine = hmac.compare_digest(self._link_signature(scope["path"], expires).encode(), signature.encode())
        if scope["method"] not in ("GET", "HEAD") or not genuine or int(expires) <= time.time():
            body = b"<Error><Code>AccessDenied</Code><Message>Request has expired or is not signed</Message></Error>"
            await answer(send, 403, {"content-type": "application/xml"}, body, head=scope["method"] == "HEAD")
            return
        await self.pass_on(scope, send, layer[1], f"blobs/{layer[2]}")


async def _relay(found: Answer, send: Send) -> None:
    passed = {name: found.headers[name] for name in _PASSED_ON if name in found.headers}
    await start(send, found.status, {**VERSION_HEADER, **passed})
    try:
        async for piece in found.pieces():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    except BackendError as error:
        # Too late for a status: the server drops the connection, and the client sees a short body.
        raise ConnectionAbortedError(str(error)) from error
    await send({"type": "http.response.body", "body": b""})
