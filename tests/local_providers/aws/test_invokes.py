"""Functions about roles, issuers and clusters: answers have the SDK's shape; absence is told in the real provider's words."""

import importlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from local.providers.common.provider import ProviderError
from tests.local_providers.aws.scripted import Scripted

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ROLE_ARN = "arn:aws:iam::000000000000:role/nodes/workers"
GET_ROLE = "aws:iam/getRole:getRole"
GET_ISSUER = "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider"
GET_CLUSTER = "aws:eks/getCluster:getCluster"
GET_NODE_GROUP = "aws:eks/getNodeGroup:getNodeGroup"
GET_NODE_GROUPS = "aws:eks/getNodeGroups:getNodeGroups"
CLUSTER = {
    "name": "main",
    "arn": "arn:aws:eks:eu-central-1:000000000000:cluster/main",
    "createdAt": NOW,
    "version": "1.36",
    "endpoint": "https://main.example",
    "roleArn": ROLE_ARN,
    "status": "ACTIVE",
    "platformVersion": "eks.1",
    "tags": {"team": "a"},
    "resourcesVpcConfig": {"subnetIds": ["subnet-1"], "vpcId": "vpc-1", "endpointPublicAccess": True},
    "kubernetesNetworkConfig": {"ipFamily": "ipv4", "elasticLoadBalancing": {"enabled": True}},
    "logging": {"clusterLogging": [{"types": ["audit", "api"], "enabled": True}, {"types": ["scheduler"]}]},
    "identity": {"oidc": {"issuer": "https://issuer.example"}},
    "certificateAuthority": {"data": "Y2E="},
    "accessConfig": {"authenticationMode": "API"},
    "computeConfig": {"enabled": True, "nodePools": ["system"], "nodeRoleArn": ROLE_ARN},
    "storageConfig": {"blockStorage": {"enabled": True}},
    "upgradePolicy": {"supportType": "EXTENDED"},
}
NODE_GROUP = {
    "nodegroupName": "workers",
    "nodegroupArn": "arn:aws:eks:eu-central-1:000000000000:nodegroup/main/workers/1",
    "clusterName": "main",
    "status": "ACTIVE",
    "nodeRole": ROLE_ARN,
    "subnets": ["subnet-1"],
    "scalingConfig": {"minSize": 1, "maxSize": 2, "desiredSize": 1},
    "remoteAccess": {"ec2SshKey": "key", "sourceSecurityGroups": ["sg-1"]},
    "resources": {"autoScalingGroups": [{"name": "asg"}], "remoteAccessSecurityGroup": "sg-2"},
    "taints": [{"key": "gpu", "value": "1", "effect": "NO_SCHEDULE"}],
}
ROLE = {
    "RoleName": "workers",
    "RoleId": "AROA1234567890123456",
    "Arn": ROLE_ARN,
    "Path": "/nodes/",
    "CreateDate": NOW,
    "AssumeRolePolicyDocument": json.dumps({"Statement": []}),
    "RoleLastUsed": {"LastUsedDate": NOW, "Region": "eu-central-1"},
}

ISSUER_ARN = "arn:aws:iam::000000000000:oidc-provider/oidc.example/id/1"
ISSUER = {
    "Url": "oidc.example/id/1",
    "ClientIDList": ["sts.amazonaws.com"],
    "ThumbprintList": ["a" * 40],
    "CreateDate": NOW,
    "Tags": [{"Key": "team", "Value": "a"}],
}
LISTED = {"OpenIDConnectProviderList": [{"Arn": f"{ISSUER_ARN}1"}, {"Arn": ISSUER_ARN}]}


def ask(run: Scripted, token: str, **args: Any) -> dict[str, Any]:
    answer = run.provider.invoke(token, args)
    run.done()
    return answer


def role() -> dict[str, Any]:
    # A copy: botocore decodes the policy in place.
    run = Scripted(GET_ROLE).answer("iam", "get_role", {"RoleName": "workers"}, {"Role": dict(ROLE)})
    return ask(run, GET_ROLE, name="workers")


def issuer(**args: str) -> dict[str, Any]:
    run = Scripted(GET_ISSUER)
    if "url" in args:
        run.answer("iam", "list_open_id_connect_providers", {}, LISTED)
    run.answer("iam", "get_open_id_connect_provider", {"OpenIDConnectProviderArn": ISSUER_ARN}, ISSUER)
    return ask(run, GET_ISSUER, **(args or {"arn": ISSUER_ARN}))


def cluster() -> dict[str, Any]:
    run = Scripted(GET_CLUSTER).answer("eks", "describe_cluster", {"name": "main"}, {"cluster": CLUSTER})
    return ask(run, GET_CLUSTER, name="main")


def node_group() -> dict[str, Any]:
    sent = {"clusterName": "main", "nodegroupName": "workers"}
    run = Scripted(GET_NODE_GROUP).answer("eks", "describe_nodegroup", sent, {"nodegroup": NODE_GROUP})
    return ask(run, GET_NODE_GROUP, clusterName="main", nodeGroupName="workers")


def node_groups() -> dict[str, Any]:
    run = Scripted(GET_NODE_GROUPS)
    run.answer("eks", "list_nodegroups", {"clusterName": "main"}, {"nodegroups": ["a"], "nextToken": "t"})
    run.answer("eks", "list_nodegroups", {"clusterName": "main", "nextToken": "t"}, {"nodegroups": ["b"]})
    return ask(run, GET_NODE_GROUPS, clusterName="main")


def wire_names(cls: type) -> dict[str, Any]:
    """The names under which a result type of the SDK takes its values, and each one's type."""
    found = {}
    for name, member in vars(cls).items():
        if isinstance(member, property):
            assert member.fget is not None
            found[getattr(member.fget, "_pulumi_name", name)] = str(member.fget.__annotations__["return"])
    return found


def assert_shape(answer: Any, cls: type, outputs: Any, *, whole: bool) -> None:
    """All of the answer's names are the type's; at the top, all of the type's are the answer's too."""
    names = wire_names(cls)
    assert set(answer) <= set(names), cls.__name__
    assert not whole or set(answer) == set(names), cls.__name__
    for name, value in answer.items():
        inner = names[name].split("outputs.")
        for block in (value if isinstance(value, list) else [value]) if len(inner) == 2 else ():
            assert_shape(block, getattr(outputs, inner[1].strip("'\"]>)")), outputs, whole=False)


@pytest.mark.parametrize(
    ("module", "result", "answered"),
    [
        ("iam", "GetRoleResult", role),
        ("iam", "GetOpenIdConnectProviderResult", issuer),
        ("eks", "GetClusterResult", cluster),
        ("eks", "GetNodeGroupResult", node_group),
        ("eks", "GetNodeGroupsResult", node_groups),
    ],
)
def test_an_answer_has_the_sdks_shape(module: str, result: str, answered: Any):
    sdk = importlib.import_module(f"pulumi_aws.{module}")
    assert_shape(answered(), getattr(sdk, result), sdk.outputs, whole=True)


def test_a_role_is_told_with_its_path_and_trust():
    found = role()
    assert (found["arn"], found["path"], found["assumeRolePolicy"]) == (ROLE_ARN, "/nodes/", '{"Statement":[]}')
    assert found["roleLastUseds"] == [{"lastUsedDate": "2026-01-02T03:04:05Z", "region": "eu-central-1"}]


def test_an_issuer_is_found_by_its_arn_and_by_its_url():
    found = issuer(url="https://oidc.example/id/1")
    assert found == issuer(arn=ISSUER_ARN)
    assert (found["url"], found["clientIdLists"]) == ("oidc.example/id/1", ["sts.amazonaws.com"])
    assert (found["id"], found["tags"]) == (ISSUER_ARN, {"team": "a"})


def test_an_issuer_that_iam_does_not_list_is_absent():
    run = Scripted(GET_ISSUER).answer("iam", "list_open_id_connect_providers", {}, LISTED)
    with pytest.raises(ProviderError, match=r"reading IAM OIDC Provider \(https://o.example\): couldn't find resource"):
        run.provider.invoke(GET_ISSUER, {"url": "https://o.example"})


@pytest.mark.parametrize("args", [{}, {"arn": ISSUER_ARN, "url": "https://oidc.example/id/1"}])
def test_an_issuer_is_asked_for_in_one_way(args: dict[str, str]):
    with pytest.raises(ProviderError, match="one of `arn,url` must be specified, and only one"):
        Scripted(GET_ISSUER).provider.invoke(GET_ISSUER, args)


def test_a_cluster_tells_auto_modes_role_and_its_issuer():
    found = cluster()
    assert found["computeConfigs"] == [{"enabled": True, "nodePools": ["system"], "nodeRoleArn": ROLE_ARN}]
    assert found["identities"] == [{"oidcs": [{"issuer": "https://issuer.example"}]}]
    assert found["zonalShiftConfigs"] == []
    assert found["enabledClusterLogTypes"] == ["api", "audit"]


def test_all_pages_of_node_groups_are_listed():
    assert node_groups()["names"] == ["a", "b"]


def test_a_node_group_tells_its_role():
    found = node_group()
    assert found["nodeRoleArn"] == ROLE_ARN
    assert found["resources"] == [{"autoscalingGroups": [{"name": "asg"}], "remoteAccessSecurityGroupId": "sg-2"}]


MISSING = [
    (
        GET_ISSUER,
        ("iam", "get_open_id_connect_provider", "NoSuchEntity"),
        {"arn": ISSUER_ARN},
        r"reading IAM OIDC Provider: couldn't find resource",
    ),
    (GET_ROLE, ("iam", "get_role", "NoSuchEntity"), {"name": "x"}, r"reading IAM Role \(x\): couldn't find resource"),
    (
        GET_CLUSTER,
        ("eks", "describe_cluster", "ResourceNotFoundException"),
        {"name": "x"},
        r"reading EKS Cluster \(x\): couldn't find resource",
    ),
    (
        GET_NODE_GROUP,
        ("eks", "describe_nodegroup", "ResourceNotFoundException"),
        {"clusterName": "c", "nodeGroupName": "x"},
        r"reading EKS Node Group \(c:x\): couldn't find resource",
    ),
]


@pytest.mark.parametrize(("token", "refusal", "args", "said"), MISSING)
def test_absence_is_told_in_the_real_providers_words(token: str, refusal: Any, args: Any, said: str):
    run = Scripted(token).refuse(*refusal)
    with pytest.raises(ProviderError, match=said):
        run.provider.invoke(token, args)


@pytest.mark.parametrize(("token", "refusal", "args", "said"), MISSING)
def test_a_refusal_is_not_taken_for_absence(token: str, refusal: Any, args: Any, said: str):
    run = Scripted(token).refuse(*refusal[:2], "AccessDeniedException", "not you")
    with pytest.raises(ProviderError, match=r"AccessDeniedException: not you") as caught:
        run.provider.invoke(token, args)
    assert "couldn't find resource" not in str(caught.value)


def test_a_cluster_in_another_region_is_asked_there():
    run = Scripted(GET_NODE_GROUPS)
    run.answer("eks", "list_nodegroups", {"clusterName": "main"}, {"nodegroups": []}, region="us-east-1")
    assert ask(run, GET_NODE_GROUPS, clusterName="main", region="us-east-1")["region"] == "us-east-1"
