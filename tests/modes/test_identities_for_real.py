"""Roles for service accounts, by the real engine: what is refused, what stays, and in what order identities come and go."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.local_aws.platform import ACCOUNT, REGION, ROOT, Stand, docker_registry
from tests.local_providers.aws.engine import Outcome, Stack

# The identity of a CronJob's pods, without a cluster.
PROGRAM = """
import json
import os

import pulumi

from components.identities import pod_identity
from components.policy import document, fetch_login
from modes.identities import identity_args, make_issuer
from settings import parse

variant = json.loads(os.environ["VARIANT"])
proven = variant.pop("proven", True)
settings = parse(
    {"aws:region": os.environ["AWS_REGION"], "everpull:mode": "cronjob"}
    | {f"everpull:{key}": value for key, value in variant.items()},
    "test",
)
args = identity_args(settings, "aws", "ACCOUNT")
made = pod_identity(
    settings.owner,
    {
        "owner": settings.owner,
        "policy": document(fetch_login()),
        "namespace": settings.system_namespace,
        "service_account": "refresher",
        "credentials_secret_name": "none",
        "labels": settings.labels,
        **args,
    },
    pulumi.ResourceOptions(depends_on=make_issuer(settings, args)),
)


def prove(arn):
    if not proven:
        raise pulumi.RunError("the identity is not proven")
    return arn


pulumi.export("role", made.arn.apply(prove))
pulumi.export("environment", made.environment)
""".replace("ACCOUNT", ACCOUNT)
DEPLOYER = ROOT / "docs" / "iam" / "deploy-roles.json"
ISSUER = "https://oidc.example.com/cluster-a"
ARN = f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.example.com/cluster-a"
OTHERS = {"identity": "irsa", "oidcIssuer": ISSUER}
OURS = {**OTHERS, "createOidcProvider": "true"}
ASSOCIATED = {"identity": "pod-identity", "eksCluster": "main"}


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with docker_registry(tmp_path_factory.mktemp("registry") / "registry") as backend:
        running = Stand(tmp_path_factory.mktemp("aws") / "stand", backend)
        running.start()
        trust = {"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        role = running.client("iam").create_role(RoleName="cluster", AssumeRolePolicyDocument=document)["Role"]["Arn"]
        running.client("eks").create_cluster(name="main", roleArn=role, resourcesVpcConfig={"subnetIds": ["subnet-1"]})
        yield running
        running.stop()


@pytest.fixture
def stack(stand: Stand, tmp_path: Path) -> Iterator[Stack]:
    source = tmp_path / "source"
    source.mkdir()
    (source / "Pulumi.yaml").write_text("name: identities\nruntime: python\n")
    (source / "__main__.py").write_text(PROGRAM)
    made = Stack(tmp_path / "stack", stand, source, PYTHONPATH=str(ROOT), KUBECONFIG=str(tmp_path / "none"))
    yield made
    made.destroy()


@pytest.fixture
def known(stand: Stand) -> Iterator[None]:
    """Somebody else has told IAM of the issuer."""
    iam = stand.client("iam")
    iam.create_open_id_connect_provider(Url=ISSUER, ClientIDList=["sts.amazonaws.com"])
    yield
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=ARN)


def issuers(stand: Stand) -> list[str]:
    listed = stand.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
    return [item["Arn"] for item in listed]


def associations(stand: Stand) -> list[dict[str, Any]]:
    return stand.client("eks").list_pod_identity_associations(clusterName="main")["associations"]


def roles(stand: Stand) -> list[str]:
    """The stack's roles, with their paths."""
    found = stand.client("iam").list_roles()["Roles"]
    return [role["Path"] + role["RoleName"] for role in found if role["RoleName"].startswith("everpull-test-")]


def told(outcome: Outcome) -> str:
    return " ".join(outcome.text.split())


def deleted(outcome: Outcome) -> list[str]:
    """Names of what the engine deleted, in its order, components aside."""
    return [name for (kind, name), step in outcome.steps.items() if step == "delete" and kind[0].isupper()]


def test_an_issuer_that_the_stack_makes_known_is_no_fault_of_its_own_later_runs(stack: Stack, stand: Stand) -> None:
    assert stack.preview(OURS).code == 0
    assert issuers(stand) == []
    stack.up(OURS)
    assert issuers(stand) == [ARN]
    assert stack.preview(OURS).changes == {}
    assert stack.up(OURS).changes == {}
    assert stack.refresh(OURS).differing == {}
    assert stack.up(OURS).changes == {}


def test_an_issuer_that_the_stack_made_known_is_not_taken_away_by_a_word(stack: Stack, stand: Stand) -> None:
    stack.up(OURS)
    for operate in (stack.preview, stack.up):
        text = told(operate(OTHERS, fails=True))
        assert "everpull:createOidcProvider = false would take the issuer" in text
        assert "because this stack made it known" in text
        assert "Traceback" not in text
    assert issuers(stand) == [ARN]


def test_an_issuer_that_the_stack_made_known_is_left_to_others(stack: Stack, stand: Stand, tmp_path: Path) -> None:
    """As docs/identities.md says."""
    stack.up(OURS)
    before = roles(stand)
    file = tmp_path / "state.json"
    stack.run("stack", "export", "--file", str(file))
    content = json.loads(file.read_text())
    resources = content["deployment"]["resources"]
    (urn,) = (found["urn"] for found in resources if found["urn"].endswith("-issuer-provider"))
    content["deployment"]["resources"] = [found for found in resources if found["urn"] != urn]
    for found in content["deployment"]["resources"]:
        for listed in [found.get("dependencies") or [], *(found.get("propertyDependencies") or {}).values()]:
            if listed and urn in listed:
                listed.remove(urn)
    file.write_text(json.dumps(content))
    stack.run("stack", "import", "--file", str(file))
    stand.client("iam").untag_open_id_connect_provider(OpenIDConnectProviderArn=ARN, TagKeys=["everpull:owner"])
    assert {kind for kind, _ in stack.up(OTHERS).changes} == {"ClusterIssuer"}, "the component alone"
    assert roles(stand) == before
    stack.destroy()
    assert issuers(stand) == [ARN]
    stand.client("iam").delete_open_id_connect_provider(OpenIDConnectProviderArn=ARN)


@pytest.mark.usefixtures("known")
def test_an_issuer_that_somebody_else_made_known_is_used_and_not_made_and_stays(stack: Stack, stand: Stand) -> None:
    for operate in (stack.preview, stack.up):
        text = told(operate(OURS, fails=True))
        assert (
            f"everpull:createOidcProvider = true would tell IAM of the issuer {ISSUER}, which it knows already" in text
        )
        assert "pulumi config rm everpull:createOidcProvider" in text
        assert "Traceback" not in text
    stack.up(OTHERS)
    assert stack.up(OTHERS).changes == {}
    stack.destroy()
    assert issuers(stand) == [ARN]


def test_an_issuer_that_nobody_made_known_is_refused_at_preview(stack: Stack) -> None:
    text = told(stack.preview(OTHERS, fails=True))
    assert f"leaves it to others to tell IAM of the issuer {ISSUER}, and IAM does not know it" in text
    assert "pulumi config set everpull:createOidcProvider true" in text


def test_an_eks_clusters_issuer_and_what_is_no_cluster(stack: Stack, stand: Stand) -> None:
    issuer = stand.client("eks").describe_cluster(name="main")["cluster"]["identity"]["oidc"]["issuer"]
    stack.up({"identity": "irsa", "eksCluster": "main", "createOidcProvider": "true"})
    (arn,) = issuers(stand)
    assert arn.endswith(f":oidc-provider/{issuer.removeprefix('https://')}")
    for identity in ("irsa", "pod-identity"):
        text = told(stack.preview({"identity": identity, "eksCluster": "other"}, fails=True))
        assert "everpull:eksCluster = other does not exist in this account and region" in text


def test_an_association_is_made_once_and_one_that_is_in_its_way_is_refused(stack: Stack, stand: Stand) -> None:
    stack.up(ASSOCIATED)
    (found,) = associations(stand)
    assert (found["namespace"], found["serviceAccount"]) == ("everpull-test", "refresher")
    assert stack.up(ASSOCIATED).changes == {}
    assert stack.refresh(ASSOCIATED).differing == {}
    role = stack.outputs()["role"]
    assert stack.outputs()["environment"] == [{"name": "EVERPULL_POD_ROLE", "value": role}]
    stack.destroy()
    assert associations(stand) == []
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    by_hand = stand.client("iam").create_role(RoleName="by-hand", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    eks, place = stand.client("eks"), {"namespace": "everpull-test", "serviceAccount": "refresher"}
    other = eks.create_pod_identity_association(clusterName="main", roleArn=by_hand, **place)["association"]
    text = told(stack.preview(ASSOCIATED, fails=True))
    assert "has a Pod Identity association of service account everpull-test/refresher" in text
    assert f"--cluster-name main --association-id {other['associationId']}" in text
    eks.delete_pod_identity_association(clusterName="main", associationId=other["associationId"])


def test_identities_move_when_the_next_one_is_proven_and_leave_nothing_behind(stack: Stack, stand: Stand) -> None:
    stack.up(OURS)
    (first,) = roles(stand)
    failed = stack.up({**ASSOCIATED, "proven": False}, fails=True)
    assert deleted(failed) == []
    assert first in roles(stand)
    trust = stand.client("iam").get_role(RoleName=first.lstrip("/"))["Role"]["AssumeRolePolicyDocument"]
    assert ARN in json.dumps(trust), "whoever uses it now still may"
    moved = stack.up(ASSOCIATED)
    assert {"everpull-test-cluster-role", "everpull-test-issuer-provider"} < set(deleted(moved))
    assert issuers(stand) == []
    assert [role.startswith("/everpull-test-pods-role") for role in roles(stand)] == [True]
    back = deleted(stack.up(OURS))
    assert back.index("everpull-test-pods-association") < back.index("everpull-test-pods-role")
    assert (associations(stand), issuers(stand)) == ([], [ARN])
    assert [role.startswith("/everpull-test-cluster-role") for role in roles(stand)] == [True]


@pytest.fixture(scope="module")
def bound(stand: Stand) -> str:
    """ARN of a policy that bounds rights."""
    everything = {"Effect": "Allow", "Action": "ecr:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
    return stand.client("iam").create_policy(PolicyName="bound", PolicyDocument=document)["Policy"]["Arn"]


def test_another_path_is_another_role_and_the_one_before_goes_last(stack: Stack, stand: Stand, bound: str) -> None:
    stack.up(ASSOCIATED)
    (before,) = roles(stand)
    elsewhere = {**ASSOCIATED, "iamPath": "/pods/", "permissionsBoundary": bound}
    failed = stack.up({**elsewhere, "proven": False}, fails=True)
    assert failed.only("delete") == {}
    assert before in roles(stand)
    stack.up(elsewhere)
    (role,) = roles(stand)
    assert role.startswith("/pods/everpull-test-pods-role")
    found = stand.client("iam").get_role(RoleName=role.rpartition("/")[2])["Role"]
    assert found["PermissionsBoundary"]["PermissionsBoundaryArn"] == bound
    assert [entry["roleArn"] for entry in associations_in_full(stand)] == [found["Arn"]]
    assert stack.up(elsewhere).changes == {}
    text = told(stack.preview({**elsewhere, "permissionsBoundary": f"{bound}2"}, fails=True))
    assert f"everpull:permissionsBoundary = {bound}2 does not exist" in text


@pytest.fixture
def deployer(stand: Stand) -> Iterator[dict[str, str]]:
    """The environment of somebody who has docs/iam/deploy-roles.json and no other right."""
    iam, text = stand.client("iam"), DEPLOYER.read_text(encoding="utf-8")
    places = {"ACCOUNT": ACCOUNT, "REGION": REGION, "CLUSTER": "main", "BOUNDARY": "bound"}
    for place, value in {**places, "ISSUER": ISSUER.removeprefix("https://")}.items():
        text = text.replace(place, value)
    document = json.loads(text)
    # Of these calls the emulator does not tell its policies which resource they are about: it asks for a right on all.
    granted = [action for statement in document["Statement"] for action in statement["Action"]]
    unplaced = [action for action in granted if action.startswith("eks:")]
    document["Statement"].append({"Effect": "Allow", "Action": unplaced, "Resource": "*"})
    policy = iam.create_policy(PolicyName="deployer", PolicyDocument=json.dumps(document))["Policy"]["Arn"]
    iam.create_user(UserName="deployer")
    iam.attach_user_policy(UserName="deployer", PolicyArn=policy)
    key = iam.create_access_key(UserName="deployer")["AccessKey"]
    yield {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    iam.delete_access_key(UserName="deployer", AccessKeyId=key["AccessKeyId"])
    iam.detach_user_policy(UserName="deployer", PolicyArn=policy)
    iam.delete_user(UserName="deployer")
    iam.delete_policy(PolicyArn=policy)


def test_the_deployers_policy_is_enough_for_every_identity_without_a_key(
    stack: Stack, bound: str, deployer: dict[str, str]
) -> None:
    administrator = dict(stack.environment)
    stack.environment.update(deployer)
    try:
        for variant in (OURS, {**ASSOCIATED, "permissionsBoundary": bound}, ASSOCIATED):
            assert "not checked" not in stack.up(variant).text
            assert stack.refresh(variant).differing == {}
        stack.destroy()
    finally:
        stack.environment.update(administrator)


def associations_in_full(stand: Stand) -> list[dict[str, Any]]:
    eks = stand.client("eks")
    return [
        eks.describe_pod_identity_association(clusterName="main", associationId=entry["associationId"])["association"]
        for entry in associations(stand)
    ]
