import pytest

from tests.doctor import worlds
from tests.doctor.breaking import UP, Row, answers, check, lacks
from tests.doctor.fakes import Gone
from tests.doctor.worlds import World, node_role_world

ROLE = "arn:aws:iam::123456789012:role/workers"


def with_cluster(world: World) -> None:
    """A node group of a cluster, with a role of its own."""
    worlds.with_keys(world, nodeClusters=["main"])
    del world.config["everpull:namespaces"]
    world.aws.answers |= {
        "eks describe_cluster": {"cluster": {"computeConfig": {"enabled": False}}},
        "eks list_nodegroups": {"nodegroups": ["blue"]},
        "eks describe_nodegroup": {"nodegroup": {"nodeRole": ROLE}},
        "eks list_fargate_profiles": {"fargateProfileNames": []},
    }


FAULTS: dict[str, Row] = {
    "a role is gone": (answers(iam__list_role_policies=Gone), "node-roles", "broken", "nodes does not exist", UP),
    "its policy is gone": (
        answers(iam__list_role_policies={"PolicyNames": []}),
        "node-roles",
        "broken",
        "no inline policy that allows ecr:GetAuthorizationToken",
        UP,
    ),
    "its policy was cut": (lacks("ecr:BatchGetImage"), "node-roles", "broken", "that allows ecr:BatchGetImage", UP),
    "a node group is new": (
        with_cluster,
        "node-roles",
        "broken",
        "the role workers of node group blue of EKS cluster main is not served",
        "pulumi up --stack dev",
    ),
}


def test_a_sound_stack_has_no_other_links_than_roles_and_clocks() -> None:
    links = node_role_world().walk()
    assert [(link.name, link.state) for link in links] == [("node-roles", "ok"), ("clocks", "ok")]


@pytest.mark.parametrize("row", FAULTS.values(), ids=FAULTS.keys())
def test_the_broken_link_is_named(row: Row) -> None:
    check(node_role_world(), row)


def test_a_node_group_that_is_served_is_well() -> None:
    world = node_role_world()
    with_cluster(world)
    world.outputs["nodeRoles"] = ["nodes", "workers"]
    assert world.link("node-roles").state == "ok"


def test_a_role_that_does_not_exist_keeps_no_other_from_being_looked_at() -> None:
    world = node_role_world()
    world.outputs["nodeRoles"] = ["gone", "nodes"]
    world.answers["iam list_role_policies gone"] = Gone
    assert [fault.sentence for fault in world.link("node-roles").faults] == ["the node role gone does not exist"]
