"""Identities without static keys: issuers that IAM knows and roles of pods, by scripted requests and with the real engine."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.local_aws.platform import ACCOUNT, REGION, Stand, refused
from tests.local_providers.aws.engine import Stack
from tests.local_providers.aws.scripted import ANY_REQUEST, Scripted

PROVIDER = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
ARN = f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.example/id/1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
ISSUER = {"url": "https://oidc.example/id/1", "clientIdLists": ["a", "b"]}
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
pytestmark = pytest.mark.usefixtures("quick")


def found(*clients: str, thumbprint: str = "a") -> dict[str, Any]:
    return {"Url": "oidc.example/id/1", "ClientIDList": list(clients), "ThumbprintList": [thumbprint * 40]}


def test_an_issuer_is_made_and_shown_as_iam_shows_it():
    run = Scripted(PROVIDER)
    sent = {"Url": ISSUER["url"], "ClientIDList": ["a", "b"]}
    run.answer("iam", "create_open_id_connect_provider", sent, {"OpenIDConnectProviderArn": ARN})
    run.answer("iam", "get_open_id_connect_provider", {"OpenIDConnectProviderArn": ARN}, found("b", "a"))
    made = run.create(ISSUER)
    run.done()
    assert (made.id, made.outputs["arn"], made.outputs["url"]) == (ARN, ARN, "oidc.example/id/1")
    assert made.outputs["thumbprintLists"] == ["a" * 40]
    assert made.outputs["clientIdLists"] == ["a", "b"]


def test_audiences_are_added_before_others_are_taken_away():
    run = Scripted(PROVIDER)
    state = {**ISSUER, "url": "oidc.example/id/1", "thumbprintLists": ["a" * 40], "tags": {}, "tagsAll": {}}
    at = {"OpenIDConnectProviderArn": ARN}
    run.answer("iam", "update_open_id_connect_provider_thumbprint", {**at, "ThumbprintList": ["b" * 40]}, {})
    run.answer("iam", "add_client_id_to_open_id_connect_provider", {**at, "ClientID": "c"}, {})
    run.answer("iam", "remove_client_id_from_open_id_connect_provider", {**at, "ClientID": "a"}, {})
    run.answer("iam", "get_open_id_connect_provider", at, found("b", "c", thumbprint="b"))
    wanted = {**ISSUER, "clientIdLists": ["b", "c"], "thumbprintLists": ["b" * 40]}
    assert run.update(ARN, state, wanted)["clientIdLists"] == ["b", "c"]
    run.done()


def test_an_issuer_is_imported_by_its_arn():
    run = Scripted(PROVIDER)
    run.answer("iam", "get_open_id_connect_provider", {"OpenIDConnectProviderArn": ARN}, found("a"))
    seen = run.read(ARN)
    assert seen is not None
    assert (seen.id, seen.inputs["url"], seen.inputs["clientIdLists"]) == (ARN, "oidc.example/id/1", ["a"])


def association(**more: Any) -> dict[str, Any]:
    shown = {
        "clusterName": "c",
        "namespace": "n",
        "serviceAccount": "s",
        "roleArn": ROLE,
        "disableSessionTags": False,
        "associationId": "a-1",
        "associationArn": f"arn:aws:eks:{REGION}:{ACCOUNT}:podidentityassociation/c/a-1",
    }
    return {"association": {**shown, **more}}


def test_an_association_waits_for_its_role():
    run = Scripted(ASSOCIATION)
    inputs = {"clusterName": "c", "namespace": "n", "serviceAccount": "s", "roleArn": ROLE}
    said = "Role provided in the request does not exist."
    run.refuse("eks", "create_pod_identity_association", "InvalidParameterException", said)
    run.answer("eks", "create_pod_identity_association", ANY_REQUEST, association())
    where = {"clusterName": "c", "associationId": "a-1"}
    run.answer("eks", "describe_pod_identity_association", where, association())
    run.answer("eks", "list_tags_for_resource", ANY_REQUEST, {"tags": {}})
    made = run.create(inputs)
    run.done()
    assert (made.id, made.outputs["associationId"]) == ("a-1", "a-1")


def test_an_association_is_imported_by_cluster_and_id():
    run = Scripted(ASSOCIATION)
    where = {"clusterName": "c", "associationId": "a-1"}
    run.answer("eks", "describe_pod_identity_association", where, association())
    run.answer("eks", "list_tags_for_resource", ANY_REQUEST, {"tags": {"team": "a"}})
    seen = run.read("c,a-1")
    assert seen is not None
    assert seen.id == "a-1"
    assert {name: seen.inputs[name] for name in ("clusterName", "namespace", "serviceAccount", "roleArn", "tags")} == {
        "clusterName": "c",
        "namespace": "n",
        "serviceAccount": "s",
        "roleArn": ROLE,
        "tags": {"team": "a"},
    }


@pytest.fixture
def program(new_stack: Callable[..., Stack], tmp_path: Path) -> Callable[..., Stack]:
    """A stack of the program with this text."""

    def make(text: str) -> Stack:
        folder = tmp_path / "source"
        folder.mkdir()
        (folder / "Pulumi.yaml").write_text("name: identities\nruntime: python\n")
        head = "import json, os\nimport pulumi\nimport pulumi_aws as aws\nvariant = json.loads(os.environ['VARIANT'])\n"
        (folder / "__main__.py").write_text(head + text)
        return new_stack(folder)

    return make


@pytest.fixture
def cluster(stand: Stand, tmp_path: Path) -> str:
    """A cluster that EKS describes; its name."""
    name = tmp_path.name.replace("_", "-")[:40].strip("-")
    trust = {"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = stand.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    stand.client("eks").create_cluster(name=name, roleArn=arn, resourcesVpcConfig={"subnetIds": ["subnet-1"]})
    return name


WEB = """
issuer = aws.eks.get_cluster(name="{cluster}").identities[0].oidcs[0].issuer
provider = aws.iam.OpenIdConnectProvider(
    "cluster", url=issuer, client_id_lists=variant.get("clients", ["sts.amazonaws.com"]), tags=variant.get("tags", {{}})
)
prefix = provider.url.apply(lambda url: url.removeprefix("https://"))
trust = aws.iam.get_policy_document_output(
    statements=[
        {{
            "actions": ["sts:AssumeRoleWithWebIdentity"],
            "principals": [{{"type": "Federated", "identifiers": [provider.arn]}}],
            "conditions": [
                {{"test": "StringEquals", "variable": prefix.apply(lambda p: f"{{p}}:sub"), "values": ["s"]}},
                {{"test": "StringEquals", "variable": prefix.apply(lambda p: f"{{p}}:aud"), "values": ["a"]}},
            ],
        }}
    ]
)
role = aws.iam.Role("pod", assume_role_policy=trust.json)
known = aws.iam.get_open_id_connect_provider_output(url=provider.url.apply(lambda url: f"https://{{url}}"))
pulumi.export("issuer", issuer)
pulumi.export("arn", provider.arn)
pulumi.export("url", provider.url)
pulumi.export("known", known.arn)
pulumi.export("trust", role.assume_role_policy)
"""


def test_a_clusters_issuer_lives_in_iam(program: Callable[..., Stack], stand: Stand, cluster: str):
    stack = program(WEB.format(cluster=cluster))
    stack.up()
    out = stack.outputs()
    prefix = out["issuer"].removeprefix("https://")
    assert out["known"] == out["arn"] == f"arn:aws:iam::{ACCOUNT}:oidc-provider/{prefix}"
    assert out["url"] == prefix
    assert prefix != out["issuer"]
    conditions = json.loads(out["trust"])["Statement"][0]["Condition"]["StringEquals"]
    assert conditions == {f"{prefix}:sub": "s", f"{prefix}:aud": "a"}
    assert stack.up().changes == {}
    assert stack.refresh().differing == {}
    assert stack.up().changes == {}

    changed = {"clients": ["sts.amazonaws.com", "more"], "tags": {"team": "a"}}
    assert stack.up(changed).changes == {("OpenIdConnectProvider", "cluster"): "update"}
    iam, at = stand.client("iam"), {"OpenIDConnectProviderArn": out["arn"]}
    seen = iam.get_open_id_connect_provider(**at)
    assert (seen["ClientIDList"], seen["Tags"]) == (["sts.amazonaws.com", "more"], [{"Key": "team", "Value": "a"}])

    iam.delete_open_id_connect_provider(**at)
    assert stack.refresh(changed).only("delete") == {("OpenIdConnectProvider", "cluster"): "delete"}
    assert ("OpenIdConnectProvider", "cluster") in stack.up(changed).only("create")
    stack.destroy()
    assert {"Arn": out["arn"]} not in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]


PODS = """
def role(name):
    trust = {{
        "Effect": "Allow",
        "Principal": {{"Service": "pods.eks.amazonaws.com"}},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
    }}
    document = json.dumps({{"Version": "2012-10-17", "Statement": [trust]}})
    return aws.iam.Role(name, path="/pods/", assume_role_policy=document)


roles = {{name: role(name) for name in ("one", "two")}}
made = aws.eks.PodIdentityAssociation(
    "pod",
    cluster_name="{cluster}",
    namespace="team",
    service_account=variant.get("account", "puller"),
    role_arn=roles[variant.get("role", "one")].arn,
    tags=variant.get("tags", {{}}),
)
pulumi.export("id", made.association_id)
pulumi.export("arn", made.association_arn)
"""


def test_a_service_accounts_role_lives_in_eks(program: Callable[..., Stack], stand: Stand, cluster: str):
    stack = program(PODS.format(cluster=cluster))
    stack.up()
    out = stack.outputs()
    assert out["arn"] == f"arn:aws:eks:{REGION}:{ACCOUNT}:podidentityassociation/{cluster}/{out['id']}"
    assert stack.up().changes == {}
    assert stack.refresh().differing == {}

    changed = {"role": "two", "tags": {"team": "a"}}
    assert stack.up(changed).changes == {("PodIdentityAssociation", "pod"): "update"}
    eks = stand.client("eks")
    seen = eks.describe_pod_identity_association(clusterName=cluster, associationId=out["id"])["association"]
    assert ":role/pods/two-" in seen["roleArn"]
    assert eks.list_tags_for_resource(resourceArn=out["arn"])["tags"] == {"team": "a"}
    assert stack.refresh(changed).differing == {}

    replaced = stack.up({**changed, "account": "other"})
    assert replaced.changes == {("PodIdentityAssociation", "pod"): "replace"}
    assert stack.outputs()["id"] != out["id"]
    stack.destroy()
    assert eks.list_pod_identity_associations(clusterName=cluster)["associations"] == []


ROTATED = """
document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ecr:*", "Resource": "*"}]}
trust = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "pods.eks.amazonaws.com"}}],
}
user = aws.iam.User("cluster")
keys = [aws.iam.AccessKey(f"key-{n}", user=user.name, status=variant.get("status", "Active")) for n in (1, 2)]
limit = aws.iam.Policy("limit", policy=json.dumps(document))
bounds = {} if variant.get("unbound") else {"permissions_boundary": limit.arn}
role = aws.iam.Role("pod", path="/pods/", assume_role_policy=json.dumps(trust), **bounds)
pulumi.export("keys", [[key.id, key.secret] for key in keys])
pulumi.export("role", role.name)
pulumi.export("limit", limit.arn)
"""


def test_keys_are_switched_off_and_on_and_a_roles_boundary_goes_in_place(program: Callable[..., Stack], stand: Stand):
    stack = program(ROTATED)
    stack.up()
    out = stack.outputs()
    assert stack.refresh().differing == {}
    iam = stand.client("iam")
    bound = iam.get_role(RoleName=out["role"])["Role"]
    assert bound["PermissionsBoundary"]["PermissionsBoundaryArn"] == out["limit"]
    assert bound["Path"] == "/pods/"

    changed = {"status": "Inactive", "unbound": True}
    assert stack.up(changed).changes == {
        ("AccessKey", "key-1"): "update",
        ("AccessKey", "key-2"): "update",
        ("Role", "pod"): "update",
    }
    assert stack.outputs()["keys"] == out["keys"]
    for key in out["keys"]:
        with refused("InvalidClientTokenId"):
            stand.client("sts", tuple(key)).get_caller_identity()
    assert "PermissionsBoundary" not in iam.get_role(RoleName=out["role"])["Role"]
    assert stack.refresh(changed).differing == {}

    stack.up()
    for key in out["keys"]:
        assert stand.client("sts", tuple(key)).get_caller_identity()
    stack.destroy()
