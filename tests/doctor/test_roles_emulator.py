"""Doctor asks the local AWS for what lets a cluster have a role, and for a secret's rotation, as it asks AWS."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from components.aws_reads import Access
from components.policy import pod_trust, token_trust
from components.refresh_rotation import ENVIRONMENT
from doctor.aws import BotoAws
from local.aws.eks_rules import LOCAL_CLUSTER
from tests.doctor import worlds
from tests.doctor.conftest import Deployed
from tests.doctor.worlds import SYSTEM, World
from tests.local_aws.platform import ACCOUNT, REGION, allow, wait_until

AUDIENCE = "sts.amazonaws.com"
RATE = "rate(4 hours)"
PULLS = allow("ecr:*")


@dataclass
class Role:
    """An identity that is a role, with the world of its stack."""

    deployed: Deployed
    world: World
    name: str
    trust: str

    @property
    def iam(self) -> Any:
        return self.deployed.client("iam")

    @property
    def eks(self) -> Any:
        return self.deployed.client("eks")

    def trusting(self, trust: str) -> None:
        self.iam.update_assume_role_policy(RoleName=self.name, PolicyDocument=trust)


def made_role(deployed: Deployed, world: World, name: str, trust: str, rights: dict[str, Any]) -> Role:
    iam = deployed.client("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=json.dumps(rights))
    world.outputs |= {"identityArn": arn}
    return Role(deployed, world, name, trust)


@pytest.fixture
def provider(deployed: Deployed) -> str:
    """ARN of an issuer of its own."""
    made = deployed.client("iam").create_open_id_connect_provider(
        Url=f"https://oidc.example.com/{deployed.name}", ClientIDList=[AUDIENCE]
    )
    return made["OpenIDConnectProviderArn"]


@pytest.fixture
def by_token(deployed: Deployed, provider: str) -> Role:
    issuer = f"https://oidc.example.com/{deployed.name}"
    world, secret = deployed.world(), deployed.outputs["loginSecretArn"]
    worlds.with_keys(world, identity="irsa", oidcIssuer=issuer)
    trust = token_trust(provider, issuer, AUDIENCE, SYSTEM, "login-reader")
    role = made_role(
        deployed, world, f"{deployed.name}-reads", trust, allow("secretsmanager:GetSecretValue", resource=secret)
    )
    annotations = {"eks.amazonaws.com/role-arn": world.outputs["identityArn"]}
    world.documents[f"/api/v1/namespaces/{SYSTEM}/serviceaccounts/login-reader"] = {
        "metadata": {"annotations": annotations}
    }
    world.documents["/.well-known/openid-configuration"] = {"issuer": issuer}
    return role


@pytest.fixture
def by_association(deployed: Deployed) -> Iterator[Role]:
    """For a service account of the platform's own cluster. Its stack is of mode `cronjob`."""
    iam, eks = deployed.client("iam"), deployed.client("eks")
    service = {"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [service]})
    of_cluster = iam.create_role(RoleName=f"{deployed.name}-eks", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    made = eks.create_cluster(name=LOCAL_CLUSTER, roleArn=of_cluster, resourcesVpcConfig={"subnetIds": ["subnet-1"]})
    world = worlds.cronjob_world(identity="pod-identity", eksCluster=LOCAL_CLUSTER)
    world.config["aws:region"] = REGION
    world.aws = BotoAws(Access(REGION))
    trust = pod_trust(made["cluster"]["arn"], SYSTEM, "refresher")
    role = made_role(deployed, world, f"{deployed.name}-pods", trust, PULLS)
    associate(role)
    yield role
    dissociate(role)
    eks.delete_cluster(name=LOCAL_CLUSTER)


def associate(role: Role, arn: str | None = None) -> None:
    role.eks.create_pod_identity_association(
        clusterName=LOCAL_CLUSTER,
        namespace=SYSTEM,
        serviceAccount="refresher",
        roleArn=arn or role.world.outputs["identityArn"],
    )


def dissociate(role: Role) -> None:
    for found in role.eks.list_pod_identity_associations(clusterName=LOCAL_CLUSTER)["associations"]:
        role.eks.delete_pod_identity_association(clusterName=LOCAL_CLUSTER, associationId=found["associationId"])


@pytest.mark.parametrize("which", ["by_token", "by_association"])
def test_a_role_that_may_be_had_is_well(which: str, request: pytest.FixtureRequest) -> None:
    role = request.getfixturevalue(which)
    link = role.world.link("identity")
    assert (link.state, link.detail) == ("ok", f"role {role.name}")


def arn_of_provider(role: Role) -> str:
    return f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.example.com/{role.deployed.name}"


def for_others(role: Role) -> None:
    arn = arn_of_provider(role)
    role.iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="other")
    role.iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID=AUDIENCE)


BY_TOKEN: dict[str, tuple[Callable[[Role], object], str]] = {
    "the issuer is not known": (
        lambda it: it.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn_of_provider(it)),
        "IAM does not know the cluster's issuer",
    ),
    "the issuer is known for others": (for_others, f"but not for the audience {AUDIENCE}"),
    "another service account is trusted": (
        lambda it: it.trusting(it.trust.replace("login-reader", "login-reader-2")),
        f"does not trust system:serviceaccount:{SYSTEM}:login-reader",
    ),
    "the rights are gone": (
        lambda it: it.iam.delete_role_policy(RoleName=it.name, PolicyName="inline"),
        "is not allowed secretsmanager:GetSecretValue",
    ),
}


@pytest.mark.parametrize(("inject", "sentence"), BY_TOKEN.values(), ids=BY_TOKEN.keys())
def test_what_keeps_tokens_from_the_role_is_named(
    by_token: Role, inject: Callable[[Role], object], sentence: str
) -> None:
    inject(by_token)
    link = by_token.world.link("identity")
    assert link.state == "broken"
    assert sentence in link.detail


def gives_another(role: Role) -> None:
    dissociate(role)
    other = role.iam.create_role(RoleName=f"{role.name}-2", AssumeRolePolicyDocument=role.trust)["Role"]["Arn"]
    associate(role, other)


BY_ASSOCIATION: dict[str, tuple[Callable[[Role], object], str]] = {
    "no association": (dissociate, "gives the service account everpull-dev/refresher no role"),
    "another role": (gives_another, "gives the service account everpull-dev/refresher another role"),
    "another namespace is trusted": (
        lambda it: it.trusting(it.trust.replace(f'"{SYSTEM}"', '"other"')),
        f"does not trust pods of system:serviceaccount:{SYSTEM}:refresher",
    ),
    "no such cluster": (
        lambda it: worlds.with_keys(it.world, mode="cronjob", identity="pod-identity", eksCluster="none"),
        "the EKS cluster none does not exist",
    ),
}


@pytest.mark.parametrize(("inject", "sentence"), BY_ASSOCIATION.values(), ids=BY_ASSOCIATION.keys())
def test_what_keeps_pods_from_the_role_is_named(
    by_association: Role, inject: Callable[[Role], object], sentence: str
) -> None:
    inject(by_association)
    link = by_association.world.link("identity")
    assert link.state == "broken"
    assert sentence in link.detail


@pytest.fixture
def rotated(deployed: Deployed, way: dict[str, str]) -> Deployed:
    """Secrets Manager rotates the secret, from the next time on."""
    functions, secret = deployed.client("lambda"), deployed.outputs["loginSecretArn"]
    functions.add_permission(
        FunctionName=deployed.name,
        StatementId="rotation",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
        SourceArn=secret,
        SourceAccount=ACCOUNT,
    )
    rights = allow("secretsmanager:DescribeSecret", "secretsmanager:UpdateSecretVersionStage", resource=secret)
    deployed.client("iam").put_role_policy(
        RoleName=deployed.name, PolicyName="rotation", PolicyDocument=json.dumps(rights)
    )
    # A rotation asks registries for itself whether they take the login.
    tries_logins = {"AWS_CA_BUNDLE": way["AWS_CA_BUNDLE"]}
    variables = functions.get_function_configuration(FunctionName=deployed.name)["Environment"]["Variables"]
    functions.update_function_configuration(
        FunctionName=deployed.name, Environment={"Variables": {**variables, **ENVIRONMENT, **tries_logins}}
    )
    rotate(deployed, RATE)
    wait_until("the step testSecret is over", lambda: not is_pending(deployed))
    return deployed


def is_pending(deployed: Deployed) -> bool:
    found = deployed.client("secretsmanager").describe_secret(SecretId=deployed.outputs["loginSecretArn"])
    return any(labels == ["AWSPENDING"] for labels in found["VersionIdsToStages"].values())


def rotate(deployed: Deployed, rate: str) -> None:
    deployed.client("secretsmanager").rotate_secret(
        SecretId=deployed.outputs["loginSecretArn"],
        RotationLambdaARN=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{deployed.name}",
        RotationRules={"ScheduleExpression": rate, "Duration": "1h"},
        RotateImmediately=False,
    )


def by_rotation(deployed: Deployed) -> World:
    world = deployed.world()
    worlds.with_keys(world, trigger="rotation", repositories=[f"{deployed.name}/*"])
    del world.outputs["scheduleRule"]
    world.outputs["rotation"] = RATE
    return world


def test_a_rotation_that_is_as_it_should_be_is_well(rotated: Deployed) -> None:
    world = by_rotation(rotated)
    link = world.link("rotation")
    assert link.state == "ok", link.detail
    assert link.detail.startswith("next rotation by ")
    assert world.link("function").state == "ok", world.link("function").detail


ROTATION: dict[str, tuple[Callable[[Deployed], object], str]] = {
    "it is off": (
        lambda it: it.client("secretsmanager").cancel_rotate_secret(SecretId=it.outputs["loginSecretArn"]),
        "the secret's rotation is off",
    ),
    "it may not run the function": (
        lambda it: it.client("lambda").remove_permission(FunctionName=it.name, StatementId="rotation"),
        "does not let Secrets Manager run it",
    ),
    "it is slower": (
        lambda it: rotate(it, "rate(10 days)"),
        "is rotated by rate(10 days), and the stack says rate(4 hours)",
    ),
}


@pytest.mark.parametrize(("inject", "sentence"), ROTATION.values(), ids=ROTATION.keys())
def test_what_keeps_the_secret_from_being_rotated_is_named(
    rotated: Deployed, inject: Callable[[Deployed], object], sentence: str
) -> None:
    inject(rotated)
    link = by_rotation(rotated).link("rotation")
    assert link.state == "breaking"
    assert sentence in link.detail
