"""Identities that are roles."""

from typing import Any

import pytest

from tests.doctor.breaking import UP
from tests.doctor.fakes import Gone
from tests.doctor.worlds import SECRET_ARN, SYSTEM, World, cronjob_world, lambda_world, statement

ROLE = "arn:aws:iam::123456789012:role/everpull-dev-cluster-role-1"
PROVIDER = "arn:aws:iam::123456789012:oidc-provider/oidc.example.com/a"
ACCOUNT = f"/api/v1/namespaces/{SYSTEM}/serviceaccounts/login-reader"
OPENID = "/.well-known/openid-configuration"


def trust(subject: str, provider: str = PROVIDER) -> dict[str, Any]:
    document = {
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Federated": provider},
                "Condition": {"StringEquals": {"oidc.example.com/a:sub": f"system:serviceaccount:{SYSTEM}:{subject}"}},
            }
        ]
    }
    return {"Role": {"AssumeRolePolicyDocument": document}}


def by_token() -> World:
    world = lambda_world(identity="irsa", oidcIssuer="https://oidc.example.com/a")
    world.outputs["identityArn"] = ROLE
    world.aws.answers |= {
        "iam get_role": trust("login-reader"),
        "iam get_open_id_connect_provider": {},
        f"iam list_role_policies {ROLE.rpartition('/')[2]}": {"PolicyNames": ["reads"]},
        "iam get_role_policy reads": {
            "PolicyDocument": {"Statement": [statement(["secretsmanager:GetSecretValue"], SECRET_ARN)]}
        },
    }
    world.documents[ACCOUNT] = {"metadata": {"annotations": {"eks.amazonaws.com/role-arn": ROLE}}}
    world.documents[OPENID] = {"issuer": "https://oidc.example.com/a"}
    return world


def by_association() -> World:
    world = cronjob_world(identity="pod-identity", eksCluster="main")
    world.outputs |= {"identityArn": ROLE, "refresherArn": ROLE}
    document = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}}]}
    world.aws.answers |= {
        "iam get_role": {"Role": {"AssumeRolePolicyDocument": document}},
        "eks list_pod_identity_associations": {"associations": [{"associationId": "a-1"}]},
        "iam list_role_policies": world.answers["iam list_user_policies"],
        "iam get_role_policy": world.answers["iam get_user_policy"],
    }
    return world


@pytest.mark.parametrize("world", [by_token(), by_association()], ids=["token", "association"])
def test_a_role_that_may_be_had_is_well(world: World) -> None:
    link = world.link("identity")
    assert (link.state, link.detail) == ("ok", "role everpull-dev-cluster-role-1")


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({"iam get_role": Gone}, "the role everpull-dev-cluster-role-1 does not exist"),
        ({"iam get_role": trust("default")}, "does not trust system:serviceaccount:everpull-dev:login-reader"),
        ({"iam get_open_id_connect_provider": Gone}, "IAM does not know the cluster's issuer"),
        (
            {"iam get_role": trust("login-reader", f"{PROVIDER}b")},
            "and the cluster's issuer is https://oidc.example.com/a",
        ),
        ({"iam get_role_policy reads": {"PolicyDocument": {}}}, "is not allowed secretsmanager:GetSecretValue"),
    ],
)
def test_a_role_that_cant_be_had_by_tokens_is_broken(answer: dict[str, Any], sentence: str) -> None:
    world = by_token()
    world.answers.update(answer)
    link = world.link("identity")
    assert (link.state, link.fix) == ("broken", UP)
    assert sentence in link.detail


@pytest.mark.parametrize(
    ("metadata", "sentence"),
    [(None, "login-reader does not exist"), ({"annotations": {}}, "login-reader does not name the role")],
)
def test_the_service_account_must_name_the_role(metadata: dict[str, Any] | None, sentence: str) -> None:
    world = by_token()
    world.documents[ACCOUNT] = metadata and {"metadata": metadata}
    assert sentence in world.link("identity").detail


def test_without_an_association_pods_get_no_role() -> None:
    world = by_association()
    world.answers["eks list_pod_identity_associations"] = {"associations": []}
    link = world.link("identity")
    assert "EKS cluster main gives the service account everpull-dev/refresher no role" in link.detail
    assert link.state == "broken"
