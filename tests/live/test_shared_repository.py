"""A repository of another account, opened by the program itself with a role of that account."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.driver import aws
from local.driver.stack import PulumiError, Stack
from local.state import PlatformState

OWNER, NAME = "222222222222", "live-shared"
RIGHTS = Path(__file__).parents[2] / "docs" / "iam" / "owner.json"


@pytest.fixture
def ecr(platform: PlatformState) -> Iterator[Any]:
    """The other account's ECR, with a repository, and a role that may write its policy as docs/iam says."""
    iam, ecr = (aws.client(platform, service, account=OWNER) for service in ("iam", "ecr"))
    who = {"AWS": f"arn:aws:iam::{platform.account}:root"}
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": who, "Action": "sts:AssumeRole"}]}
    text = RIGHTS.read_text(encoding="utf-8").replace("REGION", platform.region).replace("OWNER", OWNER)
    iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName=NAME, PolicyName=NAME, PolicyDocument=text.replace("REPOSITORY", NAME))
    ecr.create_repository(repositoryName=NAME)
    yield ecr
    ecr.delete_repository(repositoryName=NAME, force=True)
    iam.delete_role_policy(RoleName=NAME, PolicyName=NAME)
    iam.delete_role(RoleName=NAME)


def statements(ecr: Any) -> list[dict[str, Any]]:
    try:
        return json.loads(ecr.get_repository_policy(repositoryName=NAME)["policyText"])["Statement"]
    except ecr.exceptions.RepositoryPolicyNotFoundException:
        return []


def test_a_repository_of_another_account_is_opened_unless_somebody_else_has_a_policy_there(
    platform: PlatformState, ecr: Any
) -> None:
    config: dict[str, object] = {
        "aws:region": platform.region,
        "everpull:mode": "node-role",
        "everpull:nodeRoles": [NAME],
        "everpull:sharedRepositories": [f"{OWNER}.dkr.ecr.{platform.region}.amazonaws.com/{NAME}"],
        "everpull:ownerRoles": [f"arn:aws:iam::{OWNER}:role/{NAME}"],
    }
    pull = {"Sid": "Theirs", "Effect": "Allow", "Principal": "*", "Action": ["ecr:BatchGetImage"]}
    iam = aws.client(platform, "iam")
    nodes = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [nodes]})
    iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=trust)
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
        iam.delete_role(RoleName=NAME)
    assert statements(ecr) == []
