"""The cluster proves who it is without a key: the real operator and the real pod get in, and nobody else does."""

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError
from lightkube import Client
from lightkube.models.authentication_v1 import TokenRequestSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.batch_v1 import CronJob
from lightkube.resources.core_v1 import Secret, ServiceAccount, ServiceAccountToken

from local.cluster.pod_identity import CLUSTER
from local.demo.chain import SECRET_STORE
from local.driver import aws
from local.state import PlatformState
from tests.live.cronjob_deployment import CronJobDeployment, deploy_cronjob
from tests.live.deployment import Deployed, Deployment, deploy
from tests.live.surroundings import boundary as made_boundary

AUDIENCE = "sts.amazonaws.com"
BOUNDARY, PATH = "identities-boundary", "/platform/pulls/"


@pytest.fixture(scope="module")
def boundary(platform: PlatformState) -> Iterator[str]:
    """A policy that no role of ours may go beyond."""
    with made_boundary(platform, BOUNDARY, ["ecr:*", "secretsmanager:*", "logs:*", "sqs:*"]) as arn:
        yield arn


@pytest.fixture(scope="module")
def by_operator(platform: PlatformState, kube: Client, issuer: str, boundary: str) -> Iterator[Deployment]:
    more = {"identity": "irsa", "oidcIssuer": issuer, "iamPath": PATH, "permissionsBoundary": boundary}
    with deploy(platform, kube, "idl", ["idl-a"], **more) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def by_pod(platform: PlatformState, kube: Client, issuer: str) -> Iterator[CronJobDeployment]:
    with deploy_cronjob(platform, kube, "idc", ["idc-a"], identity="irsa", oidcIssuer=issuer) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def by_agent(platform: PlatformState, kube: Client, issuer: str) -> Iterator[CronJobDeployment]:
    more = {"identity": "pod-identity", "eksCluster": CLUSTER}
    with deploy_cronjob(platform, kube, "idp", ["idp-a"], **more) as deployment:
        yield deployment


@pytest.fixture(params=["by_operator", "by_pod", "by_agent"])
def keyless(request: pytest.FixtureRequest) -> Deployed:
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["by_operator", "by_pod"])
def federated(request: pytest.FixtureRequest) -> Deployed:
    return request.getfixturevalue(request.param)


def test_pods_pull_and_there_is_no_key_anywhere(keyless: Deployed) -> None:
    pull = keyless.pull()
    assert pull.pulled, pull.message
    assert ":role/" in keyless.outputs["identityArn"]
    users = aws.client(keyless.state, "iam").list_users()["Users"]
    assert not [user for user in users if user["UserName"].startswith(f"everpull-{keyless.stack.name}-")]
    secrets = keyless.kube.list(Secret, namespace=keyless.outputs["systemNamespace"])
    assert not [secret.metadata.name for secret in secrets if "secret-access-key" in (secret.data or {})]


def test_up_again_changes_nothing(keyless: Deployed) -> None:
    assert keyless.stack.preview("--refresh").changes == {}


def account_of(deployed: Deployed) -> tuple[str, str]:
    """Namespace and name of the service account that the role is for."""
    name = role(deployed)["RoleName"]
    document = aws.client(deployed.state, "iam").get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    (statement,) = document["Statement"]
    (subject,) = [value for key, value in statement["Condition"]["StringEquals"].items() if key.endswith(":sub")]
    return tuple(subject.split(":")[2:])  # type: ignore[return-value]


def role(deployed: Deployed) -> dict[str, str]:
    name = deployed.outputs["identityArn"].rpartition("/")[2]
    return aws.client(deployed.state, "iam").get_role(RoleName=name)["Role"]


def token(kube: Client, namespace: str, name: str, audience: str = AUDIENCE) -> str:
    made = kube.create(
        ServiceAccountToken(metadata=ObjectMeta(), spec=TokenRequestSpec(audiences=[audience])),
        name,
        namespace=namespace,
    )
    return str(made.status.token)


def assume(deployed: Deployed, shown: str) -> None:
    sts = aws.client(deployed.state, "sts")
    sts.assume_role_with_web_identity(
        RoleArn=deployed.outputs["identityArn"], RoleSessionName="test", WebIdentityToken=shown
    )


def test_the_role_opens_to_its_service_account_for_sts_alone(federated: Deployed) -> None:
    namespace, name = account_of(federated)
    assume(federated, token(federated.kube, namespace, name))
    with pytest.raises(ClientError, match="InvalidIdentityToken"):
        assume(federated, token(federated.kube, namespace, name, "https://kubernetes.default.svc"))
    with pytest.raises(ClientError, match="AccessDenied"):
        assume(federated, token(federated.kube, namespace, "default"))
    federated.kube.apply(
        ServiceAccount(metadata=ObjectMeta(name=name, namespace="default")), field_manager="tests", force=True
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        assume(federated, token(federated.kube, "default", name))


def test_every_role_has_the_path_and_the_boundary(by_operator: Deployment, boundary: str) -> None:
    for output in ("identityArn", "refresherArn"):
        name = by_operator.outputs[output].rpartition("/")[2]
        found = aws.client(by_operator.state, "iam").get_role(RoleName=name)["Role"]
        assert found["Path"] == PATH
        assert found["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary


def test_the_store_names_a_service_account_and_no_secret(by_operator: Deployment) -> None:
    (store,) = by_operator.kube.list(SECRET_STORE, namespace=by_operator.outputs["systemNamespace"])
    auth = store["spec"]["provider"]["aws"]["auth"]
    assert auth == {"jwt": {"serviceAccountRef": {"name": account_of(by_operator)[1]}}}


def test_the_cron_job_runs_again_with_its_token(by_pod: CronJobDeployment) -> None:
    run = by_pod.run("--force")
    assert run.succeeded, run.said
    calls = aws.calls_of(by_pod.state, by_pod.outputs["identityArn"])
    assert calls["ecr:GetAuthorizationToken"] >= 1


def test_an_association_gives_the_cron_job_its_role(by_agent: CronJobDeployment) -> None:
    found = aws.client(by_agent.state, "eks").list_pod_identity_associations(clusterName=CLUSTER)["associations"]
    (ours,) = [item for item in found if item["namespace"] == by_agent.system_namespace]
    namespace, name = by_agent.outputs["cronJob"].split("/")
    spec = by_agent.kube.get(CronJob, name, namespace=namespace).spec.jobTemplate.spec.template.spec
    assert spec.serviceAccountName == ours["serviceAccount"]
    assert by_agent.run("--force").succeeded
