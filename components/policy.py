"""IAM policy documents, and the ARNs and actions that several components name."""

import json
from collections.abc import Mapping, Sequence

POLICY_VERSION = "2012-10-17"

# What a pull needs besides a token (Amazon ECR User Guide, Repository policy examples). ECR judges the pull by the rights of
# whoever fetched the token, so these belong to the refresher, not to the cluster.
PULL_ACTIONS = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


def statement(sid: str, actions: Sequence[str], resources: Sequence[str]) -> dict[str, object]:
    """One statement that allows the actions on the resources."""
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


def document(*statements: Mapping[str, object]) -> str:
    """A policy document as the JSON text that IAM takes."""
    return json.dumps({"Version": POLICY_VERSION, "Statement": list(statements)})


def service_trust(service: str) -> str:
    """The trust policy of a role that one AWS service may assume."""
    return document({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"})


def repository_arn(partition: str, region: str, account: str, repository: str) -> str:
    """ARN of an ECR repository; a `*` in its name is a pattern."""
    return f"arn:{partition}:ecr:{region}:{account}:repository/{repository}"
