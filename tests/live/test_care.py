"""What everything of a stack has in common, with a cluster and pods that pull: tags, labels, protection, a key, a recovery."""

from collections.abc import Iterator

import pytest
from lightkube import Client
from lightkube.resources.core_v1 import Namespace, Secret

from local.demo.chain import EXTERNAL_SECRET
from local.driver import aws
from local.driver.stack import PulumiError
from local.driver.workloads import ensure_namespace
from local.state import PlatformState
from tests.live.deployment import Deployment, deploy

STACK = "care"
MANAGED = {"app.kubernetes.io/managed-by": "pulumi", "app.kubernetes.io/part-of": "everpull"}


@pytest.fixture(scope="module")
def key(platform: PlatformState) -> str:
    return aws.client(platform, "kms").create_key()["KeyMetadata"]["Arn"]


@pytest.fixture(scope="module")
def cared(platform: PlatformState, kube: Client, key: str) -> Iterator[Deployment]:
    more: dict[str, object] = {"tags": ["team=a"], "recoveryDays": 7, "kmsKey": key}
    with deploy(platform, kube, STACK, ["care-a"], **more) as deployment:
        yield deployment
    secrets = aws.client(platform, "secretsmanager")
    for secret in secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"]:
        if secret["Name"].startswith(f"everpull-{STACK}-") and secret.get("DeletedDate"):
            secrets.delete_secret(SecretId=secret["ARN"], ForceDeleteWithoutRecovery=True)


def test_pods_pull_and_nothing_drifts(cared: Deployment) -> None:
    assert cared.pull().pulled
    assert cared.stack.preview("--refresh").changes == {}


def test_the_clusters_user_has_the_tags_and_a_right_on_the_key(cared: Deployment, key: str) -> None:
    iam, user = aws.client(cared.state, "iam"), cared.outputs["identityArn"].rpartition("/")[2]
    tags = {tag["Key"]: tag["Value"] for tag in iam.list_user_tags(UserName=user)["Tags"]}
    assert tags == {"team": "a", "everpull:stack": STACK}
    (name,) = iam.list_user_policies(UserName=user)["PolicyNames"]
    statements = iam.get_user_policy(UserName=user, PolicyName=name)["PolicyDocument"]["Statement"]
    assert [statement["Resource"] for statement in statements if statement["Sid"] == "UseKey"] == [[key]]


def test_objects_have_the_recommended_labels_and_pull_secrets_those_that_tell_whose_they_are(
    cared: Deployment, kube: Client
) -> None:
    system = cared.outputs["systemNamespace"]
    found = [kube.get(Namespace, system), *kube.list(EXTERNAL_SECRET, namespace=system)]
    found += kube.list(EXTERNAL_SECRET, namespace=cared.namespaces[0])
    for item in found:
        assert item.metadata
        assert MANAGED.items() <= (item.metadata.labels or {}).items(), item.metadata.name
    pull_secret = kube.get(Secret, cared.outputs["pullSecretName"], namespace=cared.namespaces[0])
    assert pull_secret.metadata
    assert not MANAGED.keys() & (pull_secret.metadata.labels or {}).keys()


def test_what_is_protected_outlives_a_destroy_that_nobody_meant(platform: PlatformState, kube: Client) -> None:
    ensure_namespace(kube, "cared-a")
    with deploy(platform, kube, "cared", ["cared-a"], protect=True) as deployment:
        try:
            with pytest.raises(PulumiError, match="protect"):
                deployment.stack._run(
                    ["destroy", "--yes", "--stack", "cared", "--config-file", str(deployment.stack.config_file)]
                )
            assert deployment.pull().pulled
            assert deployment.stack.preview("--refresh").changes == {}
        finally:
            # So that it may go now.
            deployment.stack.configure({key: value for key, value in deployment.config.items() if "protect" not in key})
            unprotected = deployment.stack.up()
        assert unprotected.changes == {}
