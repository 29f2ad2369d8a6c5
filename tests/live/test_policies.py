"""A stack that is up, as its next preview tells of it: every value is known, and what is secret is told to nobody."""

import json
import subprocess

import pytest

from local.paths import ROOT
from policy import preview
from policy.resources import unseen
from policy.rules import violations
from tests.live.deployment import Deployment


@pytest.fixture(scope="module")
def told(deployed: Deployment) -> str:
    stack = deployed.stack
    options = ["--stack", stack.name, "--config-file", str(stack.config_file), "--non-interactive"]
    command = ["pulumi", "preview", "--json", "--show-sames", *options]
    done = subprocess.run(command, cwd=ROOT, env=stack._environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_rule_is_kept_and_nothing_is_left_unseen(told: str) -> None:
    stack = preview.read(told)
    kinds = {resource.type.rpartition(":")[2] for resource in stack.resources}
    assert {"RolePolicy", "UserPolicy", "QueuePolicy", "Role", "Secret", "ClusterSecretStore"} <= kinds
    assert [resource for resource in stack.resources if unseen(resource)] == []
    assert violations(stack) == []


def test_a_preview_for_programs_holds_neither_login_nor_key(deployed: Deployment, told: str) -> None:
    state = json.loads(
        subprocess.run(
            ["pulumi", "stack", "export", "--show-secrets", "--stack", deployed.stack.name],
            cwd=ROOT,
            env=deployed.stack._environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    (key,) = [
        resource["outputs"]["secret"]
        for resource in state["deployment"]["resources"]
        if resource["type"] == "aws:iam/accessKey:AccessKey"
    ]
    secret = json.loads(key["plaintext"])
    assert len(secret) >= 16
    assert secret not in told
    assert deployed.login()["password"] not in told
