"""Logins from Amazon ECR."""

import base64
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from .aws_calls import call
from .core import Login
from .errors import OddAnswerError
from .registries import Group


class EcrClient(Protocol):
    """What is used of boto3's ECR client."""

    def get_authorization_token(self) -> Mapping[str, object]: ...


class EcrLogins:
    """A LoginSource on ECR: one GetAuthorizationToken a login. `client` gives the ECR client of a region."""

    def __init__(self, client: Callable[[str], EcrClient]) -> None:
        self._client = client

    def login(self, group: Group) -> Login:
        # Without registryIds, which are deprecated: the token opens whatever its principal may reach (Amazon ECR API
        # Reference, GetAuthorizationToken).
        region = group.region
        answer = call("ecr:GetAuthorizationToken", region, lambda: self._client(region).get_authorization_token())
        username, password, expires_at = _read(answer, region)
        return Login(group.hosts, username, password, expires_at)


def _read(answer: Mapping[str, object], region: str) -> tuple[str, str, datetime]:
    """User name, password and expiry in an answer with one authorization, whose token is base64 of `user:password`."""
    match answer:
        case {"authorizationData": [{"authorizationToken": str(token), "expiresAt": datetime() as expires_at}]}:
            pass
        case {"authorizationData": [{"authorizationToken": str()}]}:
            raise OddAnswerError(f"ECR in {region} gave a token without an expiry")
        case {"authorizationData": [{}]}:
            raise OddAnswerError(f"ECR in {region} gave an authorization without a token")
        case _:
            raise OddAnswerError(f"ECR in {region} did not give exactly one authorization")
    if expires_at.tzinfo is None:
        raise OddAnswerError(f"ECR in {region} gave a token whose expiry names no time zone")
    pair = _decode(token)
    if pair is None:
        raise OddAnswerError(f"ECR in {region} gave a token that is not base64 of printable ASCII")
    # At the first colon: a password may hold one, a user name may not (RFC 7617).
    username, colon, password = pair.partition(":")
    if not colon:
        raise OddAnswerError(f"ECR in {region} gave a token that is not user:password")
    if not username or not password:
        raise OddAnswerError(f"ECR in {region} gave a token with an empty {'password' if username else 'user name'}")
    return username, password, expires_at


def _decode(token: str) -> str | None:
    # A failed decoding carries the text it failed on, so the exception must not get out, not even as a cause.
    try:
        text = base64.b64decode(token, validate=True).decode("ascii")
    except ValueError:
        return None
    return text if text.isprintable() else None
