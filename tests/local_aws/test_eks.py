"""EKS as a search for node roles meets it."""

import json
import re
from typing import Any

import pytest

from tests.local_aws.issuer import Issuer
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


def test_a_clusters_issuer_is_one_that_iam_takes(stand: Stand, eks: Any, cluster: str) -> None:
    issuer = eks.describe_cluster(name=cluster)["cluster"]["identity"]["oidc"]["issuer"]
    assert re.fullmatch(rf"https://oidc\.eks\.{REGION}\.amazonaws\.com/id/[0-9A-F]{{32}}", issuer)
    assert stand.client("iam").create_open_id_connect_provider(Url=issuer)["OpenIDConnectProviderArn"]


def test_the_platforms_own_cluster_tells_the_platforms_issuer(
    stand: Stand, eks: Any, issuer: Issuer, role: str, name: str
) -> None:
    def told(client: Any) -> str:
        made = client.create_cluster(name="everpull-local", roleArn=role, resourcesVpcConfig=VPC)["cluster"]
        found = client.describe_cluster(name="everpull-local")["cluster"]
        client.delete_cluster(name="everpull-local")
        assert made["identity"] == found["identity"]
        return found["identity"]["oidc"]["issuer"]

    assert told(eks) == issuer.url
    assert told(stand.client("eks", region="us-east-1")).startswith("https://oidc.eks.us-east-1.amazonaws.com/id/")


PODS = {"Service": "pods.eks.amazonaws.com"}


def pods_role(stand: Stand, name: str, *statements: dict[str, Any]) -> str:
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    return stand.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]


def statement(*actions: str, principal: Any = PODS, effect: str = "Allow") -> dict[str, Any]:
    return {"Effect": effect, "Principal": principal, "Action": list(actions)}


def test_a_service_account_is_given_a_role(stand: Stand, eks: Any, cluster: str, name: str) -> None:
    first = pods_role(stand, f"{name}-p", statement("sts:AssumeRole", "sts:TagSession"))
    second = pods_role(stand, f"{name}-q", statement("sts:AssumeRole"), statement("sts:*"))
    pod = {"clusterName": cluster, "namespace": "team", "serviceAccount": "puller"}
    made = eks.create_pod_identity_association(**pod, roleArn=first, tags={"a": "1"})["association"]
    assert made["associationArn"].startswith(f"arn:aws:eks:{REGION}:{ACCOUNT}:podidentityassociation/{cluster}/a-")
    with refused("ResourceInUseException"):
        eks.create_pod_identity_association(**pod, roleArn=first)
    at = {"clusterName": cluster, "associationId": made["associationId"]}
    assert eks.update_pod_identity_association(**at, roleArn=second)["association"]["roleArn"] == second
    assert eks.describe_pod_identity_association(**at)["association"]["roleArn"] == second
    eks.tag_resource(resourceArn=made["associationArn"], tags={"b": "2"})
    eks.untag_resource(resourceArn=made["associationArn"], tagKeys=["a"])
    assert eks.list_tags_for_resource(resourceArn=made["associationArn"])["tags"] == {"b": "2"}
    assert eks.describe_pod_identity_association(**at)["association"]["tags"] == {"b": "2"}
    eks.delete_pod_identity_association(**at)
    with refused("ResourceNotFoundException"):
        eks.describe_pod_identity_association(**at)


@pytest.mark.parametrize(
    "statements",
    [
        [statement("sts:AssumeRole")],
        [statement("sts:AssumeRole", "sts:TagSession", principal={"Service": "ec2.amazonaws.com"})],
        [statement("sts:AssumeRole", "sts:TagSession", effect="Deny")],
        [statement("sts:AssumeRole", "sts:TagSession", principal={"AWS": ACCOUNT})],
    ],
    ids=["no tags", "another service", "denied", "the account"],
)
def test_a_role_that_does_not_trust_pods_is_refused(
    stand: Stand, eks: Any, cluster: str, name: str, statements: list[dict[str, Any]]
) -> None:
    arn = pods_role(stand, f"{name}-p", *statements)
    pod = {"clusterName": cluster, "namespace": "team", "serviceAccount": "puller"}
    with refused("InvalidParameterException", "Trust policy of the role provided is invalid"):
        eks.create_pod_identity_association(**pod, roleArn=arn)
    with refused("InvalidParameterException", "Role provided in the request does not exist"):
        eks.create_pod_identity_association(**pod, roleArn=f"{arn}-none")
