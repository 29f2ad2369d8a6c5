"""EKS as a search for node roles meets it."""

import json
from typing import Any

import pytest

from tests.local_aws.platform import ACCOUNT, REGION, Stand, allow, refused

VPC = {"subnetIds": ["subnet-1", "subnet-2"]}


@pytest.fixture
def role(stand: Stand, name: str) -> str:
    """The ARN of a role, whoever may assume it."""
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    return stand.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]


@pytest.fixture
def eks(stand: Stand) -> Any:
    return stand.client("eks")


@pytest.fixture
def cluster(eks: Any, name: str, role: str) -> str:
    eks.create_cluster(name=name, roleArn=role, resourcesVpcConfig=VPC)
    return name


def test_a_node_group_tells_its_role(eks: Any, cluster: str, role: str) -> None:
    eks.create_nodegroup(clusterName=cluster, nodegroupName="workers", subnets=["subnet-1"], nodeRole=role)
    assert eks.list_nodegroups(clusterName=cluster)["nodegroups"] == ["workers"]
    found = eks.describe_nodegroup(clusterName=cluster, nodegroupName="workers")["nodegroup"]
    assert found["nodeRole"] == role


def test_auto_mode_tells_its_node_role(eks: Any, name: str, role: str) -> None:
    compute = {"enabled": True, "nodePools": ["general-purpose"], "nodeRoleArn": role}
    eks.create_cluster(name=name, roleArn=role, resourcesVpcConfig=VPC, computeConfig=compute)
    assert eks.describe_cluster(name=name)["cluster"]["computeConfig"] == compute


def test_a_cluster_without_auto_mode_tells_no_compute(eks: Any, cluster: str) -> None:
    assert "computeConfig" not in eks.describe_cluster(name=cluster)["cluster"]


def test_auto_modes_role_and_pools_come_together(eks: Any, name: str, role: str) -> None:
    with refused("InvalidParameterException", "must be given together"):
        eks.create_cluster(
            name=name, roleArn=role, resourcesVpcConfig=VPC, computeConfig={"enabled": True, "nodeRoleArn": role}
        )


def test_a_fargate_profile_is_made_found_and_deleted(eks: Any, cluster: str, role: str) -> None:
    made = eks.create_fargate_profile(
        clusterName=cluster, fargateProfileName="batch", podExecutionRoleArn=role, selectors=[{"namespace": "batch"}]
    )["fargateProfile"]
    assert made["fargateProfileArn"].startswith(f"arn:aws:eks:{REGION}:{ACCOUNT}:fargateprofile/{cluster}/batch/")
    assert eks.list_fargate_profiles(clusterName=cluster)["fargateProfileNames"] == ["batch"]
    found = eks.describe_fargate_profile(clusterName=cluster, fargateProfileName="batch")["fargateProfile"]
    assert found["podExecutionRoleArn"] == role
    with refused("InvalidParameterException", "already exists"):
        eks.create_fargate_profile(clusterName=cluster, fargateProfileName="batch", podExecutionRoleArn=role)
    eks.delete_fargate_profile(clusterName=cluster, fargateProfileName="batch")
    with refused("ResourceNotFoundException", "No Fargate Profile found with name: batch"):
        eks.describe_fargate_profile(clusterName=cluster, fargateProfileName="batch")


def test_what_names_no_cluster_is_refused(eks: Any, name: str, role: str) -> None:
    for call in (eks.list_fargate_profiles, eks.list_nodegroups):
        with refused("ResourceNotFoundException", "No cluster found"):
            call(clusterName=name)


def test_a_role_that_does_not_exist_is_refused(eks: Any, cluster: str, role: str) -> None:
    nobody = f"{role}-none"
    with refused("InvalidParameterException", "cannot be found"):
        eks.create_nodegroup(clusterName=cluster, nodegroupName="n", subnets=["subnet-1"], nodeRole=nobody)
    with refused("InvalidParameterException", "cannot be found"):
        eks.create_fargate_profile(clusterName=cluster, fargateProfileName="f", podExecutionRoleArn=nobody)
    with refused("InvalidParameterException", "cannot be found"):
        eks.create_cluster(
            name=f"{cluster}-auto",
            roleArn=role,
            resourcesVpcConfig=VPC,
            computeConfig={"enabled": True, "nodePools": ["system"], "nodeRoleArn": nobody},
        )


def test_a_look_at_fargate_needs_the_right_to(stand: Stand, cluster: str, name: str) -> None:
    may = stand.client("eks", stand.user(name, allow("eks:ListFargateProfiles")))
    assert may.list_fargate_profiles(clusterName=cluster)["fargateProfileNames"] == []
    with refused("AccessDeniedException", "eks:ListNodegroups"):
        may.list_nodegroups(clusterName=cluster)


def test_profiles_go_with_their_cluster(eks: Any, cluster: str, role: str) -> None:
    eks.create_fargate_profile(clusterName=cluster, fargateProfileName="batch", podExecutionRoleArn=role)
    eks.delete_cluster(name=cluster)
    eks.create_cluster(name=cluster, roleArn=role, resourcesVpcConfig=VPC)
    assert eks.list_fargate_profiles(clusterName=cluster)["fargateProfileNames"] == []
