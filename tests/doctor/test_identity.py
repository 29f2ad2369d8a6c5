"""Identities that are roles: who trusts whom, and who vouches for it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from components.policy import pod_trust, token_trust
from tests.doctor.breaking import UP
from tests.doctor.fakes import Denied, Gone
from tests.doctor.generator_worlds import generator_world
from tests.doctor.worlds import SECRET_ARN, SYSTEM, World, cronjob_world, lambda_world, statement

ROLE = "arn:aws:iam::123456789012:role/everpull-dev-cluster-role-1"
ROLE_NAME = ROLE.rpartition("/")[2]
ISSUER = "https://oidc.example.com/a"
PROVIDER = "arn:aws:iam::123456789012:oidc-provider/oidc.example.com/a"
ACCOUNTS = f"/api/v1/namespaces/{SYSTEM}/serviceaccounts"
OPENID = "/.well-known/openid-configuration"
AUDIENCE = "sts.amazonaws.com"
CLUSTER = "arn:aws:eks:eu-central-1:123456789012:cluster/main"
ASSOCIATION = "eks describe_pod_identity_association"


def answer(document: str) -> dict[str, Any]:
    return {"Role": {"AssumeRolePolicyDocument": json.loads(document)}}


def trust(account: str, provider: str = PROVIDER, issuer: str = ISSUER, audience: str = AUDIENCE) -> dict[str, Any]:
    return answer(token_trust(provider, issuer, audience, SYSTEM, account))


def less(action: str, account: str) -> dict[str, Any]:
    """A trust that does not let the action."""
    return json.loads(json.dumps(trust(account)).replace(action, "sts:Other"))


def with_role(world: World, account: str, rights: dict[str, Any]) -> World:
    world.outputs["identityArn"] = ROLE
    world.aws.answers |= {
        "iam get_role": trust(account),
        "iam get_open_id_connect_provider": {"ClientIDList": [AUDIENCE]},
        f"iam list_role_policies {ROLE_NAME}": {"PolicyNames": ["of-identity"]},
        "iam get_role_policy of-identity": rights,
    }
    world.documents[f"{ACCOUNTS}/{account}"] = {"metadata": {"annotations": {"eks.amazonaws.com/role-arn": ROLE}}}
    world.documents[OPENID] = {"issuer": ISSUER}
    return world


def of_lambda() -> World:
    read = statement(["secretsmanager:GetSecretValue"], SECRET_ARN)
    rights = {"PolicyDocument": {"Statement": [read]}}
    return with_role(lambda_world(identity="irsa", oidcIssuer=ISSUER), "login-reader", rights)


def of_generator() -> World:
    world = generator_world(identity="irsa", oidcIssuer=ISSUER)
    world.outputs["refresherArn"] = ROLE
    return with_role(world, "login-fetcher", world.answers["iam get_user_policy"])


def of_cron_job() -> World:
    world = cronjob_world(identity="irsa", oidcIssuer=ISSUER)
    world.outputs["refresherArn"] = ROLE
    return with_role(world, "refresher", world.answers["iam get_user_policy"])


def by_association() -> World:
    world = cronjob_world(identity="pod-identity", eksCluster="main")
    world.outputs |= {"identityArn": ROLE, "refresherArn": ROLE}
    world.aws.answers |= {
        "iam get_role": answer(pod_trust(CLUSTER, SYSTEM, "refresher")),
        "eks list_pod_identity_associations": {"associations": [{"associationId": "a-1"}]},
        ASSOCIATION: {"association": {"roleArn": ROLE}},
        "iam list_role_policies": world.answers["iam list_user_policies"],
        "iam get_role_policy": world.answers["iam get_user_policy"],
    }
    return world


BY_TOKEN = {"lambda": (of_lambda, "login-reader"), "generator": (of_generator, "login-fetcher")}


@pytest.mark.parametrize("made", [of_lambda, of_generator, of_cron_job, by_association])
def test_a_role_that_may_be_had_is_well(made: Callable[[], World]) -> None:
    link = made().link("identity")
    assert (link.state, link.detail) == ("ok", f"role {ROLE_NAME}")


@pytest.mark.parametrize(("made", "account"), BY_TOKEN.values(), ids=BY_TOKEN.keys())
@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        (lambda _: {"iam get_role": Gone}, f"the role {ROLE_NAME} does not exist"),
        (lambda _: {"iam get_role": trust("default")}, "does not trust system:serviceaccount:everpull-dev:"),
        (lambda account: {"iam get_role": trust(f"{account}-2")}, "does not trust system:serviceaccount:everpull-dev:"),
        (lambda account: {"iam get_role": trust(account, issuer=f"{ISSUER}b")}, "does not trust"),
        (lambda account: {"iam get_role": less("sts:AssumeRoleWithWebIdentity", account)}, "does not trust"),
        (lambda account: {"iam get_role": less("Allow", account)}, "does not trust"),
        (
            lambda account: {"iam get_role": trust(account, audience="other")},
            f"takes no token that is meant for {AUDIENCE}",
        ),
        (lambda _: {"iam get_open_id_connect_provider": Gone}, "IAM does not know the cluster's issuer"),
        (
            lambda account: {"iam get_role": trust(account, f"{PROVIDER}b", f"{ISSUER}b")},
            f"and the cluster's issuer is {ISSUER}",
        ),
        (lambda _: {"iam get_role_policy of-identity": {"PolicyDocument": {}}}, "is not allowed"),
    ],
)
def test_a_role_that_cant_be_had_by_tokens_is_broken(
    made: Callable[[], World], account: str, answers: Callable[[str], dict[str, Any]], sentence: str
) -> None:
    world = made()
    world.answers.update(answers(account))
    link = world.link("identity")
    assert (link.state, link.fix) == ("broken", UP)
    assert sentence in link.detail


def test_an_issuer_that_is_known_for_others_only_is_broken() -> None:
    world = of_generator()
    world.answers["iam get_open_id_connect_provider"] = {"ClientIDList": ["other"]}
    link = world.link("identity")
    assert f"but not for the audience {AUDIENCE}" in link.detail
    assert f"add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {PROVIDER}" in link.fix


def test_a_trust_that_lets_others_in_besides_is_well() -> None:
    """As somebody may have written it: a list of accounts, in a statement behind another one."""
    world = of_generator()
    document = world.answers["iam get_role"]["Role"]["AssumeRolePolicyDocument"]
    (mine,) = document["Statement"]
    equal = mine["Condition"]["StringEquals"]
    subject = "oidc.example.com/a:sub"
    equal[subject] = ["system:serviceaccount:other:other", equal[subject]]
    document["Statement"] = [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["sts:AssumeRole"]}, mine]
    assert world.link("identity").state == "ok"


@pytest.mark.parametrize(("made", "account"), BY_TOKEN.values(), ids=BY_TOKEN.keys())
@pytest.mark.parametrize(
    ("metadata", "sentence"), [(None, "does not exist"), ({"annotations": {}}, f"does not name the role {ROLE_NAME}")]
)
def test_the_service_account_must_name_the_role(
    made: Callable[[], World], account: str, metadata: dict[str, Any] | None, sentence: str
) -> None:
    world = made()
    world.documents[f"{ACCOUNTS}/{account}"] = metadata and {"metadata": metadata}
    link = world.link("identity")
    assert (link.state, link.detail) == ("broken", f"the service account {SYSTEM}/{account} {sentence}")


OTHER_PODS = pod_trust(CLUSTER, SYSTEM, "other")
OTHER_CLUSTER = pod_trust(f"{CLUSTER}-2", SYSTEM, "refresher")


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        (
            {"eks list_pod_identity_associations": {"associations": []}},
            f"EKS cluster main gives the service account {SYSTEM}/refresher no role",
        ),
        (
            {ASSOCIATION: {"association": {"roleArn": f"{ROLE}-2"}}},
            f"EKS cluster main gives the service account {SYSTEM}/refresher another role ({ROLE}-2)",
        ),
        ({"eks list_pod_identity_associations": Gone}, "the EKS cluster main does not exist"),
        ({"iam get_role": answer(OTHER_PODS)}, f"does not trust pods of system:serviceaccount:{SYSTEM}:refresher"),
        ({"iam get_role": answer(OTHER_CLUSTER)}, f"{ROLE_NAME} does not trust pods of"),
        (
            {"iam get_role": answer(pod_trust(CLUSTER, SYSTEM, "refresher").replace("sts:TagSession", "sts:Other"))},
            "does not trust pods of",
        ),
        ({"iam get_role": {"Role": {"AssumeRolePolicyDocument": {"Statement": []}}}}, "does not trust"),
    ],
)
def test_pods_that_get_no_role_are_told(answers: dict[str, Any], sentence: str) -> None:
    world = by_association()
    world.answers.update(answers)
    link = world.link("identity")
    assert link.state == "broken"
    assert sentence in link.detail


def test_who_may_not_look_at_the_association_is_told_so() -> None:
    world = by_association()
    world.answers[ASSOCIATION] = Denied("eks:DescribePodIdentityAssociation")
    link = world.link("identity")
    assert (link.state, "no right to eks:DescribePodIdentityAssociation" in link.detail) == ("unknown", True)
