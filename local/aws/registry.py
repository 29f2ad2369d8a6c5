"""The registry side of ECR: the pull half of the distribution API in front of a real docker-registry.

Host (containerd's `ns` parameter, else the Host header) and repository become `ACCOUNT/REGION/REPOSITORY` behind.
Which permission a request needs follows ECR's own API: manifests BatchGetImage, layers GetDownloadUrlForLayer, a look
whether a layer is there BatchCheckLayerAvailability.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable
from urllib.parse import parse_qs, quote, urlencode

from local.aws.asgi import Receive, Scope, Send, answer, headers_of, start
from local.aws.backend import Answer, Backend, BackendError
from local.aws.policy import Policy, Repository
from local.aws.pull_through import PullThrough
from local.aws.tokens import Claims, TokenRefusedError, read

# Chinese hosts end in amazonaws.com.cn; FIPS and dual-stack forms come with the modes that use them.
_HOST = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?(?::\d+)?")
# Repository, tag and digest grammar of the distribution specification.
_NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
_DIGEST = r"sha256:[0-9a-f]{64}"
_MANIFEST = re.compile(rf"/v2/({_NAME})/manifests/([a-zA-Z0-9_][a-zA-Z0-9._-]{{0,127}}|{_DIGEST})")
_BLOB = re.compile(rf"/v2/({_NAME})/blobs/({_DIGEST})")
_TAGS = re.compile(rf"/v2/({_NAME})/tags/list")
_LAYERS = re.compile(rf"/_everpull/layers/(\d{{12}})/([a-z0-9-]+)/({_NAME})/({_DIGEST})")
# Real layer links last longer; nothing here takes an hour to begin.
_LAYER_LINK_SECONDS = 600
_VERSION_HEADER = {"docker-distribution-api-version": "registry/2.0"}
_PASSED_ON = (
    "content-type",
    "content-length",
    "docker-content-digest",
    "etag",
    "content-range",
    "accept-ranges",
)


class _Refused(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Registry:
    """An ASGI application. `address` is where it is served (`http://127.0.0.1:PORT`); `key` signs tokens and links."""

    def __init__(
        self,
        address: str,
        backend: Backend,
        policy: Policy,
        caches: PullThrough,
        key: bytes,
        count: Callable[[str, str], None],
    ) -> None:
        self._address, self._backend, self._policy, self._caches = address, backend, policy, caches
        self._key, self._count = key, count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; pulling sends no bodies, so nothing is received."""
        del receive
        if scope["type"] != "http":
            return
        head = scope["method"] == "HEAD"
        try:
            if layer := _LAYERS.fullmatch(scope["path"]):
                await self._layer(scope, send, layer)
            else:
                await self._registry(scope, send)
        except _Refused as refused:
            error = {"errors": [{"code": refused.code, "message": refused.message}]}
            headers = {**_VERSION_HEADER, "content-type": "application/json; charset=utf-8"}
            await answer(send, refused.status, headers, json.dumps(error).encode(), head=head)
        except BackendError as error:
            await answer(send, 503, {"content-type": "text/plain"}, f"{error}\n".encode(), head=head)

    async def _registry(self, scope: Scope, send: Send) -> None:
        method, path, headers = scope["method"], scope["path"], headers_of(scope)
        names = parse_qs(scope["query_string"].decode("latin-1")).get("ns", [])
        host = (names or [headers.get("host", "")])[0]
        registry = _HOST.fullmatch(host)
        if registry is None:
            raise _Refused(404, "NAME_UNKNOWN", f"{host} is not the host of a registry")
        account, region = registry.groups()
        try:
            claims = self._claims(headers.get("authorization", ""), region)
        except TokenRefusedError as refused:
            challenge = f'Basic realm="https://{host}/",service="ecr.amazonaws.com"'
            plain = {**_VERSION_HEADER, "www-authenticate": challenge, "content-type": "text/plain; charset=utf-8"}
            await answer(send, 401, plain, f"{refused}\n".encode(), head=method == "HEAD")
            return
        if method not in ("GET", "HEAD"):
            raise _Refused(405, "UNSUPPORTED", "this stand-in serves pulls only; images are seeded behind it")
        if path in ("/v2/", "/v2"):
            await answer(
                send, 200, {**_VERSION_HEADER, "content-type": "application/json"}, b"{}", head=method == "HEAD"
            )
        elif manifest := _MANIFEST.fullmatch(path):
            repository = Repository(account, region, manifest[1])
            self._permitted(claims, "ecr:BatchGetImage", repository)
            await self._caches.bring(claims, repository, manifest[2])
            self._existing(repository)
            if not self._caches.has(repository, manifest[2]):
                raise _Refused(404, "MANIFEST_UNKNOWN", "Requested image not found")
            await self._pass_on(scope, send, _behind(repository, f"manifests/{manifest[2]}"))
        elif tags := _TAGS.fullmatch(path):
            repository = self._allowed(claims, "ecr:ListImages", Repository(account, region, tags[1]))
            await self._pass_on(scope, send, _behind(repository, "tags/list"))
        elif (blob := _BLOB.fullmatch(path)) and method == "HEAD":
            repository = Repository(account, region, blob[1])
            self._allowed(claims, "ecr:BatchCheckLayerAvailability", repository)
            await self._pass_on(scope, send, _behind(repository, f"blobs/{blob[2]}"))
        elif blob:
            repository = self._allowed(claims, "ecr:GetDownloadUrlForLayer", Repository(account, region, blob[1]))
            link = await self._layer_link(repository, blob[2])
            await answer(send, 307, {**_VERSION_HEADER, "location": link})
        else:
            raise _Refused(404, "UNSUPPORTED", f"{method} {path} is not part of pulling")

    def _claims(self, authorization: str, region: str) -> Claims:
        """The claims of the request's token. Raises TokenRefusedError."""
        scheme, _, encoded = authorization.partition(" ")
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user, password = "", ""
        if scheme.lower() != "basic" or user != "AWS":
            raise TokenRefusedError("Not Authorized")
        claims = read(self._key, password, time.time())
        if claims.region != region or not self._policy.principal_exists(claims):
            raise TokenRefusedError("Not Authorized")
        return claims

    def _allowed(self, claims: Claims, action: str, repository: Repository) -> Repository:
        """`repository`, when the holder may do `action` to it and it exists; permission is asked first, as AWS does."""
        self._permitted(claims, action, repository)
        return self._existing(repository)

    def _permitted(self, claims: Claims, action: str, repository: Repository) -> None:
        self._count(action, claims.principal_arn)
        if message := self._policy.refusal(claims, action, repository):
            raise _Refused(403, "DENIED", message)

    def _existing(self, repository: Repository) -> Repository:
        if not self._policy.repository_exists(repository):
            raise _Refused(
                404,
                "NAME_UNKNOWN",
                f"The repository with name '{repository.name}' does not exist in the registry with id "
                f"'{repository.account}'",
            )
        return repository

    async def _pass_on(self, scope: Scope, send: Send, path: str) -> None:
        wanted = headers_of(scope)
        # Several Accept lines are as good as one; docker clients send one line per type.
        accepted = ", ".join(v.decode("latin-1") for k, v in scope["headers"] if k.lower() == b"accept")
        asked = {"Accept": accepted} if accepted else {}
        if "range" in wanted:
            asked["Range"] = wanted["range"]
        async with self._backend.request(scope["method"], path, asked) as found:
            if found.status == 404:
                if "/manifests/" in path:
                    raise _Refused(404, "MANIFEST_UNKNOWN", "Requested image not found")
                if "/blobs/" in path:
                    raise _Refused(404, "BLOB_UNKNOWN", "blob unknown to registry")
                # A repository that ECR has and nobody seeded has no tags.
                headers = {"content-type": "application/json"}
                await answer(send, 200, headers, b'{"tags":[]}', head=scope["method"] == "HEAD")
                return
            await _relay(found, send)

    async def _layer_link(self, repository: Repository, digest: str) -> str:
        """A short-lived link to the layer that needs no login, as ECR's links to S3 don't."""
        async with self._backend.request("HEAD", _behind(repository, f"blobs/{digest}"), {}) as found:
            if found.status != 200:
                raise _Refused(404, "BLOB_UNKNOWN", "blob unknown to registry")
        path = f"/_everpull/layers/{repository.account}/{repository.region}/{repository.name}/{digest}"
        expires = str(int(time.time()) + _LAYER_LINK_SECONDS)
        query = {"X-Amz-Expires-At": expires, "X-Amz-Signature": self._link_signature(path, expires)}
        return f"{self._address}{quote(path, safe='/:')}?{urlencode(query)}"

    def _link_signature(self, path: str, expires: str) -> str:
        return hmac.new(self._key, f"layer\n{path}\n{expires}".encode(), hashlib.sha256).hexdigest()

    async def _layer(self, scope: Scope, send: Send, layer: re.Match[str]) -> None:
        query = parse_qs(scope["query_string"].decode("latin-1"))
        expires, signature = (query.get(name, [""])[0] for name in ("X-Amz-Expires-At", "X-Amz-Signature"))
        genuine = hmac.compare_digest(self._link_signature(scope["path"], expires).encode(), signature.encode())
        if scope["method"] not in ("GET", "HEAD") or not genuine or int(expires) <= time.time():
            body = b"<Error><Code>AccessDenied</Code><Message>Request has expired or is not signed</Message></Error>"
            await answer(send, 403, {"content-type": "application/xml"}, body, head=scope["method"] == "HEAD")
            return
        account, region, name, digest = layer.groups()
        await self._pass_on(scope, send, _behind(Repository(account, region, name), f"blobs/{digest}"))


def _behind(repository: Repository, rest: str) -> str:
    """Path in the registry behind: one name space for all accounts and regions."""
    return f"/v2/{repository.account}/{repository.region}/{repository.name}/{rest}"


async def _relay(found: Answer, send: Send) -> None:
    passed = {name: found.headers[name] for name in _PASSED_ON if name in found.headers}
    await start(send, found.status, {**_VERSION_HEADER, **passed})
    try:
        async for piece in found.pieces():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    except BackendError as error:
        # Too late for a status: the server drops the connection, and the client sees a short body.
        raise ConnectionAbortedError(str(error)) from error
    await send({"type": "http.response.body", "body": b""})
