"""NodePullPolicy and RepositoryAccess with the real engine, against an AWS side that judges each pull by both policies."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.local_aws.images import PULL, Image, ask, seed, token
from tests.local_aws.platform import ACCOUNT, ADMIN, REGION, ROOT, Stand, allow
from tests.local_providers.aws.engine import Outcome, Stack

OWNER = "222222222222"
TOKEN = "ecr:GetAuthorizationToken"
HEAD = """
import json, os
import pulumi
import pulumi_aws as aws

variant = json.loads(os.environ["VARIANT"])


def stop_at(findings):
    if findings:
        raise pulumi.RunError("\\n".join(f"{f.about} {f.name}: {f.problem}: {f.example}" for f in findings))
"""
NODES = f"""
from components.aws_reads import Access
from components.node_pull_policy import NodePullPolicy
from components.node_roles import AwsNodeRoles, find_node_roles

roles, findings = find_node_roles(variant["roles"], variant["clusters"], AwsNodeRoles(Access("{REGION}")))
stop_at(findings)
registry = "arn:aws:ecr:{REGION}:{ACCOUNT}:repository/"
made = NodePullPolicy("everpull-nodes", {{
    "roles": [role.name for role in roles],
    "repository_arns": [registry + name for name in variant["repositories"]],
    "pull_through_arns": [registry + name for name in variant.get("caches", [])],
}})
pulumi.export("roles", made.roles)
"""
OTHERS = f"""
from components.repository_access import RepositoryAccess
from components.repository_policies import EcrRepositoryPolicies, check_repositories

role = "arn:aws:iam::{OWNER}:role/" + variant["writer"]
arns = ["arn:aws:ecr:{REGION}:{OWNER}:repository/" + name for name in variant["repositories"]]
stop_at(check_repositories(arns, "EverpullTest", variant["principals"], EcrRepositoryPolicies(role_arn=role)))
theirs = aws.Provider("theirs", region="{REGION}", assume_roles=[{{"role_arn": role}}])
made = RepositoryAccess(
    "everpull-access",
    {{"repository_arns": arns, "principals": variant["principals"], "sid": "EverpullTest"}},
    pulumi.ResourceOptions(providers=[theirs]),
)
pulumi.export("identityPolicy", made.identity_policy)
"""


@pytest.fixture
def program(new_stack: Callable[..., Stack], tmp_path: Path) -> Callable[..., Stack]:
    """A stack of the program with this text, which may import the product."""

    def make(text: str, **environment: str) -> Stack:
        folder = tmp_path / "source"
        folder.mkdir()
        (folder / "Pulumi.yaml").write_text("name: access\nruntime: python\n")
        (folder / "__main__.py").write_text(HEAD + text)
        return new_stack(folder, PYTHONPATH=str(ROOT), **environment)

    return make


@pytest.fixture
def name(tmp_path: Path) -> str:
    """Something that no other test's things are named by."""
    return tmp_path.name.replace("_", "-").lower()[:40].strip("-")


def trust(*principals: dict[str, str]) -> str:
    statements = [{"Effect": "Allow", "Principal": who, "Action": "sts:AssumeRole"} for who in principals]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@dataclass
class Node:
    """A role as nodes have it: rights and policies of its own, with which it logs in and pulls nothing."""

    stand: Stand
    name: str

    def make(self) -> str:
        iam = self.stand.client("iam")
        made = iam.create_role(
            RoleName=self.name,
            Path="/nodes/",
            AssumeRolePolicyDocument=trust({"Service": "ec2.amazonaws.com"}, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        )
        document = json.dumps(allow("ec2:DescribeInstances"))
        iam.put_role_policy(RoleName=self.name, PolicyName="pull", PolicyDocument=document)
        managed = iam.create_policy(PolicyName=self.name, PolicyDocument=document)["Policy"]["Arn"]
        iam.attach_role_policy(RoleName=self.name, PolicyArn=managed)
        return made["Role"]["Arn"]

    def login(self, with_rights_of: dict[str, Any]) -> str:
        """The login of a session of the role, which had those rights as long as it took to log in."""
        iam = self.stand.client("iam")
        iam.put_role_policy(RoleName=self.name, PolicyName="for-login", PolicyDocument=json.dumps(with_rights_of))
        key = self.stand.user(f"{self.name}-assumes", allow("sts:AssumeRole"))
        role = iam.get_role(RoleName=self.name)["Role"]["Arn"]
        got = self.stand.client("sts", key).assume_role(RoleArn=role, RoleSessionName="i-1")["Credentials"]
        password = token(self.stand, (got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"]))
        iam.delete_role_policy(RoleName=self.name, PolicyName="for-login")
        return password

    def everything(self) -> dict[str, Any]:
        """All that IAM has of the role."""
        iam = self.stand.client("iam")
        found = iam.get_role(RoleName=self.name)["Role"]
        names = iam.list_role_policies(RoleName=self.name)["PolicyNames"]
        return {
            "role": {key: value for key, value in found.items() if key != "RoleLastUsed"},
            "inline": {n: iam.get_role_policy(RoleName=self.name, PolicyName=n)["PolicyDocument"] for n in names},
            "attached": iam.list_attached_role_policies(RoleName=self.name)["AttachedPolicies"],
        }


def pulled(stand: Stand, password: str, repository: str, image: Image, account: str = ACCOUNT) -> list[int]:
    """What the registry says to the manifest and to the layer."""
    paths = (f"/v2/{repository}/manifests/v1", f"/v2/{repository}/blobs/{image.layer_digest}")
    return [ask(stand, password, path, account=account).status for path in paths]


IMAGE, REFUSED = [200, 307], [403, 403]


@pytest.fixture
def images(stand: Stand, name: str) -> dict[str, Image]:
    """An image in each of two repositories of ours."""
    made = {}
    for repository in (f"{name}/app", f"{name}/other"):
        stand.client("ecr").create_repository(repositoryName=repository)
        made[repository] = seed(stand.backend, repository, b"layer")
    return made


def test_nodes_pull_with_the_policy_that_their_role_gets_and_destroy_leaves_the_role_as_it_was(
    program: Callable[..., Stack], stand: Stand, name: str, images: dict[str, Image]
) -> None:
    node = Node(stand, name)
    node.make()
    before = node.everything()
    password = node.login(allow(TOKEN))
    app, other = images
    variant = {"roles": [name], "clusters": [], "repositories": [app]}
    stack = program(NODES)
    assert pulled(stand, password, app, images[app]) == REFUSED

    assert stack.preview(variant).only("create")["RolePolicy", f"everpull-nodes-{name}"] == "create"
    assert node.everything() == before
    stack.up(variant)
    assert pulled(stand, password, app, images[app]) == IMAGE
    assert pulled(stand, password, other, images[other]) == REFUSED
    after = node.everything()
    (added,) = set(after["inline"]) - set(before["inline"])
    assert added.startswith("everpull-nodes-")
    assert {**after, "inline": {n: d for n, d in after["inline"].items() if n != added}} == before
    assert stack.up(variant).changes == {}
    assert stack.refresh(variant).differing == {}

    stack.destroy()
    assert node.everything() == before
    assert pulled(stand, password, app, images[app]) == REFUSED


def test_nodes_pull_through_the_caches_that_are_named_and_no_other(
    program: Callable[..., Stack], stand: Stand, name: str
) -> None:
    node = Node(stand, name)
    node.make()
    password = node.login(allow(TOKEN))
    for prefix in ("hub", "quay"):
        stand.client("ecr").create_pull_through_cache_rule(
            ecrRepositoryPrefix=f"{name}-{prefix}", upstreamRegistryUrl="quay.io"
        )
    hub, quay = (seed(stand.backend, f"{name}-{prefix}/app", b"layer") for prefix in ("hub", "quay"))
    stack = program(NODES)
    stack.up({"roles": [name], "clusters": [], "repositories": ["team/*"], "caches": [f"{name}-hub/*"]})
    assert pulled(stand, password, f"{name}-hub/app", hub) == IMAGE
    assert pulled(stand, password, f"{name}-quay/app", quay) == REFUSED
    stack.destroy()


def test_a_clusters_node_roles_are_found_and_another_group_is_served_at_the_next_up(
    program: Callable[..., Stack], stand: Stand, name: str
) -> None:
    arns = {kind: Node(stand, f"{name}-{kind}").make() for kind in ("auto", "group", "fargate", "later", "karpenter")}
    eks = stand.client("eks")
    compute = {"enabled": True, "nodePools": ["system"], "nodeRoleArn": arns["auto"]}
    eks.create_cluster(name=name, roleArn=arns["auto"], resourcesVpcConfig={}, computeConfig=compute)
    eks.create_nodegroup(clusterName=name, nodegroupName="a", subnets=["subnet-1"], nodeRole=arns["group"])
    eks.create_fargate_profile(clusterName=name, fargateProfileName="f", podExecutionRoleArn=arns["fargate"])
    variant = {"roles": [f"{name}-karpenter"], "clusters": [name], "repositories": ["*"]}
    stack = program(NODES)
    stack.up(variant)
    assert stack.outputs()["roles"] == [f"{name}-{kind}" for kind in ("karpenter", "auto", "group", "fargate")]

    eks.create_nodegroup(clusterName=name, nodegroupName="b", subnets=["subnet-1"], nodeRole=arns["later"])
    eks.delete_fargate_profile(clusterName=name, fargateProfileName="f")
    assert stack.up(variant).changes == {
        ("RolePolicy", f"everpull-nodes-{name}-later"): "create",
        ("RolePolicy", f"everpull-nodes-{name}-fargate"): "delete",
    }
    stack.destroy()
    for kind in arns:
        assert stand.client("iam").list_role_policies(RoleName=f"{name}-{kind}")["PolicyNames"] == ["pull"]


def test_roles_and_clusters_that_do_not_exist_are_refused_at_preview_all_at_once(
    program: Callable[..., Stack], stand: Stand, name: str
) -> None:
    Node(stand, name).make()
    variant = {"roles": [name, f"{name}-x"], "clusters": [f"{name}-y"], "repositories": ["*"]}
    told = program(NODES).preview(variant, fails=True).text
    assert f"cluster {name}-y: does not exist in this account and region" in told
    assert f"role {name}-x: does not exist in this account (the list)" in told
    assert f"role {name}: does not exist" not in told


def test_who_may_not_look_previews_roles_by_name_and_no_cluster(
    program: Callable[..., Stack], stand: Stand, name: str
) -> None:
    key = stand.user(name)
    stack = program(NODES, AWS_ACCESS_KEY_ID=key[0], AWS_SECRET_ACCESS_KEY=key[1])
    variant = {"roles": [f"{name}-role"], "clusters": [], "repositories": ["*"]}
    assert f"not checked whether {name}-role exists: iam:GetRole was not possible" in stack.preview(variant).text
    told = stack.preview({**variant, "clusters": ["main"]}, fails=True).text
    assert "cluster main: can't be searched for node roles, because eks:DescribeCluster was denied" in told


def test_looking_and_writing_inline_policies_are_all_the_rights_that_node_roles_take(
    program: Callable[..., Stack], stand: Stand, name: str
) -> None:
    arn = Node(stand, name).make()
    eks = stand.client("eks")
    eks.create_cluster(name=name, roleArn=arn, resourcesVpcConfig={})
    eks.create_fargate_profile(clusterName=name, fargateProfileName="f", podExecutionRoleArn=arn)
    eks.create_nodegroup(clusterName=name, nodegroupName="a", subnets=["subnet-1"], nodeRole=arn)
    # On AWS a role's ARN has its path, and node groups and profiles have ARNs of their own. The emulator asks for the right on
    # the role without its path, and on the cluster.
    rights = allow(
        *("iam:GetRole", "iam:PutRolePolicy", "iam:GetRolePolicy", "iam:DeleteRolePolicy"),
        resource=arn.replace("/nodes/", "/"),
    )
    rights["Statement"] += allow(
        *("eks:DescribeCluster", "eks:ListNodegroups", "eks:DescribeNodegroup"),
        *("eks:ListFargateProfiles", "eks:DescribeFargateProfile"),
        resource=f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{name}",
    )["Statement"]
    key = stand.user(f"{name}-deploys", rights)
    stack = program(NODES, AWS_ACCESS_KEY_ID=key[0], AWS_SECRET_ACCESS_KEY=key[1])
    variant = {"roles": [], "clusters": [name], "repositories": ["*"]}
    stack.up(variant)
    assert stack.outputs()["roles"] == [name]
    assert stack.refresh(variant).differing == {}
    stack.destroy()
    assert stand.client("iam").list_role_policies(RoleName=name)["PolicyNames"] == ["pull"]


@dataclass
class Owner:
    """The account that owns the repository, and the role by which the stack writes there."""

    stand: Stand
    name: str

    def client(self, service: str) -> Any:
        return self.stand.client(service, (OWNER, ADMIN[1]))

    def make(self) -> Image:
        iam = self.client("iam")
        iam.create_role(RoleName=self.name, AssumeRolePolicyDocument=trust({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}))
        rights = allow(
            *("ecr:GetRepositoryPolicy", "ecr:SetRepositoryPolicy", "ecr:DeleteRepositoryPolicy"),
            resource=f"arn:aws:ecr:{REGION}:{OWNER}:repository/{self.name}",
        )
        iam.put_role_policy(RoleName=self.name, PolicyName="write", PolicyDocument=json.dumps(rights))
        self.client("ecr").create_repository(repositoryName=self.name)
        return seed(self.stand.backend, self.name, b"layer", account=OWNER)

    def statements(self) -> list[dict[str, Any]] | None:
        ecr = self.client("ecr")
        try:
            return json.loads(ecr.get_repository_policy(repositoryName=self.name)["policyText"])["Statement"]
        except ecr.exceptions.RepositoryPolicyNotFoundException:
            return None

    def set(self, *statements: dict[str, Any]) -> None:
        text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        self.client("ecr").set_repository_policy(repositoryName=self.name, policyText=text)


LAMBDAS = {
    "Sid": "LambdaECRImageRetrievalPolicy",
    "Effect": "Allow",
    "Principal": {"Service": "lambda.amazonaws.com"},
    "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
}


def test_across_accounts_each_side_alone_is_refused_and_both_give_the_image(
    program: Callable[..., Stack], stand: Stand, name: str
) -> None:
    owner, node = Owner(stand, name), Node(stand, f"{name}-node")
    image, arn = owner.make(), node.make()
    password = node.login(allow(TOKEN))
    iam, identity = stand.client("iam"), {"RoleName": node.name, "PolicyName": "identity"}
    variant = {"writer": name, "repositories": [name], "principals": [arn]}
    stack = program(OTHERS)

    iam.put_role_policy(**identity, PolicyDocument=json.dumps(allow(TOKEN, *PULL)))
    assert pulled(stand, password, name, image, OWNER) == REFUSED, "the puller's side alone"
    iam.delete_role_policy(**identity)
    stack.up(variant)
    assert pulled(stand, password, name, image, OWNER) == REFUSED, "the repository's side alone"
    iam.put_role_policy(**identity, PolicyDocument=stack.outputs()["identityPolicy"])
    assert pulled(stand, password, name, image, OWNER) == IMAGE
    assert stack.up(variant).changes == {}
    assert stack.refresh(variant).differing == {}

    stack.destroy()
    assert owner.statements() is None
    assert pulled(stand, password, name, image, OWNER) == REFUSED


def printed(outcome: Outcome) -> dict[str, Any]:
    """The statement that a refusal says to add by hand."""
    return json.JSONDecoder().raw_decode(outcome.text.partition("by hand: ")[2])[0]


def test_somebody_elses_statement_is_kept_and_the_one_to_add_is_printed_and_works(
    program: Callable[..., Stack], stand: Stand, name: str
) -> None:
    owner, node = Owner(stand, name), Node(stand, f"{name}-node")
    image, arn = owner.make(), node.make()
    owner.set(LAMBDAS)
    variant = {"writer": name, "repositories": [name], "principals": [arn]}
    stack = program(OTHERS)
    refusal = stack.preview(variant, fails=True)
    assert "has a policy with statements that everpull did not make (LambdaECRImageRetrievalPolicy)" in refusal.text
    assert "Traceback" not in refusal.text
    stack.up(variant, fails=True)
    assert owner.statements() == [LAMBDAS]

    owner.set(LAMBDAS, printed(refusal))
    stand.client("iam").put_role_policy(
        RoleName=node.name, PolicyName="identity", PolicyDocument=json.dumps(allow(TOKEN, *PULL))
    )
    assert pulled(stand, node.login(allow(TOKEN)), name, image, OWNER) == IMAGE
    stack.up({**variant, "repositories": []})
    assert owner.statements() == [LAMBDAS, printed(refusal)]
    stack.destroy()


def test_what_others_add_later_stops_the_next_up_and_a_destroy_that_runs_the_program(
    program: Callable[..., Stack], stand: Stand, name: str
) -> None:
    owner = Owner(stand, name)
    owner.make()
    owner.set({**LAMBDAS, "Sid": "EverpullTest", "Principal": {"AWS": OWNER}})
    variant = {"writer": name, "repositories": [name], "principals": [ACCOUNT]}
    stack = program(OTHERS)
    stack.up(variant)
    [ours] = owner.statements() or []
    assert ours["Principal"] == {"AWS": [f"arn:aws:iam::{ACCOUNT}:root"]}, "a statement of ours alone is adopted"

    owner.set(ours, LAMBDAS)
    for refused in (
        stack.preview(variant, fails=True),
        stack.up(variant, fails=True),
        stack.run("destroy", "--yes", "--skip-preview", "--run-program", variant=variant, fails=True),
    ):
        assert "its statement is there already" in refused.text
        assert owner.statements() == [ours, LAMBDAS]

    urn = stack.state()["RepositoryPolicy", f"everpull-access-{REGION}/{name}"]["urn"]
    stack.run("state", "delete", urn, "--yes")
    stack.destroy()
    assert owner.statements() == [ours, LAMBDAS]
