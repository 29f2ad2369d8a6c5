"""Mode `node-role` through the program itself: a role that nodes have may pull, and nothing else comes of it."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from lightkube import Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, Secret

from local.driver import aws, workloads
from local.driver.stack import PulumiError, Stack
from local.state import PlatformState
from tests.live.granted import Granted
from tests.live.surroundings import account_of
from tests.live.surroundings import role as made_role
from tests.live.test_rights import user_with

ROLE, NAMESPACE = "live-nodes-main", "live-nodes"
RIGHTS = Path(__file__).parents[2] / "docs" / "iam" / "deploy-nodes.json"


@pytest.fixture
def role(platform: PlatformState) -> Iterator[str]:
    """The ARN of a role without rights."""
    with made_role(platform, ROLE, account_of(platform)) as arn:
        yield arn
        iam = aws.client(platform, "iam")
        assert iam.list_role_policies(RoleName=ROLE)["PolicyNames"] == []


@pytest.fixture
def deployer(platform: PlatformState) -> Iterator[dict[str, str]]:
    """Acts with the rights that docs/iam gives for nodes, and reaches no cluster."""
    text = RIGHTS.read_text(encoding="utf-8")
    put_in = {"ACCOUNT": platform.account, "REGION": platform.region, "NODE-ROLE": "live-nodes-*", "CLUSTER": "main"}
    for placeholder, value in put_in.items():
        text = text.replace(placeholder, value)
    with user_with(platform, "live-nodes-deploys", text) as key:
        yield {**key, "KUBECONFIG": "/nowhere"}


def test_nodes_pull_by_their_own_role_with_no_more_than_the_documented_rights(
    platform: PlatformState, kube: Client, role: str, deployer: dict[str, str]
) -> None:
    image = aws.seed_image(platform, "live-nodes/app", "1", "hello from a node")
    other = aws.seed_image(platform, "live-nodes-other/app", "1", "not for it")
    config: dict[str, object] = {
        "aws:region": platform.region,
        "everpull:mode": "node-role",
        "everpull:nodeRoles": [ROLE, "live-nodes-gone"],
        "everpull:repositories": ["live-nodes/*"],
    }
    stack = Stack(platform, "live-nodes", config, environment=deployer)
    stack.init()
    try:
        with pytest.raises(PulumiError, match=r"everpull:nodeRoles = live-nodes-gone\s+does not exist in this account"):
            stack.preview()
        stack.configure({**config, "everpull:nodeRoles": [ROLE]})
        changes = stack.up().changes
        assert not [name for name in changes if "system" in name or "refresh" in name]
        assert stack.outputs() == {"nodeRoles": [ROLE], "registries": [platform.registry_host]}
        log_in(platform, kube, role)
        assert workloads.pull(kube, NAMESPACE, "pull", image, "by-hand").pulled
        assert not workloads.pull(kube, NAMESPACE, "pull", other, "by-hand").pulled
        each_statement_is_needed(platform, kube, role, image)
        assert stack.up().changes == {}
        assert stack.refresh().changes == {}
    finally:
        stack.destroy()
        stack.remove()
    assert not workloads.pull(kube, NAMESPACE, "pull", image, "by-hand").pulled
    kube.delete(Namespace, NAMESPACE)


def each_statement_is_needed(platform: PlatformState, kube: Client, role: str, image: str) -> None:
    granted = Granted(platform, role)
    assert granted.sids == {"FetchLogin", "PullWithIt"}
    with granted.without("FetchLogin"), pytest.raises(ClientError, match="ecr:GetAuthorizationToken"):
        log_in(platform, kube, role)
    with granted.without("PullWithIt"):
        assert not workloads.pull(kube, NAMESPACE, "pull", image, "by-hand").pulled


def log_in(platform: PlatformState, kube: Client, role: str) -> None:
    """Puts a login of a session of the role into a Secret, as no kubelet here asks a credential provider."""
    may_assume = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may_assume]})
    with user_with(platform, "live-nodes-assumes", policy) as key:
        names = {name.lower(): value for name, value in key.items()}
        sts = aws.boto3.Session(**names, region_name=platform.region).client("sts", endpoint_url=platform.aws_endpoint)
        got = sts.assume_role(RoleArn=role, RoleSessionName="i-1")["Credentials"]
    session = aws.boto3.Session(
        aws_access_key_id=got["AccessKeyId"],
        aws_secret_access_key=got["SecretAccessKey"],
        aws_session_token=got["SessionToken"],
        region_name=platform.region,
    )
    ecr = session.client("ecr", endpoint_url=platform.aws_endpoint)
    auth = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    content = json.dumps({"auths": {platform.registry_host: {"auth": auth}}})
    workloads.ensure_namespace(kube, NAMESPACE)
    kube.apply(
        Secret(
            metadata=ObjectMeta(name="by-hand", namespace=NAMESPACE),
            type="kubernetes.io/dockerconfigjson",
            data={".dockerconfigjson": base64.b64encode(content.encode()).decode()},
        ),
        field_manager="test",
        force=True,
    )
