"""Sessions of roles, which are assumed for the logins of other accounts' registries."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from .aws_calls import call
from .errors import OddAnswerError, RefreshError
from .registries import Group

# Names the sessions in the other account's records, and in what ECR says to whoever pulls with their logins.
SESSION_NAME = "everpull"


class StsClient(Protocol):
    """What is used of boto3's STS client."""

    def assume_role(self, *, RoleArn: str, RoleSessionName: str) -> Mapping[str, object]: ...  # noqa: N803 - boto3's names


@dataclass(frozen=True)
class Credentials:
    """Of a role's session: for an hour, unless the role's own limit is less (AWS STS API Reference, AssumeRole)."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)


class AssumedRoles:
    """Assumes each role once. For one run: the sessions of the last one may have ended.

    `client` gives the STS client of a region. `region` is whose STS is asked: the refresher's own, since its account may
    have switched off those where the registries are; None for the registries' after all.
    """

    def __init__(self, client: Callable[[str], StsClient], region: str | None) -> None:
        self._client = client
        self._region = region
        self._sessions: dict[str, Credentials] = {}
        self._refusals: dict[str, tuple[Group, RefreshError]] = {}

    def credentials(self, group: Group, role: str) -> Credentials:
        """Those of the role's session. Raises RefreshError.

        What was refused for one group is refused for the others too; the same one may ask again.
        """
        if role not in self._sessions:
            asked, refusal = self._refusals.get(role, (group, None))
            if refusal is not None and asked != group:
                raise refusal
            try:
                self._sessions[role] = self._assume(role, self._region or group.region)
            except RefreshError as failure:
                self._refusals[role] = group, failure
                raise
        return self._sessions[role]

    def _assume(self, role: str, region: str) -> Credentials:
        answer = call(
            "sts:AssumeRole",
            region,
            lambda: self._client(region).assume_role(RoleArn=role, RoleSessionName=SESSION_NAME),
        )
        match answer:
            case {"Credentials": {"AccessKeyId": str(key_id), "SecretAccessKey": str(key), "SessionToken": str(token)}}:
                return Credentials(key_id, key, token)
            case _:
                raise OddAnswerError(f"STS in {region} gave no credentials of {role}")
