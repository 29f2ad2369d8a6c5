"""Permissions boundaries: what keeps a policy from being one."""

import pytest

from components import boundaries
from components.aws_reads import Denied, Finding, Missing, Unanswered
from components.boundaries import IamPolicies, check_boundary
from tests.components.aws_answers import REFUSALS, Client, answering, warnings

ACCOUNT = "123456789012"
ARN = f"arn:aws:iam::{ACCOUNT}:policy/a"
OF_AWS = "arn:aws:iam::aws:policy/PowerUserAccess"


class Policies:
    def __init__(self, *there: str, fails: Exception | None = None) -> None:
        self._there, self._fails = there, fails

    def look_at(self, arn: str) -> None:
        if self._fails:
            raise self._fails
        if arn not in self._there:
            raise Missing("NoSuchEntity")


def finding(arn: str, problem: str) -> Finding:
    allowed = "a managed policy of the deploying account, or one of AWS"
    return Finding("boundary", arn, problem, allowed, "aws iam list-policies --scope Local --query 'Policies[].Arn'")


@pytest.mark.parametrize("arn", [ARN, OF_AWS])
def test_a_policy_of_the_account_and_one_of_aws_may_bound(arn: str) -> None:
    assert check_boundary(arn, ACCOUNT, Policies(ARN, OF_AWS)) is None


def test_a_policy_of_another_account_may_not_whether_or_not_it_is_there() -> None:
    arn = "arn:aws:iam::222222222222:policy/a"
    problem = f"is a policy of account 222222222222, and can bound nobody of account {ACCOUNT}"
    assert check_boundary(arn, ACCOUNT, Policies(arn)) == finding(arn, problem)


def test_a_policy_that_is_not_there_is_a_finding() -> None:
    assert check_boundary(ARN, ACCOUNT, Policies(OF_AWS)) == finding(ARN, "does not exist")


@pytest.mark.parametrize("reason", [Denied("iam:GetPolicy"), Unanswered("a session: ProfileNotFound")])
def test_a_policy_that_can_not_be_looked_at_is_a_warning(monkeypatch: pytest.MonkeyPatch, reason: Exception) -> None:
    said = warnings(monkeypatch)
    assert check_boundary(ARN, ACCOUNT, Policies(fails=reason)) is None
    assert said == [f"whether the policy {ARN} exists was not checked: {reason} was not possible"]


def test_policies_are_read_as_who_deploys(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client("get_policy", {"PolicyArn": ARN}, {"Policy": {}})
    IamPolicies(answering(monkeypatch, boundaries, "iam", client)).look_at(ARN)


@pytest.mark.parametrize(("code", "raised", "text"), REFUSALS)
def test_a_refused_look_is_told_by_its_kind(
    monkeypatch: pytest.MonkeyPatch, code: str, raised: type[Exception], text: str
) -> None:
    client = Client("get_policy", {"PolicyArn": ARN}, {}, code)
    with pytest.raises(raised, match=f"^{text.format('iam:GetPolicy')}$"):
        IamPolicies(answering(monkeypatch, boundaries, "iam", client)).look_at(ARN)
