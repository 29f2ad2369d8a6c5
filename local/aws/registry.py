"""The registry side of ECR: the pull half of the distribution API in front of a real docker-registry.

The host is containerd's `ns` parameter, else the Host header.
Which permission a request needs follows ECR's own API: manifests BatchGetImage, layers GetDownloadUrlForLayer, a look
whether a layer is there BatchCheckLayerAvailability.
"""

import base64
import binascii
import json
import logging
import re
import time
from collections.abc import Callable
from urllib.parse import parse_qs

from local.aws import registry_hosts
from local.aws.asgi import Receive, Scope, Send, answer, headers_of
from local.aws.backend import BackendError
from local.aws.behind import DIGEST, LAYERS, NAME, REFERENCE, VERSION_HEADER, Behind, Refused
from local.aws.policy import Policy, Repository
from local.aws.pull_through import PullThrough
from local.aws.registry_public import PublicRegistry
from local.aws.tokens import Claims, TokenRefusedError, read

_log = logging.getLogger("everpull.registry")

_MANIFEST = re.compile(rf"/v2/({NAME})/manifests/({REFERENCE})")
_BLOB = re.compile(rf"/v2/({NAME})/blobs/({DIGEST})")
_TAGS = re.compile(rf"/v2/({NAME})/tags/list")


class Registry:
    """An ASGI application. `key` signs tokens; `count` is told of each check of a right, and by whom."""

    def __init__(
        self,
        behind: Behind,
        policy: Policy,
        caches: PullThrough,
        key: bytes,
        count: Callable[[str, str], None],
    ) -> None:
        self._behind, self._policy, self._caches = behind, policy, caches
        self._key, self._count = key, count
        self._public = PublicRegistry(behind, policy, key)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; pulling sends no bodies, so nothing is received."""
        del receive
        if scope["type"] != "http":
            return
        head = scope["method"] == "HEAD"
        try:
            if layer := LAYERS.fullmatch(scope["path"]):
                await self._behind.layer(scope, send, layer)
            else:
                await self._registry(scope, send)
        except Refused as refused:
            error = {"errors": [{"code": refused.code, "message": refused.message}]}
            headers = {**VERSION_HEADER, "content-type": "application/json; charset=utf-8"}
            await answer(send, refused.status, headers, json.dumps(error).encode(), head=head)
        except BackendError as error:
            await answer(send, 503, {"content-type": "text/plain"}, f"{error}\n".encode(), head=head)

    async def _registry(self, scope: Scope, send: Send) -> None:
        method, path, headers = scope["method"], scope["path"], headers_of(scope)
        names = parse_qs(scope["query_string"].decode("latin-1")).get("ns", [])
        host = (names or [headers.get("host", "")])[0]
        if host == registry_hosts.PUBLIC:
            await self._public.serve(scope, send)
            return
        registry = registry_hosts.parse(host)
        if registry is None:
            raise Refused(404, "NAME_UNKNOWN", f"{host} is not the host of a registry")
        account, region = registry
        try:
            claims = self._claims(headers.get("authorization", ""), region)
        except TokenRefusedError as refused:
            _log.info("401 for %s %s: %s", host, path, refused.why)
            challenge = f'Basic realm="https://{host}/",service="ecr.amazonaws.com"'
            plain = {**VERSION_HEADER, "www-authenticate": challenge, "content-type": "text/plain; charset=utf-8"}
            await answer(send, 401, plain, f"{refused}\n".encode(), head=method == "HEAD")
            return
        if method not in ("GET", "HEAD"):
            raise Refused(405, "UNSUPPORTED", "this stand-in serves pulls only; images are seeded behind it")
        if path in ("/v2/", "/v2"):
            await answer(
                send, 200, {**VERSION_HEADER, "content-type": "application/json"}, b"{}", head=method == "HEAD"
            )
        elif manifest := _MANIFEST.fullmatch(path):
            repository = Repository(account, region, manifest[1])
            self._permitted(claims, "ecr:BatchGetImage", repository)
            await self._caches.bring(claims, repository, manifest[2])
            self._existing(repository)
            if not self._caches.has(repository, manifest[2]):
                raise Refused(404, "MANIFEST_UNKNOWN", "Requested image not found")
            await self._behind.pass_on(scope, send, _place(repository), f"manifests/{manifest[2]}")
        elif tags := _TAGS.fullmatch(path):
            repository = self._allowed(claims, "ecr:ListImages", Repository(account, region, tags[1]))
            await self._behind.pass_on(scope, send, _place(repository), "tags/list")
        elif (blob := _BLOB.fullmatch(path)) and method == "HEAD":
            repository = Repository(account, region, blob[1])
            self._allowed(claims, "ecr:BatchCheckLayerAvailability", repository)
            await self._behind.pass_on(scope, send, _place(repository), f"blobs/{blob[2]}")
        elif blob:
            repository = self._allowed(claims, "ecr:GetDownloadUrlForLayer", Repository(account, region, blob[1]))
            await self._behind.redirect(send, _place(repository), blob[2])
        else:
            raise Refused(404, "UNSUPPORTED", f"{method} {path} is not part of pulling")

    def _claims(self, authorization: str, region: str) -> Claims:
        """The claims of the request's token. Raises TokenRefusedError."""
        scheme, _, encoded = authorization.partition(" ")
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user, password = "", ""
        if scheme.lower() != "basic" or user != "AWS":
            raise TokenRefusedError("Not Authorized", "no user name and password" if authorization else "no login")
        claims = read(self._key, password, time.time())
        if claims.region != region:
            raise TokenRefusedError("Not Authorized", f"the token is for {claims.region}")
        if not self._policy.principal_exists(claims):
            raise TokenRefusedError("Not Authorized", f"{claims.principal_arn} ({claims.principal_id}) is gone")
        return claims

    def _allowed(self, claims: Claims, action: str, repository: Repository) -> Repository:
        """`repository`, when the holder may do `action` to it and it exists; permission is asked first, as AWS does."""
        self._permitted(claims, action, repository)
        return self._existing(repository)

    def _permitted(self, claims: Claims, action: str, repository: Repository) -> None:
        self._count(action, claims.principal_arn)
        if message := self._policy.refusal(claims, action, repository):
            raise Refused(403, "DENIED", message)

    def _existing(self, repository: Repository) -> Repository:
        if not self._policy.repository_exists(repository):
            raise Refused(
                404,
                "NAME_UNKNOWN",
                f"The repository with name '{repository.name}' does not exist in the registry with id "
                f"'{repository.account}'",
            )
        return repository


def _place(repository: Repository) -> str:
    return f"{repository.account}/{repository.region}/{repository.name}"
