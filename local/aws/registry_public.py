"""The registry side of ECR Public: anyone may pull, and who shows a login must show a good one.

Other than a private registry it takes bearer tokens: those of its token endpoint, which wants no login but takes one, and
the login itself, as GetAuthorizationToken gives it. As seen on the real one (kreuzwerker/terraform-provider-docker#666,
dependabot/proxy#157, aws/containers-roadmap#2835): no authorization is a 401 with a challenge, a bad one, Basic included,
a 400 without.
"""

import base64
import binascii
import dataclasses
import json
import re
import time

from local.aws import tokens
from local.aws.asgi import Scope, Send, answer, headers_of
from local.aws.behind import DIGEST, NAME, REFERENCE, VERSION_HEADER, Behind, Refused
from local.aws.policy import Policy
from local.aws.registry_hosts import PUBLIC

# Of the token endpoint's tokens; the real one says no number.
_BEARER_SECONDS = 3600
_BEARER_REALM = f"{PUBLIC} bearer"
_PATH = re.compile(rf"/v2/({NAME})/(manifests/(?:{REFERENCE})|blobs/({DIGEST})|tags/list)")
_NOBODY = tokens.Claims("anonymous", "Anonymous", "", "", _BEARER_REALM, 0, 0)


class PublicRegistry:
    """`key` signs tokens."""

    def __init__(self, behind: Behind, policy: Policy, key: bytes) -> None:
        self._behind, self._policy, self._key = behind, policy, key

    async def serve(self, scope: Scope, send: Send) -> None:
        """Serve one request to it. Raises Refused, BackendError."""
        method, path, authorization = scope["method"], scope["path"], headers_of(scope).get("authorization", "")
        head = method == "HEAD"
        if path in ("/token/", "/token"):
            if method not in ("GET", "HEAD"):
                # containerd posts first, and asks by GET after a 401, 404 or 405; which one the real one gives isn't known.
                raise Refused(405, "UNSUPPORTED", "tokens are asked for by GET")
            token = {"token": self._bearer(authorization)}
            await answer(send, 200, {"content-type": "application/json"}, json.dumps(token).encode(), head=head)
            return
        if not authorization:
            challenge = f'Bearer realm="https://{PUBLIC}/token/",service="{PUBLIC}",scope="aws"'
            body = json.dumps({"errors": [{"code": "DENIED", "message": "Not Authorized"}]}).encode()
            headers = {**VERSION_HEADER, "www-authenticate": challenge, "content-type": "application/json"}
            await answer(send, 401, headers, body, head=head)
            return
        self._admit(authorization)
        if method not in ("GET", "HEAD"):
            raise Refused(405, "UNSUPPORTED", "this stand-in serves pulls only; images are seeded behind it")
        if path in ("/v2/", "/v2"):
            await answer(send, 200, {**VERSION_HEADER, "content-type": "application/json"}, b"{}", head=head)
        elif (found := _PATH.fullmatch(path)) is None:
            raise Refused(404, "UNSUPPORTED", f"{method} {path} is not part of pulling")
        elif found[3] and not head:
            await self._behind.redirect(send, f"public/{found[1]}", found[3])
        else:
            await self._behind.pass_on(scope, send, f"public/{found[1]}", found[2])

    def _bearer(self, authorization: str) -> str:
        """A token of the token endpoint for who shows a login, or for anyone. Raises Refused."""
        now = time.time()
        claims = _NOBODY
        if authorization:
            scheme, _, login = authorization.partition(" ")
            if scheme.lower() != "basic":
                raise _invalid()
            claims = self._login(login)
        bearer = dataclasses.replace(claims, region=_BEARER_REALM, issued=now, expires=now + _BEARER_SECONDS)
        return tokens.issue(self._key, bearer)

    def _admit(self, authorization: str) -> None:
        """Raises Refused unless it holds a good token."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise _invalid()
        try:
            bearer = tokens.read(self._key, token, time.time())
        except tokens.TokenRefusedError:
            bearer = None
        if bearer is None or bearer.region != _BEARER_REALM:
            try:
                self._login(token)
            except Refused as refused:
                raise Refused(400, "DENIED", refused.message) from None

    def _login(self, login: str) -> tokens.Claims:
        """Whose a login (base64 of `AWS:PASSWORD`) is. Raises Refused."""
        try:
            user, _, password = base64.b64decode(login, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise _invalid() from None
        try:
            claims = tokens.read(self._key, password, time.time())
        except tokens.TokenRefusedError as refused:
            if "expired" in str(refused):
                raise Refused(403, "DENIED", str(refused)) from None
            raise _invalid() from None
        if user != "AWS" or claims.region != PUBLIC or not self._policy.principal_exists(claims):
            raise _invalid()
        return claims


def _invalid() -> Refused:
    return Refused(400, "DENIED", "Your Authorization Token is invalid.")
