"""Permissions boundaries, looked at before users and roles get one."""

from collections.abc import Mapping
from typing import Protocol, cast

import pulumi

from .aws_reads import Access, Denied, Finding, Missing, Unanswered, client, read
from .policy import account_of

# Whose the policies are that AWS itself keeps (IAM User Guide, Managed policies and inline policies).
_AWS = "aws"


class Policies(Protocol):
    """The little of IAM that the check needs."""

    def look_at(self, arn: str) -> None:
        """Does nothing if there is such a managed policy. Raises Missing, Denied, Unanswered."""
        ...


def check_boundary(arn: str, account: str, policies: Policies) -> Finding | None:
    """What keeps the policy from bounding users and roles of the account. One that can't be looked at is a warning."""
    owner = account_of(arn)
    if owner not in (account, _AWS):
        return _finding(arn, f"is a policy of account {owner}, and can bound nobody of account {account}")
    try:
        policies.look_at(arn)
    except Missing:
        return _finding(arn, "does not exist")
    except (Denied, Unanswered) as reason:
        pulumi.log.warn(f"whether the policy {arn} exists was not checked: {reason} was not possible")
    return None


def _finding(arn: str, problem: str) -> Finding:
    allowed = "a managed policy of the deploying account, or one of AWS"
    return Finding("boundary", arn, problem, allowed, "aws iam list-policies --scope Local --query 'Policies[].Arn'")


class _Iam(Protocol):
    """What is used of boto3's IAM client."""

    def get_policy(self, *, PolicyArn: str) -> Mapping[str, object]: ...  # noqa: N803 - boto3's name


class IamPolicies:
    """Policies in IAM, by boto3; `access` must mean the account of the provider that will act."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def look_at(self, arn: str) -> None:
        """Does nothing if there is such a managed policy. Raises Missing, Denied, Unanswered."""
        iam = cast(_Iam, client(self._access, "iam"))
        read("iam:GetPolicy", lambda: iam.get_policy(PolicyArn=arn))
