"""The ECR API's repositories: made, found, guarded and refused with AWS's own codes."""

import json

import pytest

from tests.local_aws.images import seed
from tests.local_aws.platform import ACCOUNT, REGION, Stand, allow, refused


def test_a_repository_is_made_found_and_deleted(stand: Stand, name: str) -> None:
    ecr = stand.client("ecr")
    made = ecr.create_repository(repositoryName=name)["repository"]
    assert made["repositoryUri"] == f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{name}"
    [found] = ecr.describe_repositories(repositoryNames=[name])["repositories"]
    assert found["repositoryArn"] == made["repositoryArn"] == f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}"
    with refused("RepositoryAlreadyExistsException", f"already exists in the registry with id '{ACCOUNT}'"):
        ecr.create_repository(repositoryName=name)
    ecr.delete_repository(repositoryName=name)
    with refused("RepositoryNotFoundException", f"'{name}' does not exist in the registry with id '{ACCOUNT}'"):
        ecr.describe_repositories(repositoryNames=[name])


@pytest.mark.parametrize("bad", ["Upper", "with space", "-dash", "a//b"])
def test_a_name_that_ecr_does_not_take_is_refused(stand: Stand, bad: str) -> None:
    with refused("InvalidParameterException", "repositoryName"):
        stand.client("ecr").create_repository(repositoryName=bad)


def test_a_repository_with_images_is_deleted_by_force_only(stand: Stand, backend: str, name: str) -> None:
    ecr = stand.client("ecr")
    ecr.create_repository(repositoryName=name)
    seed(backend, name, b"layer")
    with refused("RepositoryNotEmptyException", "still contains images"):
        ecr.delete_repository(repositoryName=name)
    ecr.delete_repository(repositoryName=name, force=True)


def test_a_repository_policy_is_set_read_and_deleted(stand: Stand, name: str) -> None:
    ecr = stand.client("ecr")
    ecr.create_repository(repositoryName=name)
    with refused("RepositoryPolicyNotFoundException"):
        ecr.get_repository_policy(repositoryName=name)
    statement = {"Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    ecr.set_repository_policy(repositoryName=name, policyText=text)
    assert json.loads(ecr.get_repository_policy(repositoryName=name)["policyText"]) == json.loads(text)
    ecr.delete_repository_policy(repositoryName=name)
    with refused("RepositoryPolicyNotFoundException"):
        ecr.delete_repository_policy(repositoryName=name)


@pytest.mark.parametrize("bad", ["nonsense", "{}", json.dumps(allow("ecr:*"))])
def test_a_text_that_is_no_repository_policy_is_refused(stand: Stand, name: str, bad: str) -> None:
    ecr = stand.client("ecr")
    ecr.create_repository(repositoryName=name)
    with refused("InvalidParameterException", "Invalid repository policy provided"):
        ecr.set_repository_policy(repositoryName=name, policyText=bad)


def test_a_right_on_one_repository_is_no_right_on_another(stand: Stand, name: str) -> None:
    arn = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}"
    ecr = stand.client("ecr", stand.user(name, allow("ecr:CreateRepository", resource=arn)))
    ecr.create_repository(repositoryName=name)
    with refused("AccessDeniedException", "ecr:CreateRepository"):
        ecr.create_repository(repositoryName=f"{name}-other")
