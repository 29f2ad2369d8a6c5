"""Secrets Manager rotates the login, on the real platform: pods pull with what it rotated, and each right is needed."""

from collections.abc import Iterator

import pytest
from lightkube import Client

from local.driver import aws
from local.driver.workloads import wait_until
from local.state import PlatformState
from tests.live.deployment import Deployment, deploy
from tests.live.granted import Granted

NAMESPACE = "rotation-a"


@pytest.fixture(scope="module")
def rotated(platform: PlatformState, kube: Client) -> Iterator[Deployment]:
    with deploy(platform, kube, "rotation", [NAMESPACE], trigger="rotation") as deployment:
        yield deployment


def versions(rotated: Deployment) -> dict[str, list[str]]:
    """The labels of each version of the secret."""
    secrets = aws.client(rotated.state, "secretsmanager")
    return secrets.describe_secret(SecretId=rotated.outputs["loginSecretArn"])["VersionIdsToStages"]


def current(rotated: Deployment) -> str:
    return next(version for version, labels in versions(rotated).items() if "AWSCURRENT" in labels)


def is_pending(rotated: Deployment) -> bool:
    return any(labels == ["AWSPENDING"] for labels in versions(rotated).values())


def rotate(rotated: Deployment) -> None:
    secrets = aws.client(rotated.state, "secretsmanager")
    secrets.rotate_secret(SecretId=rotated.outputs["loginSecretArn"])


def test_a_rotation_brings_the_pods_a_new_login(rotated: Deployment) -> None:
    assert rotated.pull().pulled
    before, login = current(rotated), rotated.docker_config(NAMESPACE)
    rotate(rotated)
    wait_until(lambda: current(rotated) != before and not is_pending(rotated), "it is rotated")
    rotated.sync()
    assert rotated.docker_config(NAMESPACE) != login
    assert rotated.pull().pulled


def test_up_again_changes_nothing(rotated: Deployment) -> None:
    assert rotated.stack.preview("--refresh").changes == {}


@pytest.mark.parametrize("sid", ["Rotate", "FetchLogin", "KeepLogin"])
def test_a_rotation_that_may_not_all_leaves_the_current_login_and_the_next_one_is_whole(
    rotated: Deployment, sid: str
) -> None:
    granted = Granted(rotated.state, rotated.outputs["refresherArn"])
    assert granted.sids == {"WriteLog", "FetchLogin", "PullWithIt", "KeepLogin", "Rotate", "BuryFailures"}
    before = current(rotated)
    with granted.without(sid):
        rotate(rotated)
        wait_until(lambda: is_pending(rotated), "a version is pending")
        wait_until(lambda: failures(rotated, sid), "its step has failed")
    assert current(rotated) == before
    assert rotated.pull().pulled
    secrets = aws.client(rotated.state, "secretsmanager")
    for version, labels in versions(rotated).items():
        if labels == ["AWSPENDING"]:
            secrets.update_secret_version_stage(
                SecretId=rotated.outputs["loginSecretArn"], VersionStage="AWSPENDING", RemoveFromVersionId=version
            )
    rotate(rotated)
    wait_until(lambda: current(rotated) != before and not is_pending(rotated), "the next one is whole")


LACKING = {
    "Rotate": "secretsmanager:DescribeSecret",
    "FetchLogin": "ecr:GetAuthorizationToken",
    "KeepLogin": "secretsmanager:GetSecretValue",
}


def failures(rotated: Deployment, sid: str) -> list[str]:
    """Lines of the function's log that tell of a rotation's step that lacked the statement's right."""
    events = aws.client(rotated.state, "logs").filter_log_events(logGroupName=rotated.outputs["logGroup"])["events"]
    lines = [event["message"] for event in events]
    return [line for line in lines if '"rotation"' in line and '"failed"' in line and LACKING[sid] in line]
