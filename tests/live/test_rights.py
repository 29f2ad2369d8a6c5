"""The IAM policies in docs/iam are enough for what they are for, on an emulator that enforces them."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from lightkube import Client

from local.driver import aws, workloads
from local.driver.stack import PulumiError, Stack
from local.state import PlatformState

DEPLOY = Path(__file__).resolve().parent.parent.parent / "docs" / "iam" / "deploy.json"
NAMESPACE = "rights-a"


@contextmanager
def user_with(state: PlatformState, name: str, policy: str | None) -> Iterator[dict[str, str]]:
    """An IAM user with that policy and no other; gives the environment that makes clients act as it."""
    iam = aws.client(state, "iam")
    with ExitStack() as undo:
        iam.create_user(UserName=name)
        undo.callback(iam.delete_user, UserName=name)
        if policy is not None:
            arn = iam.create_policy(PolicyName=name, PolicyDocument=policy)["Policy"]["Arn"]
            undo.callback(iam.delete_policy, PolicyArn=arn)
            iam.attach_user_policy(UserName=name, PolicyArn=arn)
            undo.callback(iam.detach_user_policy, UserName=name, PolicyArn=arn)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        undo.callback(iam.delete_access_key, UserName=name, AccessKeyId=key["AccessKeyId"])
        yield {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


def documented(state: PlatformState, leave_out: str | None = None) -> str:
    """The deployer's policy, with account and region put in as the README says, less one statement if need be."""
    text = DEPLOY.read_text(encoding="utf-8").replace("ACCOUNT", state.account).replace("REGION", state.region)
    policy = json.loads(text)
    policy["Statement"] = [statement for statement in policy["Statement"] if statement["Sid"] != leave_out]
    # Of these calls the emulator does not tell its policies which resource they are about: it asks for a right on all.
    granted = [action for statement in policy["Statement"] for action in statement["Action"]]
    unplaced = [action for action in granted if action.startswith("events:") or action == "lambda:CreateFunction"]
    policy["Statement"].append({"Effect": "Allow", "Action": unplaced, "Resource": "*"})
    return json.dumps(policy)


@pytest.fixture
def config(platform: PlatformState, kube: Client) -> dict[str, object]:
    workloads.ensure_namespace(kube, NAMESPACE)
    return {"aws:region": platform.region, "everpull:namespaces": [NAMESPACE]}


def test_the_deployers_policy_is_enough_from_first_up_to_destroy(
    platform: PlatformState, config: dict[str, object]
) -> None:
    with user_with(platform, "deployer", documented(platform)) as deployer:
        stack = Stack(platform, "rights", config, environment=deployer)
        stack.init()
        try:
            stack.up()
            assert stack.refresh().changes == {}
            stack.configure({**config, "everpull:schedule": "rate(2 hours)", "everpull:logRetentionDays": 7})
            stack.up()
        finally:
            stack.destroy()
            stack.remove()


def test_the_policy_is_enforced(platform: PlatformState, config: dict[str, object]) -> None:
    with user_with(platform, "half-deployer", documented(platform, leave_out="DeadLetterQueue")) as deployer:
        stack = Stack(platform, "half-rights", config, environment=deployer)
        stack.init()
        try:
            with pytest.raises(PulumiError, match="sqs:CreateQueue"):
                stack.up()
        finally:
            stack.destroy()
            stack.remove()


def test_a_preview_needs_no_right_on_what_the_stack_made(platform: PlatformState, config: dict[str, object]) -> None:
    with user_with(platform, "previewer", None) as previewer:
        stack = Stack(platform, "rights-preview", config)
        stack.init()
        try:
            stack.up()
            changed = {**config, "everpull:schedule": "rate(2 hours)"}
            observer = Stack(platform, "rights-preview", changed, environment=previewer)
            assert observer.preview().changes == {"everpull-rights-preview-refresh-schedule": "update"}
        finally:
            stack.destroy()
            stack.remove()
