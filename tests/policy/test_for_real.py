"""The rules over what the real engine says: of the product in every mode, of a stack that is there, and of a bad program."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from policy import preview
from policy.resources import unseen
from policy.rules import RULES, violations
from settings import schema
from tests.local_aws.platform import Stand
from tests.policy.checkout import Checkout, furnished
from tests.policy.combinations import COMBINATIONS

# With all options where the identity is the mode's first; `make check` looks at the others without an engine.
LOOKED_AT = [
    name
    for name, chosen in COMBINATIONS.items()
    if "all options" in name and chosen.get("identity", "") in ("", *schema.MODES[chosen["mode"]].identities[:1])
]

# Breaks every rule.
BAD = """
import json

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
role = aws.iam.Role("role", assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
policy = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
aws.iam.RolePolicy("rights", role=role.name, policy=policy)
user = aws.iam.User("user")
aws.iam.AccessKey("key", user=user.name)
aws.cloudwatch.LogGroup("log")
aws.sqs.Queue("queue", sqs_managed_sse_enabled=False)
for name, mark in (("plain", pulumi.Output.from_input), ("hidden", pulumi.Output.secret)):
    k8s.core.v1.ConfigMap(name, metadata={"name": name, "namespace": "default"}, data=mark({"password": "hunter2"}))
rules = [{"api_groups": [""], "resources": ["secrets"], "verbs": ["get"]}]
k8s.rbac.v1.ClusterRole("reader", metadata={"name": "reader"}, rules=rules)
"""


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with furnished(tmp_path_factory.mktemp("aws")) as running:
        yield running


@pytest.fixture(scope="module")
def previewed(stand: Stand, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """One that nothing is made with."""
    return Checkout(tmp_path_factory.mktemp("previewed"), stand)


@pytest.fixture
def checkout(stand: Stand, tmp_path: Path) -> Checkout:
    return Checkout(tmp_path, stand)


@pytest.mark.parametrize("name", LOOKED_AT)
def test_no_rule_is_broken_by_a_first_preview(name: str, previewed: Checkout) -> None:
    previewed.configure(COMBINATIONS[name])
    stack = preview.read(previewed.preview())
    assert [(found.rule.name, found.resource, found.sentence) for found in violations(stack)] == []
    assert stack.config is not None
    assert stack.config["everpull:mode"] == COMBINATIONS[name]["mode"]


def test_a_stack_that_is_there_is_looked_at_whole(checkout: Checkout) -> None:
    checkout.configure(COMBINATIONS["node-role, all options"])
    checkout.pulumi("up", "--yes", "--skip-preview", "--stack", "dev")
    stack = preview.read(checkout.preview())
    kinds = {resource.type.rpartition(":")[2] for resource in stack.resources}
    assert {"RolePolicy", "RepositoryPolicy"} <= kinds
    assert [resource for resource in stack.resources if unseen(resource)] == []
    assert violations(stack) == []
    checkout.pulumi("destroy", "--yes", "--skip-preview", "--stack", "dev")


def test_a_program_that_breaks_every_rule_is_told_of_each(checkout: Checkout) -> None:
    checkout.program(BAD)
    checkout.configure({"identity": "irsa"})
    found = violations(preview.read(checkout.preview()))
    assert {violation.rule.name for violation in found} == {rule.name for rule in RULES}
    assert [item.resource for item in found if item.rule.name == "plain-secret"] == [
        "kubernetes:core/v1:ConfigMap plain"
    ]


def test_a_preview_that_fails_says_so_to_programs_too(checkout: Checkout) -> None:
    checkout.program('import pulumi\n\nraise pulumi.RunError("no such luck")\n')
    checkout.configure({})
    done = checkout.pulumi("preview", "--json", "--show-sames", "--stack", "dev", fails=True)
    assert any("no such luck" in error for error in preview.read(done.stdout).errors)
