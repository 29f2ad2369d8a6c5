"""A repository of another account, opened by the program itself with a role of that account."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.driver.stack import PulumiError, Stack
from local.state import PlatformState
from tests.live.surroundings import OWNER, owner, role

NAME = "live-shared"


@pytest.fixture
def ecr(platform: PlatformState) -> Iterator[Any]:
    """The other account's ECR, with a repository."""
    with owner(platform, NAME, NAME) as found:
        yield found


@pytest.fixture
def nodes(platform: PlatformState) -> Iterator[None]:
    """A role that nodes have."""
    with role(platform, NAME, {"Service": "ec2.amazonaws.com"}):
        yield


def statements(ecr: Any) -> list[dict[str, Any]]:
    try:
        return json.loads(ecr.get_repository_policy(repositoryName=NAME)["policyText"])["Statement"]
    except ecr.exceptions.RepositoryPolicyNotFoundException:
        return []


def test_a_repository_of_another_account_is_opened_unless_somebody_else_has_a_policy_there(
    platform: PlatformState, ecr: Any, nodes: None
) -> None:
    config: dict[str, object] = {
        "aws:region": platform.region,
        "everpull:mode": "node-role",
        "everpull:nodeRoles": [NAME],
        "everpull:sharedRepositories": [f"{OWNER}.dkr.ecr.{platform.region}.amazonaws.com/{NAME}"],
        "everpull:ownerRoles": [f"arn:aws:iam::{OWNER}:role/{NAME}"],
    }
    pull = {"Sid": "Theirs", "Effect": "Allow", "Principal": "*", "Action": ["ecr:BatchGetImage"]}
    stack = Stack(platform, NAME, config)
    stack.init()
    try:
        ecr.set_repository_policy(
            repositoryName=NAME, policyText=json.dumps({"Version": "2012-10-17", "Statement": [pull]})
        )
        with pytest.raises(PulumiError, match=r"has a policy with statements that everpull did not make \(Theirs\)"):
            stack.preview()
        ecr.delete_repository_policy(repositoryName=NAME)
        stack.up()
        (statement,) = statements(ecr)
        assert statement["Principal"] == {"AWS": [f"arn:aws:iam::{platform.account}:root"]}
        outputs = stack.outputs()
        assert outputs["sharedRepositories"] == [f"arn:aws:ecr:{platform.region}:{OWNER}:repository/{NAME}"]
        assert outputs["sharedRepositories"][0] in outputs["pullerPolicies"][OWNER]
        assert stack.up().changes == {}
    finally:
        stack.destroy()
        stack.remove()
    assert statements(ecr) == []
