"""The policy pack, by the real engine and Pulumi's own SDK for packs, while things are previewed and made.

The local language host runs plugins in the wrong folder, so the engine is told of a language that has no host: such packs it
starts by a program of their own (`pulumi-analyzer-policy-NAME`).
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.aws import venv
from policy.rules import RULES
from tests.local_aws.platform import ROOT, Stand
from tests.policy.checkout import STACK, Checkout, furnished
from tests.policy.combinations import COMBINATIONS

PACK = ROOT / "policy" / "pack"
HEADER = """
import json

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s


def policy(action, resource):
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


user = aws.iam.User("user")
"""
# By what the program adds: what breaks which rule.
BROKEN = {
    'aws.iam.UserPolicy("any", user=user.name, policy=policy("s3:*", "arn:aws:s3:::mine/*"))': (
        "aws:iam:UserPolicy: any",
        "wildcard-action",
    ),
    'aws.iam.UserPolicy("all", user=user.name, policy=policy("s3:GetObject", "*"))': (
        "aws:iam:UserPolicy: all",
        "wildcard-resource",
    ),
    'aws.lambda_.Permission("p", action="lambda:InvokeFunction", function="f", principal="s3.amazonaws.com")': (
        "aws:lambda:Permission: p",
        "source-condition",
    ),
    """
trust = {
    "Effect": "Allow",
    "Principal": {"Federated": "arn:aws:iam::000000000000:oidc-provider/o"},
    "Action": "sts:AssumeRoleWithWebIdentity",
    "Condition": {"StringEquals": {"o:sub": "system:serviceaccount:a:b"}},
}
aws.iam.Role("role", assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
aws.iam.AccessKey("key", user=user.name)
""": ("aws:iam:AccessKey: key", "static-key"),
    'aws.cloudwatch.LogGroup("log")': ("aws:cloudwatch:LogGroup: log", "log-retention"),
    'aws.sqs.Queue("queue", sqs_managed_sse_enabled=False)': ("aws:sqs:Queue: queue", "encryption"),
    """
rules = [{"api_groups": [""], "resources": ["secrets"], "verbs": ["get"]}]
k8s.rbac.v1.Role("r", metadata={"name": "r", "namespace": "default"}, rules=rules)
""": ("kubernetes:rbac.authorization.k8s.io/v1:Role: r", "secret-rights"),
}
# The policy is known once the user is made.
LATE = """
late = user.arn.apply(lambda arn: policy("iam:*", arn))
aws.iam.UserPolicy("late", user=user.name, policy=late)
"""


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with furnished(tmp_path_factory.mktemp("aws")) as running:
        yield running


@pytest.fixture(scope="module")
def python() -> Path:
    """That of the pack's environment, which is made on first use."""
    home = Path(os.environ.get("EVERPULL_LOCAL_DIR") or ROOT / ".local")
    return venv.ensure(home / "venvs" / "policy", PACK / "requirements.txt")


class Guarded:
    """A checkout whose every preview and update is guarded by the pack."""

    def __init__(self, folder: Path, stand: Stand, python: Path) -> None:
        self.checkout = Checkout(folder, stand)
        pack = folder / "pack"
        pack.mkdir()
        (pack / "__main__.py").symlink_to(PACK / "__main__.py")
        project = (PACK / "PulumiPolicy.yaml").read_text()
        assert project.count("name: python") == 1
        (pack / "PulumiPolicy.yaml").write_text(project.replace("name: python", "name: apart"))
        starter = folder / "bin" / "pulumi-analyzer-policy-apart"
        starter.write_text(f'#!/bin/sh\nexec "{python}" -u __main__.py "$@"\n')
        starter.chmod(0o755)
        self._pack = ["--policy-pack", str(pack)]

    def run(self, command: str, *, fails: bool = False) -> str:
        options = ["--yes", "--skip-preview"] if command == "up" else []
        done = self.checkout.pulumi(command, "--stack", STACK, *options, *self._pack, fails=fails)
        return " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def guarded(stand: Stand, python: Path, tmp_path: Path) -> Iterator[Guarded]:
    made = Guarded(tmp_path, stand, python)
    yield made
    made.checkout.pulumi("destroy", "--yes", "--skip-preview", "--stack", STACK)


@pytest.mark.parametrize("name", ["lambda irsa rotation", "cronjob access-key, all options", "node-role, all options"])
def test_the_product_passes(name: str, guarded: Guarded) -> None:
    guarded.checkout.configure(COMBINATIONS[name])
    assert "everpull@v0.1.0" in guarded.run("preview")


def test_each_rule_refuses_a_preview(guarded: Guarded) -> None:
    guarded.checkout.configure({})
    guarded.checkout.program(HEADER + "\n".join(BROKEN))
    told = guarded.run("preview", fails=True)
    for resource, rule in BROKEN.values():
        (found,) = [item for item in RULES if item.name == rule]
        assert f"[mandatory] {rule} ({resource})" in told
        assert found.fix in told


def test_every_rule_of_the_pack_has_been_seen_to_refuse() -> None:
    assert {rule for _, rule in BROKEN.values()} == {rule.name for rule in RULES if not rule.marked}


def test_what_no_preview_can_know_is_refused_before_it_is_made(guarded: Guarded, stand: Stand) -> None:
    guarded.checkout.configure({})
    guarded.checkout.program(HEADER + LATE)
    guarded.run("preview")
    assert "[mandatory] wildcard-action (aws:iam:UserPolicy: late)" in guarded.run("up", fails=True)
    iam = stand.client("iam")
    (user,) = [item["UserName"] for item in iam.list_users()["Users"] if item["UserName"].startswith("user-")]
    assert iam.list_user_policies(UserName=user)["PolicyNames"] == []
