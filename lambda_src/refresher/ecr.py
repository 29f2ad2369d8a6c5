"""Logins from Amazon ECR and ECR Public."""

import base64
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from .assumed_roles import AssumedRoles, Credentials
from .aws_calls import call
from .core import Login
from .errors import OddAnswerError
from .registries import Group


class EcrClient(Protocol):
    """What is used of boto3's clients of ECR and ECR Public."""

    def get_authorization_token(self) -> Mapping[str, object]: ...


class EcrLogins:
    """A LoginSource for one run: one GetAuthorizationToken a login.

    `client` gives the client of a service (ecr or ecr-public) in a region, of the given credentials or the caller's own.
    """

    def __init__(self, client: Callable[[str, str, Credentials | None], EcrClient], roles: AssumedRoles) -> None:
        self._client = client
        self._roles = roles

    def login(self, group: Group) -> Login:
        credentials = self._roles.credentials(group, group.role) if group.role else None
        service = "ecr-public" if group.is_public else "ecr"

        # Without registryIds, which are deprecated: the token opens whatever its principal may reach (Amazon ECR API
        # Reference, GetAuthorizationToken).
        def ask() -> Mapping[str, object]:
            return self._client(service, group.region, credentials).get_authorization_token()

        username, password, expires_at = _read(call(f"{service}:GetAuthorizationToken", group.region, ask), group)
        return Login(group.hosts, username, password, expires_at)


def _read(answer: Mapping[str, object], group: Group) -> tuple[str, str, datetime]:
    """User name, password and expiry in an answer with one authorization, whose token is base64 of `user:password`.

    ECR gives a list of authorizations, ECR Public one of them (API Reference of either, GetAuthorizationToken).
    """
    data = answer.get("authorizationData")
    match [data] if group.is_public else data:
        case [{"authorizationToken": str(token), "expiresAt": datetime() as expires_at}]:
            pass
        case [{"authorizationToken": str()}]:
            raise OddAnswerError(f"{group} gave a token without an expiry")
        case [{}]:
            raise OddAnswerError(f"{group} gave an authorization without a token")
        case _:
            raise OddAnswerError(f"{group} did not give exactly one authorization")
    if expires_at.tzinfo is None:
        raise OddAnswerError(f"{group} gave a token whose expiry names no time zone")
    pair = _decode(token)
    if pair is None:
        raise OddAnswerError(f"{group} gave a token that is not base64 of printable ASCII")
    # At the first colon: a password may hold one, a user name may not (RFC 7617).
    username, colon, password = pair.partition(":")
    if not colon:
        raise OddAnswerError(f"{group} gave a token that is not user:password")
    if not username or not password:
        raise OddAnswerError(f"{group} gave a token with an empty {'password' if username else 'user name'}")
    return username, password, expires_at


def _decode(token: str) -> str | None:
    # A failed decoding carries the text it failed on, so the exception must not get out, not even as a cause.
    try:
        text = base64.b64decode(token, validate=True).decode("ascii")
    except ValueError:
        return None
    return text if text.isprintable() else None
