import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pytest

from components import node_roles
from components.aws_reads import Access, Denied, Finding, Missing, Unanswered
from components.node_pull_policy import NodePullPolicy, NodePullPolicyArgs
from components.node_roles import AwsNodeRoles, NodeRole, find_node_roles
from components.policy import PolicyTooLong
from tests.components.recording import ACCOUNT, Recorder, record

PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
TEAM_A = f"arn:aws:ecr:eu-central-1:{ACCOUNT}:repository/team-a/*"
CACHE = f"arn:aws:ecr:eu-central-1:{ACCOUNT}:repository/docker-hub/*"


@pytest.fixture
def recorder() -> Recorder:
    return record()


def policies(roles: list[str], **more: Any) -> NodePullPolicy:
    args: dict[str, Any] = {"roles": roles, "repository_arns": [TEAM_A], **more}
    return NodePullPolicy("everpull-dev-nodes", NodePullPolicyArgs(**args))


def settled(made: NodePullPolicy) -> pulumi.Output[Any]:
    return pulumi.Output.all(made.roles, made.policy_names)


@pulumi.runtime.test
def test_each_role_gets_one_inline_policy_of_our_own_and_nothing_else(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        made = [item for item in recorder.resources if item.type.startswith("aws:")]
        assert {item.type for item in made} == {"aws:iam/rolePolicy:RolePolicy"}
        assert sorted(item.inputs["role"] for item in made) == ["gpu", "workers"]
        assert not any("name" in item.inputs for item in made), "a name of ours could be one of the role's"

    return settled(policies(["workers", "gpu"])).apply(check)


@pulumi.runtime.test
def test_the_policy_holds_exactly_the_rights_to_pull(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        statements = recorder.statements("RolePolicy")
        assert {sid: (s["Action"], s["Resource"]) for sid, s in statements.items()} == {
            "FetchLogin": (["ecr:GetAuthorizationToken"], ["*"]),
            "PullWithIt": (PULL, [TEAM_A]),
        }
        assert {statement["Effect"] for statement in statements.values()} == {"Allow"}
        assert json.loads(recorder.one("RolePolicy").inputs["policy"])["Version"] == "2012-10-17"

    return settled(policies(["workers"])).apply(check)


@pulumi.runtime.test
def test_pulling_through_a_cache_takes_two_more_rights_on_its_repositories_alone(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        statements = recorder.statements("RolePolicy")
        assert statements["PullWithIt"]["Resource"] == [TEAM_A]
        assert statements["PullThrough"]["Action"] == [*PULL, "ecr:BatchImportUpstreamImage", "ecr:CreateRepository"]
        assert statements["PullThrough"]["Resource"] == [CACHE]

    return settled(policies(["workers"], pull_through_arns=[CACHE])).apply(check)


@pulumi.runtime.test
def test_the_outputs_name_each_role_and_its_policy(recorder: Recorder) -> Any:
    def check(values: list[Any]) -> None:
        roles, names = values
        assert roles == ["workers", "gpu"]
        assert set(names) == {"workers", "gpu"}
        assert len(recorder.all("RolePolicy")) == 2, "a role that is named twice is one role"

    return settled(policies(["workers", "gpu", "workers"])).apply(check)


@pulumi.runtime.test
def test_policies_are_named_by_role_so_that_another_role_moves_none(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        assert {item.name: item.inputs["role"] for item in recorder.all("RolePolicy")} == {
            "everpull-dev-nodes-gpu": "gpu",
            "everpull-dev-nodes-workers": "workers",
        }

    return settled(policies(["gpu", "workers"])).apply(check)


def test_a_policy_longer_than_a_role_can_hold_is_refused_before_anything_is_made(recorder: Recorder) -> None:
    with pytest.raises(PolicyTooLong, match="IAM limits to 10240"):
        policies(["workers"], repository_arns=[f"{TEAM_A}{number}" for number in range(300)])
    assert recorder.all("RolePolicy") == []


def role(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/nodes/{name}"


@dataclass
class FakeSource:
    """Clusters by what they tell; roles that exist, by path. An exception in place of an answer is raised."""

    paths: dict[str, Any] = field(default_factory=lambda: dict.fromkeys(("workers", "gpu", "auto", "batch"), "/nodes/"))
    auto: dict[str, Any] = field(default_factory=dict)
    groups: dict[str, Any] = field(default_factory=dict)
    fargate: dict[str, Any] = field(default_factory=dict)

    def role_path(self, name: str) -> str:
        return answer(self.paths.get(name, Missing()))

    def auto_mode_role(self, cluster: str) -> str | None:
        return answer(self.auto.get(cluster))

    def node_group_roles(self, cluster: str) -> Mapping[str, str]:
        return answer(self.groups.get(cluster, {}))

    def fargate_roles(self, cluster: str) -> Mapping[str, str]:
        return answer(self.fargate.get(cluster, {}))


def answer(value: Any) -> Any:
    if isinstance(value, Exception):
        raise value
    return value


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", found.append)
    return found


def test_a_clusters_roles_are_those_of_its_groups_auto_mode_and_fargate(warnings: list[str]) -> None:
    source = FakeSource(
        auto={"main": role("auto")},
        groups={"main": {"a": role("workers"), "b": role("gpu")}},
        fargate={"main": {"jobs": role("batch")}},
    )
    roles, findings = find_node_roles([], ["main"], source)
    assert findings == []
    assert roles == [
        NodeRole("auto", ("Auto Mode of cluster main",)),
        NodeRole("workers", ("node group a of cluster main",)),
        NodeRole("gpu", ("node group b of cluster main",)),
        NodeRole("batch", ("Fargate profile jobs of cluster main",)),
    ]
    assert warnings == []


def test_a_role_that_is_named_in_several_places_is_served_once() -> None:
    groups = {"one": {"a": role("workers"), "b": role("workers")}, "two": {"c": role("workers")}}
    roles, findings = find_node_roles(["workers"], ["one", "two"], FakeSource(groups=groups))
    assert [found.name for found in roles] == ["workers"]
    assert roles[0].found_in == (
        "the list",
        "node group a of cluster one",
        "node group b of cluster one",
        "node group c of cluster two",
    )
    assert findings == []


def told(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(finding.about, finding.name, finding.problem) for finding in findings]


def test_roles_that_do_not_exist_are_all_told_at_once_with_where_they_were_named() -> None:
    source = FakeSource(groups={"main": {"a": role("deleted")}})
    _, findings = find_node_roles(["wokers", "workers", "gp"], ["main"], source)
    assert told(findings) == [
        ("role", "wokers", "does not exist in this account (the list)"),
        ("role", "gp", "does not exist in this account (the list)"),
        ("role", "deleted", "does not exist in this account (node group a of cluster main)"),
    ]


def test_a_service_linked_role_is_refused() -> None:
    source = FakeSource(paths={"AWSServiceRoleForAmazonEKS": "/aws-service-role/eks.amazonaws.com/"})
    _, findings = find_node_roles(["AWSServiceRoleForAmazonEKS"], [], source)
    assert told(findings) == [
        ("role", "AWSServiceRoleForAmazonEKS", "is a service-linked role, which AWS alone may change (the list)")
    ]


def test_roles_that_may_not_be_looked_at_are_kept_with_one_warning(warnings: list[str]) -> None:
    source = FakeSource(paths={"workers": Denied("iam:GetRole"), "gpu": Denied("iam:GetRole")})
    roles, findings = find_node_roles(["workers", "gpu"], [], source)
    assert [found.name for found in roles] == ["workers", "gpu"]
    assert findings == []
    assert warnings == ["not checked whether workers, gpu exists: iam:GetRole was not possible"]


@pytest.mark.parametrize(
    ("reason", "problem"),
    [
        (Missing(), "does not exist in this account and region"),
        (
            Denied("eks:ListNodegroups"),
            "can't be searched for node roles, because eks:ListNodegroups was denied",
        ),
        (
            Unanswered("eks:ListFargateProfiles: NoCredentialsError"),
            "can't be searched for node roles (eks:ListFargateProfiles: NoCredentialsError)",
        ),
    ],
    ids=["missing", "denied", "unanswered"],
)
@pytest.mark.parametrize("part", ["auto", "groups", "fargate"])
def test_a_cluster_that_can_not_be_searched_is_refused_and_the_others_still_are(
    part: str, reason: Exception, problem: str
) -> None:
    source = FakeSource(groups={"good": {"a": role("workers")}})
    getattr(source, part)["main"] = reason
    roles, findings = find_node_roles([], ["main", "good"], source)
    assert told(findings) == [("cluster", "main", problem)]
    assert [found.name for found in roles] == ["workers"]


def test_a_cluster_that_tells_no_role_is_refused() -> None:
    _, (finding,) = find_node_roles(["workers"], ["main"], FakeSource())
    assert (finding.about, finding.name) == ("cluster", "main")
    assert "no managed node group, no Auto Mode and no Fargate profile" in finding.problem


@dataclass
class Provider(Recorder):
    """Answers the provider's functions."""

    functions: dict[str, Callable[[dict[str, Any]], Any]] = field(default_factory=dict)

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        return self.functions[args.token.rsplit(":", 1)[1]](args.args)


@dataclass
class FakeFargate:
    """EKS by boto3, a page a profile."""

    profiles: dict[str, str]

    def list_fargate_profiles(self, **request: str) -> Mapping[str, object]:
        assert request["clusterName"] == "main"
        at = int(request.get("nextToken", "0"))
        names = list(self.profiles)
        return {
            "fargateProfileNames": names[at : at + 1],
            **({"nextToken": str(at + 1)} if at + 1 < len(names) else {}),
        }

    def describe_fargate_profile(self, **request: str) -> Mapping[str, Mapping[str, object]]:
        return {"fargateProfile": {"podExecutionRoleArn": self.profiles[request["fargateProfileName"]]}}


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    pulumi.runtime.set_mocks(made, project="everpull", stack="dev", preview=False)
    yield made
    record()


@pulumi.runtime.test
def test_the_provider_is_asked_for_groups_and_auto_mode_and_boto3_for_fargate(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    def note(args: dict[str, Any], answered: dict[str, Any]) -> dict[str, Any]:
        asked.append(args)
        return answered

    compute = [{"enabled": True, "nodePools": ["system"], "nodeRoleArn": role("auto")}]
    provider.functions = {
        "getCluster": lambda args: note(args, {"computeConfigs": compute}),
        "getNodeGroups": lambda args: note(args, {"names": ["a", "b"]}),
        "getNodeGroup": lambda args: note(args, {"nodeRoleArn": role(f"of-{args['nodeGroupName']}")}),
        "getRole": lambda args: {"path": "/nodes/"},
    }
    fargate = FakeFargate({"jobs": role("batch"), "more": role("batch")})
    monkeypatch.setattr(node_roles, "client", lambda access, service: fargate)
    roles, findings = find_node_roles([], ["main"], AwsNodeRoles(Access("eu-west-1")))
    assert findings == []
    assert [found.name for found in roles] == ["auto", "of-a", "of-b", "batch"]
    assert roles[-1].found_in == ("Fargate profile jobs of cluster main", "Fargate profile more of cluster main")
    assert {args["region"] for args in asked} == {"eu-west-1"}


@pulumi.runtime.test
def test_auto_mode_that_is_off_tells_no_role(provider: Provider) -> None:
    compute = [{"enabled": False, "nodePools": [], "nodeRoleArn": ""}]
    provider.functions = {"getCluster": lambda args: {"computeConfigs": compute if args["name"] == "off" else []}}
    source = AwsNodeRoles(Access("eu-central-1"))
    assert source.auto_mode_role("off") is None
    assert source.auto_mode_role("without") is None


@pytest.mark.parametrize(
    ("text", "raised", "said"),
    [
        ("reading IAM Role (x): couldn't find resource", Missing, "^$"),
        ("operation error IAM: GetRole, api error NoSuchEntity: The role with name x cannot be found.", Missing, "^$"),
        ("api error AccessDenied: User: u is not authorized to perform: iam:GetRole", Denied, "^iam:GetRole$"),
        ("dial tcp: connection refused", Exception, "connection refused"),
    ],
    ids=["absent", "absent by code", "denied", "else"],
)
def test_absence_and_refusal_are_told_apart_by_the_providers_words(
    provider: Provider, text: str, raised: type[Exception], said: str
) -> None:
    # How a mock says that a function failed; what it raised would fail the whole program, caught or not.
    provider.functions = {"getRole": lambda args: ({}, [("name", text)])}

    @pulumi.runtime.test
    def ask() -> None:
        with pytest.raises(raised, match=said):
            AwsNodeRoles(Access("eu-central-1")).role_path("x")

    ask()
