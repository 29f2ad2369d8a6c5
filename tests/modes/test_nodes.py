"""Nodes that pull by their own role: what AWS has against it is said as a fault of its key, and each role gets its policy."""

import json
from typing import Any

import pulumi
import pytest

from cluster.surroundings import Surroundings
from components.aws_reads import Finding
from components.node_roles import NodeRole
from modes import deliver, nodes
from settings import ConfigurationError, parse, schema
from tests.components.recording import record
from tests.modes.test_modes import args
from tests.settings.bad_configurations import GOOD, NODE_ROLE

ARN = "arn:aws:ecr:eu-central-1:123456789012:repository/team-a/*"
CACHE = "arn:aws:ecr:eu-central-1:123456789012:repository/docker-hub/*"


def answer(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> list[Any]:
    """Has AWS tell one role more than was asked for, and the findings; gives what it was asked."""
    asked: list[Any] = []

    def find(listed: Any, clusters: Any, source: Any) -> Any:
        asked.append((listed, clusters))
        return [*(NodeRole(name, ("the list",)) for name in listed), NodeRole("found", ("a cluster",))], list(findings)

    monkeypatch.setattr(nodes, "find_node_roles", find)
    return asked


def test_roles_are_looked_for_by_name_and_by_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answer(monkeypatch)
    settings = parse({**GOOD, **NODE_ROLE, "everpull:nodeClusters": json.dumps(["main"])}, "dev")
    assert nodes.find_nodes(settings) == ["nodes", "found"]
    assert asked == [(("nodes",), ("main",))]


def test_what_is_found_wrong_is_a_fault_of_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(
        monkeypatch,
        Finding("role", "nodes", "does not exist", "names", "aws iam list-roles"),
        Finding("cluster", "main", "does not exist", "clusters", "aws eks list-clusters"),
    )
    with pytest.raises(ConfigurationError) as caught:
        nodes.find_nodes(parse({**GOOD, **NODE_ROLE}, "dev"))
    assert [(fault.key, fault.value) for fault in caught.value.faults] == [
        ("everpull:nodeRoles", "nodes"),
        ("everpull:nodeClusters", "main"),
    ]


def test_nothing_is_asked_or_made_where_no_node_is_meant() -> None:
    recorder = record()
    settings = parse(GOOD, "dev")
    assert nodes.find_nodes(settings) == []
    assert nodes.serve_nodes(settings, [], [ARN], []) == {}
    assert recorder.resources == []


def test_each_role_may_pull_the_repositories_and_nothing_is_put_into_the_cluster() -> None:
    recorder, outputs = record(), {}
    settings = parse({**GOOD, **NODE_ROLE}, "dev")

    @pulumi.runtime.test
    def build() -> Any:
        made = {**nodes.serve_nodes(settings, ["nodes", "found"], [ARN], [CACHE])}
        made |= deliver(settings, Surroundings(), args(settings), pulumi.ResourceOptions())
        return pulumi.Output.all(**made).apply(outputs.update)

    build()
    assert outputs == {"nodeRoles": ["nodes", "found"]}
    assert {item.inputs["role"] for item in recorder.all(":RolePolicy")} == {"nodes", "found"}
    statements = recorder.statements(":RolePolicy", "-found")
    assert {sid: statement["Resource"] for sid, statement in statements.items()} == {
        "FetchLogin": ["*"],
        "PullWithIt": [ARN],
        "PullThrough": [CACHE],
    }
    assert {item.type.partition(":")[0] for item in recorder.resources} <= {"aws", "everpull"}


def test_a_mode_has_a_cluster_where_it_has_namespaces() -> None:
    for mode in schema.MODES:
        settings = parse({**GOOD, **NODE_ROLE, "everpull:mode": mode}, "dev")
        assert settings.in_cluster == (mode in schema.modes_with("namespaces"))
