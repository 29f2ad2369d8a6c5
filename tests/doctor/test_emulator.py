"""Doctor asks the local AWS as it asks AWS: faults in the AWS side of a stack, and the caller's own rights."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from doctor.link import State
from doctor.report import as_text, first_fault
from tests.doctor.conftest import HOST, Deployed, rights
from tests.local_aws.platform import ACCOUNT, REGION

HALF_AN_HOUR = 1800


def test_a_sound_stack_is_well(deployed: Deployed) -> None:
    links = deployed.world().walk()
    assert {link.name: link.state for link in links} == dict.fromkeys((link.name for link in links), "ok"), as_text(
        "dev", links
    )
    seen = {link.name: link.detail for link in links}
    assert "refreshed" in seen["function"]
    assert "1 image can be pulled" in seen["registries"]


def documented() -> dict[str, Any]:
    """docs/iam/doctor.json, with account and region put in."""
    text = (Path(__file__).parents[2] / "docs" / "iam" / "doctor.json").read_text(encoding="utf-8")
    policy = json.loads(text.replace("ACCOUNT", ACCOUNT).replace("REGION", REGION))
    # Of these calls the emulator does not tell its policies which resource they are about: it asks for a right on all.
    unplaced = ["events:DescribeRule", "events:ListTargetsByRule"]
    # And it takes the question for GetFunctionConcurrency for the change of it.
    granted = [*unplaced, "lambda:PutFunctionConcurrency"]
    policy["Statement"].append({"Effect": "Allow", "Action": granted, "Resource": "*"})
    return policy


def test_the_documented_rights_are_enough(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    who = f"{deployed.name}-looks"
    key, secret_key = deployed.stand.user(who)
    iam = deployed.client("iam")
    # Not inline: with what the emulator asks for besides it is longer than that may be.
    arn = iam.create_policy(PolicyName=who, PolicyDocument=json.dumps(documented()))["Policy"]["Arn"]
    iam.attach_user_policy(UserName=who, PolicyArn=arn)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret_key)
    links = deployed.world().walk()
    assert {link.state for link in links} == {"ok"}, as_text("dev", links)


def test_who_may_nothing_is_told_what_is_missing(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    key, secret_key = deployed.stand.user(f"{deployed.name}-nobody")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret_key)
    links = {link.name: link for link in deployed.world().walk()}
    assert {links[name].state for name in ("identity", "secret", "function")} == {"unknown"}
    assert "you have no right to secretsmanager:DescribeSecret" in links["secret"].detail


def without(deployed: Deployed, *actions: str) -> None:
    """The role's policy, less those actions."""
    document = rights(deployed.name, deployed.outputs["loginSecretArn"])
    for statement in document["Statement"]:
        statement["Action"] = [action for action in statement["Action"] if action not in actions] or ["none:Such"]
    deployed.client("iam").put_role_policy(
        RoleName=deployed.name, PolicyName="inline", PolicyDocument=json.dumps(document)
    )


def fail_a_run(deployed: Deployed) -> None:
    """The right is back by the time that somebody looks."""
    without(deployed, "ecr:GetAuthorizationToken")
    deployed.client("lambda").invoke(FunctionName=deployed.name, Payload=b'{"reason": "test", "force": true}')
    without(deployed)


def bury(deployed: Deployed) -> None:
    deployed.client("sqs").send_message(QueueUrl=deployed.outputs["deadLetterQueue"], MessageBody="{}")


def refuse_pulls(deployed: Deployed) -> None:
    statement = {"Effect": "Deny", "Principal": "*", "Action": "ecr:BatchGetImage"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    deployed.client("ecr").set_repository_policy(repositoryName=f"{deployed.name}/app", policyText=text)


def secret_of(deployed: Deployed) -> str:
    return deployed.outputs["loginSecretArn"]


FAULTS: dict[str, tuple[Callable[[Deployed], Any], str, State, str]] = {
    "the key is inactive": (
        lambda it: it.client("iam").update_access_key(UserName=it.name, AccessKeyId=it.key, Status="Inactive"),
        "identity",
        "broken",
        "is inactive",
    ),
    "the key is another one": (
        lambda it: [
            it.client("iam").delete_access_key(UserName=it.name, AccessKeyId=it.key),
            it.client("iam").create_access_key(UserName=it.name),
        ],
        "identity",
        "broken",
        "is not one of the IAM user",
    ),
    "the user's policy is gone": (
        lambda it: it.client("iam").delete_user_policy(UserName=it.name, PolicyName="inline"),
        "identity",
        "broken",
        "is not allowed secretsmanager:GetSecretValue",
    ),
    "the user is gone": (
        lambda it: [
            it.client("iam").delete_access_key(UserName=it.name, AccessKeyId=it.key),
            it.client("iam").delete_user_policy(UserName=it.name, PolicyName="inline"),
            it.client("iam").delete_user(UserName=it.name),
        ],
        "identity",
        "broken",
        "has no access key",
    ),
    "the secret is gone": (
        lambda it: it.client("secretsmanager").delete_secret(SecretId=secret_of(it), ForceDeleteWithoutRecovery=True),
        "secret",
        "broken",
        "does not exist",
    ),
    "the secret is being deleted": (
        lambda it: it.client("secretsmanager").delete_secret(SecretId=secret_of(it), RecoveryWindowInDays=7),
        "secret",
        "broken",
        "is being deleted",
    ),
    "the secret is malformed": (
        lambda it: it.client("secretsmanager").put_secret_value(SecretId=secret_of(it), SecretString="{"),
        "secret",
        "broken",
        "not JSON",
    ),
    "the login dies soon": (
        lambda it: [
            it.stand.admin("POST", "config", {"token_ttl_seconds": HALF_AN_HOUR}),
            it.refresh(),
            it.keep(),
        ],
        "secret",
        "breaking",
        "before the next run",
    ),
    "the function is gone": (
        lambda it: it.client("lambda").delete_function(FunctionName=it.name),
        "function",
        "broken",
        "does not exist",
    ),
    "the function's environment is broken": (
        lambda it: it.client("lambda").update_function_configuration(
            FunctionName=it.name, Environment={"Variables": {"EVERPULL_REGISTRIES": HOST}}
        ),
        "function",
        "broken",
        "does not name the stack's secret",
    ),
    "the function may not run": (
        lambda it: it.client("lambda").put_function_concurrency(FunctionName=it.name, ReservedConcurrentExecutions=0),
        "function",
        "broken",
        "reserved concurrency is 0",
    ),
    "the function lacks a right": (
        lambda it: without(it, "secretsmanager:PutSecretValue"),
        "function",
        "broken",
        "is not allowed secretsmanager:PutSecretValue",
    ),
    "the function may not write its log": (
        lambda it: without(it, "logs:PutLogEvents"),
        "function",
        "broken",
        "is not allowed logs:PutLogEvents",
    ),
    "the last run failed": (fail_a_run, "function", "broken", "ecr:GetAuthorizationToken"),
    "the rule is disabled": (
        lambda it: it.client("events").disable_rule(Name=it.name),
        "function",
        "breaking",
        "is disabled",
    ),
    "the rule has no target": (
        lambda it: it.client("events").remove_targets(Rule=it.name, Ids=["one"]),
        "function",
        "breaking",
        "for its target",
    ),
    "the rule is gone": (
        lambda it: [
            it.client("events").remove_targets(Rule=it.name, Ids=["one"]),
            it.client("events").delete_rule(Name=it.name),
        ],
        "function",
        "breaking",
        "does not exist",
    ),
    "the rule may not run it": (
        lambda it: it.client("lambda").remove_permission(FunctionName=it.name, StatementId="schedule"),
        "function",
        "breaking",
        "does not let its schedule rule run it",
    ),
    "the log is gone": (
        lambda it: it.client("logs").delete_log_group(logGroupName=f"{it.name}-log"),
        "function",
        "warning",
        "log group",
    ),
    "a dead letter": (bury, "function", "warning", "holds 1 of them"),
    "the queue is gone": (
        lambda it: it.client("sqs").delete_queue(QueueUrl=it.outputs["deadLetterQueue"]),
        "function",
        "warning",
        "dead-letter queue does not exist",
    ),
    "the repository refuses": (refuse_pulls, "registries", "broken", "ecr:BatchGetImage was denied"),
    "the role lacks a right to pull": (
        lambda it: without(it, "ecr:GetDownloadUrlForLayer"),
        "function",
        "broken",
        "is not allowed ecr:GetDownloadUrlForLayer",
    ),
}


@pytest.mark.parametrize(("inject", "name", "state", "sentence"), FAULTS.values(), ids=FAULTS.keys())
def test_the_broken_link_is_named(
    deployed: Deployed, inject: Callable[[Deployed], Any], name: str, state: State, sentence: str
) -> None:
    inject(deployed)
    # What was changed is looked at once AWS has changed it.
    with suppress(ClientError, WaiterError):
        deployed.client("lambda").get_waiter("function_updated_v2").wait(
            FunctionName=deployed.name, WaiterConfig={"Delay": 1}
        )
    try:
        links = deployed.world().walk()
    finally:
        deployed.stand.admin("POST", "config", {"token_ttl_seconds": 12 * 3600})
    first = first_fault(links)
    assert first is not None
    assert (first.name, first.state) == (name, state), as_text("dev", links)
    assert sentence in first.faults[0].sentence
    password = json.loads(deployed.held)["password"]
    assert password not in as_text("dev", links)


def test_renewing_runs_the_function_and_tells_why_it_fails(deployed: Deployed) -> None:
    answer = deployed.hands().invoke(deployed.name, {"reason": "make renew", "force": True, "imagesMayFail": True})
    assert answer["status"] == "refreshed"
