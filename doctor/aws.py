"""AWS as the doctor asks it: any reading call by its boto3 name."""

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol, Self, cast

from components.aws_reads import Access, Unanswered, client, read

Answer = Mapping[str, Any]


class Aws(Protocol):
    """The little of AWS that the links need."""

    def ask(self, service: str, operation: str, /, **parameters: object) -> Answer:
        """What a call answers, by boto3's names. Raises Missing, Denied, Unanswered."""
        ...

    def in_region(self, region: str) -> Self:
        """The same of another region."""
        ...

    def clock(self) -> datetime:
        """What time it is at AWS. Raises Denied, Unanswered."""
        ...


class BotoAws:
    """Aws by boto3."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._clients: dict[str, object] = {}

    def ask(self, service: str, operation: str, /, **parameters: object) -> Answer:
        if service not in self._clients:
            self._clients[service] = client(self._access, service)
        call = getattr(self._clients[service], operation)
        return cast(Answer, read(action_of(service, operation), lambda: call(**parameters)))

    def in_region(self, region: str) -> Self:
        return type(self)(Access(region, self._access.profile))

    def clock(self) -> datetime:
        answer = self.ask("sts", "get_caller_identity")
        headers = cast(Mapping[str, str], answer["ResponseMetadata"]["HTTPHeaders"])
        try:
            return parsedate_to_datetime(headers["date"])
        except (KeyError, ValueError):
            raise Unanswered("sts:GetCallerIdentity: no date in the answer") from None


def action_of(service: str, operation: str) -> str:
    """The IAM action of a call, for instance iam:GetRole of get_role."""
    return f"{service}:{''.join(word.capitalize() for word in operation.split('_'))}"


def partition_of(arn: str) -> str:
    """The partition in an ARN."""
    return arn.split(":")[1]


def name_of(arn: str) -> str:
    """The name of a user or role in its ARN, without its path."""
    return arn.rpartition("/")[2]
