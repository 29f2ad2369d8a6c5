"""A pod's token is changed for a session of the role that its service account has an association with; no other token is."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from local.aws.eks_rules import LOCAL_CLUSTER, PODS
from tests.local_aws.issuer import UNREACHABLE, Issuer, Key
from tests.local_aws.platform import ACCOUNT, REGION, Stand, allow, refused

NAMESPACE, ACCOUNT_NAME = "team", "puller"


@pytest.fixture(scope="module")
def cluster(stand: Stand) -> Iterator[str]:
    """The ARN of the platform's own cluster."""
    eks = stand.client("eks")
    stand.client("iam").create_role(RoleName="eks-cluster", AssumeRolePolicyDocument=json.dumps(trust()))
    role = f"arn:aws:iam::{ACCOUNT}:role/eks-cluster"
    made = eks.create_cluster(name=LOCAL_CLUSTER, roleArn=role, resourcesVpcConfig={"subnetIds": ["subnet-1"]})
    yield made["cluster"]["arn"]
    eks.delete_cluster(name=LOCAL_CLUSTER)
    stand.client("iam").delete_role(RoleName="eks-cluster")


def trust(condition: Any = None) -> dict[str, Any]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": PODS},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        **({"Condition": condition} if condition else {}),
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


Associate = Callable[..., str]


@pytest.fixture
def associate(stand: Stand, cluster: str, name: str) -> Iterator[Associate]:
    """Gives the service account a role, which such a condition lets in; the role's ARN."""
    iam, eks = stand.client("iam"), stand.client("eks")

    def made(condition: Any = None) -> str:
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust(condition)))["Role"]["Arn"]
        policy = json.dumps(allow("ecr:GetAuthorizationToken"))
        iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=policy)
        eks.create_pod_identity_association(
            clusterName=LOCAL_CLUSTER, namespace=NAMESPACE, serviceAccount=ACCOUNT_NAME, roleArn=arn
        )
        return arn

    yield made
    for found in eks.list_pod_identity_associations(clusterName=LOCAL_CLUSTER)["associations"]:
        eks.delete_pod_identity_association(clusterName=LOCAL_CLUSTER, associationId=found["associationId"])


def token(issuer: Issuer, **claims: Any) -> str:
    return issuer.key.sign(
        {
            "iss": issuer.url,
            "sub": f"system:serviceaccount:{NAMESPACE}:{ACCOUNT_NAME}",
            "aud": [PODS],
            "iat": int(time.time()),
            "exp": int(time.time()) + 600,
            **claims,
        }
    )


def assume(stand: Stand, shown: str, cluster: str = LOCAL_CLUSTER) -> Any:
    return stand.client("eks-auth").assume_role_for_pod_identity(clusterName=cluster, token=shown)


def test_the_token_gives_a_session_that_may_what_the_role_may(
    stand: Stand, issuer: Issuer, associate: Associate, name: str
) -> None:
    associate()
    answer = assume(stand, token(issuer))
    assert answer["subject"] == {"namespace": NAMESPACE, "serviceAccount": ACCOUNT_NAME}
    key = answer["credentials"]
    session = boto3.Session(key["accessKeyId"], key["secretAccessKey"], key["sessionToken"], region_name=REGION)
    arn = session.client("sts", endpoint_url=stand.endpoint).get_caller_identity()["Arn"]
    assert arn == answer["assumedRoleUser"]["arn"]
    assert arn.startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/eks-{LOCAL_CLUSTER}-")
    assert session.client("ecr", endpoint_url=stand.endpoint).get_authorization_token()["authorizationData"]
    with refused("AccessDeniedException"):
        session.client("secretsmanager", endpoint_url=stand.endpoint).list_secrets()


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"aud": ["sts.amazonaws.com"]}, "InvalidTokenException"),
        ({"aud": [PODS, "sts.amazonaws.com"]}, "InvalidTokenException"),
        ({"iss": UNREACHABLE}, "InvalidTokenException"),
        ({"exp": int(time.time()) - 3600, "iat": int(time.time()) - 7200}, "ExpiredTokenException"),
        ({"sub": f"system:serviceaccount:{NAMESPACE}:default"}, "ResourceNotFoundException"),
        ({"sub": f"system:serviceaccount:other:{ACCOUNT_NAME}"}, "ResourceNotFoundException"),
        ({"sub": "somebody"}, "ResourceNotFoundException"),
    ],
)
def test_a_token_for_somebody_else_gives_nothing(
    stand: Stand, issuer: Issuer, associate: Associate, claims: dict[str, Any], code: str
) -> None:
    associate()
    with refused(code):
        assume(stand, token(issuer, **claims))


def test_a_token_that_another_key_signed_gives_nothing(stand: Stand, issuer: Issuer, associate: Associate) -> None:
    associate()
    forged = Key(issuer.key.kid)
    claims = {"iss": issuer.url, "sub": f"system:serviceaccount:{NAMESPACE}:{ACCOUNT_NAME}", "aud": [PODS]}
    with refused("InvalidTokenException"):
        assume(stand, forged.sign({**claims, "iat": int(time.time()), "exp": int(time.time()) + 600}))
    with refused("InvalidTokenException"):
        assume(stand, "no token")


def test_another_cluster_of_that_account_knows_no_association(
    stand: Stand, issuer: Issuer, associate: Associate
) -> None:
    associate()
    with refused("ResourceNotFoundException"):
        assume(stand, token(issuer), "another")


@pytest.mark.parametrize(
    ("condition", "let_in"),
    [
        ({"StringEquals": {"aws:SourceAccount": ACCOUNT}}, True),
        ({"StringEquals": {"aws:SourceAccount": "999999999999"}}, False),
        ({"ArnEquals": {"aws:SourceArn": f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{LOCAL_CLUSTER}"}}, True),
        ({"ArnEquals": {"aws:SourceArn": f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/another"}}, False),
        ({"StringEquals": {"aws:RequestTag/kubernetes-namespace": NAMESPACE}}, True),
        ({"StringEquals": {"aws:RequestTag/kubernetes-namespace": "other"}}, False),
    ],
)
def test_the_roles_trust_is_asked_with_cluster_account_and_tags(
    stand: Stand, issuer: Issuer, associate: Associate, condition: dict[str, Any], let_in: bool
) -> None:
    associate(condition)
    if let_in:
        assert assume(stand, token(issuer))["credentials"]
    else:
        with refused("AccessDeniedException"):
            assume(stand, token(issuer))
