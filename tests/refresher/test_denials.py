"""Whose policy lacks what, by AWS's own words, and what is said of words that are not AWS's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refresher.denials import Denial, parse_denial

USER = "arn:aws:iam::123456789012:user/teams/x"
OURS = "arn:aws:ecr:eu-central-1:123456789012:repository/app"
REPOSITORY = "arn:aws:ecr:eu-central-1:210987654321:repository/app"
ROLE = "arn:aws:iam::210987654321:role/pull"


def said(action: str, resource: str | None, why: str = "") -> str:
    on = f" on resource: {resource}" if resource else ""
    return f"User: {USER} is not authorized to perform: {action}{on}{f' {why}' if why else ''}"


@pytest.mark.parametrize(
    ("action", "resource", "why", "fix"),
    [
        ("ecr:GetAuthorizationToken", "*", "", "allow ecr:GetAuthorizationToken in that principal's policy"),
        ("ecr:BatchGetImage", OURS, "", "allow ecr:BatchGetImage in that principal's policy"),
        (
            "ecr:BatchGetImage",
            REPOSITORY,
            "",
            f"allow ecr:BatchGetImage in that principal's policy and, to that principal, in the policy of {REPOSITORY}",
        ),
        (
            "ecr:BatchGetImage",
            REPOSITORY,
            "because no identity-based policy allows the ecr:BatchGetImage action",
            "allow ecr:BatchGetImage in that principal's policy",
        ),
        (
            "ecr:BatchGetImage",
            REPOSITORY,
            "because no resource-based policy allows the ecr:BatchGetImage action",
            f"allow that principal ecr:BatchGetImage in the policy of {REPOSITORY}",
        ),
        (
            "ecr:BatchGetImage",
            None,
            "because no resource-based policy allows the ecr:BatchGetImage action",
            "allow that principal ecr:BatchGetImage in the policy of the resource",
        ),
        (
            "ecr:BatchGetImage",
            REPOSITORY,
            "because no permissions boundary allows the ecr:BatchGetImage action",
            "allow ecr:BatchGetImage in the permissions boundary too",
        ),
        (
            "ecr:GetAuthorizationToken",
            "*",
            "because no VPC endpoint policy allows the ecr:GetAuthorizationToken action",
            "allow ecr:GetAuthorizationToken in the VPC endpoint policy too",
        ),
        (
            "ecr:BatchGetImage",
            REPOSITORY,
            "with an explicit deny in a resource-based policy",
            "the deny must go (with an explicit deny in a resource-based policy)",
        ),
        (
            "sts:AssumeRole",
            ROLE,
            "with an explicit deny in the role trust policy",
            "the deny must go (with an explicit deny in the role trust policy)",
        ),
        (
            "sts:AssumeRole",
            ROLE,
            "",
            "allow sts:AssumeRole in that principal's policy and name that principal in the role's trust policy; a role that"
            " does not exist is refused alike",
        ),
        (
            "sts:AssumeRole",
            ROLE,
            "because no identity-based policy allows the sts:AssumeRole action",
            "allow sts:AssumeRole in that principal's policy",
        ),
        (
            "sts:AssumeRole",
            None,
            "because no role trust policy allows the sts:AssumeRole action",
            "name that principal in the role's trust policy",
        ),
    ],
)
def test_the_fix_is_for_the_policy_that_is_at_fault(action: str, resource: str | None, why: str, fix: str) -> None:
    denial = parse_denial(said(action, resource, why))
    assert denial is not None
    assert (denial.principal, denial.action, denial.resource) == (USER, action, resource)
    assert denial.fix == fix


def test_what_comes_before_and_after_is_not_heard() -> None:
    text = "denied: " + said("ecr:BatchGetImage", REPOSITORY) + "; and more. because no identity-based policy allows it"
    assert parse_denial(text) == Denial(USER, "ecr:BatchGetImage", REPOSITORY, None, None)


@given(text=st.text() | st.text().map(lambda text: f"User: {text} is not authorized to perform: {text}"))
def test_any_other_text_is_no_denial(text: str) -> None:
    assert parse_denial(text) is None
