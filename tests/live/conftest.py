"""The real engine, ESO and kubelet, on the local platform, which is brought up if it is not."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from lightkube import Client

from local import state as platform_state
from local.cluster.pod_identity import CLUSTER
from local.driver import aws, workloads
from local.paths import ROOT
from local.state import PlatformState
from tests.live.deployment import Deployment, deploy
from tests.live.lender import Lender, lender, one_of_each
from tests.turns import one_at_a_time

LOGIN_LIFE_SECONDS = 12 * 3600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/live/" in item.path.as_posix():
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def platform() -> PlatformState:
    with one_at_a_time():
        subprocess.run([sys.executable, "-m", "local", "up"], cwd=ROOT, check=True)
    state = platform_state.load()
    if not state.node:
        pytest.fail(f"live tests need a node: {state.node_reason}")
    return state


@pytest.fixture(scope="session")
def kube(platform: PlatformState) -> Iterator[Client]:
    with workloads.client(platform) as client:
        yield client


@pytest.fixture(scope="session")
def issuer(platform: PlatformState) -> str:
    """URL of the cluster's OIDC issuer, which IAM knows, and EKS as that of the cluster `everpull-local`.

    Both stay: an account knows an issuer once, so they are everybody's.
    """
    iam, eks = aws.client(platform, "iam"), aws.client(platform, "eks")
    with one_at_a_time():
        known = [entry["Arn"] for entry in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]
        if not any(arn.endswith(platform.issuer.removeprefix("https:/")) for arn in known):
            iam.create_open_id_connect_provider(Url=platform.issuer, ClientIDList=["sts.amazonaws.com"])
        if CLUSTER not in eks.list_clusters()["clusters"]:
            trust = {"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}
            document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
            role = iam.create_role(RoleName=CLUSTER, AssumeRolePolicyDocument=document)["Role"]["Arn"]
            eks.create_cluster(name=CLUSTER, roleArn=role, resourcesVpcConfig={"subnetIds": ["subnet-1"]})
    return platform.issuer


@pytest.fixture(scope="module")
def lent(platform: PlatformState, request: pytest.FixtureRequest) -> Iterator[Lender]:
    """The role that another account lends to the stack of the file, its STACK."""
    with lender(platform, request.module.STACK) as made:
        yield made


@pytest.fixture(scope="module")
def images(lent: Lender) -> dict[str, str]:
    """An image of each kind of registry."""
    return one_of_each(lent)


@pytest.fixture
def role_as_documented(lent: Lender) -> Iterator[None]:
    """Puts the lent role back after the test."""
    yield
    lent.may()


@pytest.fixture(autouse=True)
def as_on_aws(platform: PlatformState) -> Iterator[None]:
    """Logins live 12 hours and rights come at once, unless a test says otherwise."""
    normal: dict[str, object] = {"token_ttl_seconds": LOGIN_LIFE_SECONDS, "iam_delay_seconds": 0, "schedule_speed": 1}
    aws.admin(platform, "config", normal)
    yield
    aws.admin(platform, "config", normal)


@pytest.fixture(scope="session")
def deployed(platform: PlatformState, kube: Client) -> Iterator[Deployment]:
    """A stack that is up, in two namespaces: one for each process that runs tests. Tests put back what they change."""
    aws.admin(platform, "config", {"token_ttl_seconds": LOGIN_LIFE_SECONDS, "iam_delay_seconds": 0})
    name = f"live{os.environ.get('PYTEST_XDIST_WORKER', '')}"
    with deploy(platform, kube, name, namespaces=[f"{name}-a", f"{name}-b"]) as deployment:
        yield deployment
