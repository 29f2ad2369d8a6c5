"""The access keys of an IAM user, looked at before it gets another one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, cast

import pulumi

from .aws_reads import Access, Denied, Finding, Missing, Unanswered, client, read

# Inactive ones count (IAM User Guide, IAM and AWS STS quotas).
KEYS_PER_USER = 2
_NOW = "made today"


@dataclass(frozen=True)
class FoundKey:
    """An access key by its id, which is no secret. `status` is Active or Inactive."""

    id: str
    status: str
    created: datetime


class AccessKeys(Protocol):
    """The little of IAM that the check needs."""

    def of_user(self, user: str) -> Sequence[FoundKey]:
        """The user's keys. Raises Missing, Denied, Unanswered."""
        ...


def age(created: datetime, now: datetime) -> str:
    """How old a key is, in words."""
    days = (now - created).days
    return f"{days} day{'s' if days > 1 else ''} old" if days > 0 else _NOW


def check_room(user: str, generation: int, keys: AccessKeys) -> Finding | None:
    """What keeps the user from getting the key of that generation, which it has not yet.

    That is a rotation that was cut off, of which both keys are still there, or a key that somebody made by hand: IAM would
    refuse the new key, and whichever is deleted in a hurry may be the one in use. Keys that can't be looked at are a warning.
    """
    try:
        found = sorted(keys.of_user(user), key=lambda key: key.created)
    except Missing:
        # Not there yet, for one who looks.
        return None
    except (Denied, Unanswered) as reason:
        pulumi.log.warn(f"whether user {user} may have another access key was not checked: {reason} was not possible")
        return None
    if len(found) < KEYS_PER_USER:
        return None
    now = datetime.now(UTC)
    listed = " and ".join(f"{key.id} ({key.status}, {age(key.created, now)})" for key in found)
    return Finding(
        "generation",
        str(generation),
        f"asks for another access key of user {user}, which has {listed}, and IAM allows no more",
        "the number of the last pulumi up, which deletes the older key if that up was cut off; or this one, once a key that is "
        "not the stack's is gone",
        f"aws iam delete-access-key --user-name {user} --access-key-id {found[-1].id}   "
        "(if `pulumi stack --show-ids` does not list it)",
    )


class _Iam(Protocol):
    """What is used of boto3's IAM client."""

    def list_access_keys(self, *, UserName: str) -> Mapping[str, object]: ...  # noqa: N803 - boto3's names


class IamAccessKeys:
    """AccessKeys on IAM, by boto3; `access` must mean the account of the provider that will act."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def of_user(self, user: str) -> Sequence[FoundKey]:
        """The user's keys, of which there are too few for a second page. Raises Missing, Denied, Unanswered."""
        iam = cast(_Iam, client(self._access, "iam"))
        answer = read("iam:ListAccessKeys", lambda: iam.list_access_keys(UserName=user))
        listed = cast(Sequence[Mapping[str, object]], answer["AccessKeyMetadata"])
        return [
            FoundKey(str(item["AccessKeyId"]), str(item["Status"]), cast(datetime, item["CreateDate"]))
            for item in listed
        ]
