"""The life of every type with the real engine and the unmodified SDK, against the local AWS side."""

import json
from collections.abc import Callable, Iterator

import pytest

from tests.local_aws.platform import Stand, refused
from tests.local_providers.aws.engine import Stack

CANARIES = ("canary-description", "canary-variable")


@pytest.fixture(scope="module")
def shared(stand: Stand, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole program, up; each test may change it as it likes."""
    made = Stack(tmp_path_factory.mktemp("shared") / "stack", stand)
    made.up()
    yield made
    made.destroy()


@pytest.fixture
def stack(shared: Stack) -> Stack:
    """The whole program as it is without a variant, whatever the test before did."""
    shared.up(None, "--refresh")
    return shared


def test_up_again_and_refresh_change_nothing(stack: Stack):
    assert stack.up().changes == {}
    refreshed = stack.refresh()
    assert refreshed.differing == {}
    assert set(refreshed.steps.values()) <= {"same", "refresh"}


def test_what_was_made_is_there_and_works(stack: Stack, stand: Stand):
    out = stack.outputs()
    assert json.loads(out["result"]) == {"got": {"reason": "deploy", "raise": False}}
    assert out["account"] == "000000000000"
    assert out["region"] == "eu-central-1"
    assert out["url"] == f"000000000000.dkr.ecr.eu-central-1.amazonaws.com/{out['repository']}"
    mine = stand.client("secretsmanager", (out["keyId"], out["key"]))
    with refused("ResourceNotFoundException"):  # allowed, but there is no value yet
        mine.get_secret_value(SecretId=out["secretArn"])
    with refused("AccessDeniedException"):
        mine.put_secret_value(SecretId=out["secretArn"], SecretString="x")
    targets = stand.client("events").list_targets_by_rule(Rule=out["rule"])["Targets"]
    assert targets[0]["RetryPolicy"] == {"MaximumRetryAttempts": 3}
    function = stand.client("lambda").get_function_configuration(FunctionName=out["function"])
    assert function["Environment"]["Variables"] == {"PLAIN": "1", "HIDDEN": "canary-variable"}
    assert function["DeadLetterConfig"]["TargetArn"].endswith(out["queueUrl"].rsplit("/", 1)[1])


def test_no_secret_is_plain_in_state_preview_or_output(stack: Stack):
    out = stack.outputs()
    hidden = [*CANARIES, out["key"]]
    texts = {"state": stack.export(), "preview": stack.run("preview", "--diff", variant={"timeout": 9}).text}
    texts["up"] = stack.up({"timeout": 9}).text
    texts["events"] = (stack.folder / "events.json").read_text()
    for where, text in texts.items():
        for secret in hidden:
            assert secret not in text, where
    key = stack.state()["AccessKey", "cluster"]
    assert "ciphertext" in key["outputs"]["secret"]
    assert "ciphertext" in key["outputs"]["sesSmtpPasswordV4"]


def test_what_can_change_in_place_does_and_the_rest_stays(stack: Stack):
    before = {at: resource.get("id") for at, resource in stack.state().items()}
    variant = {
        "tags": {"app": "other", "more": "1"},
        "action": "ecr:DescribeRepositories",
        "description": "runs more",
        "visibility": 60,
        "retention": 30,
        "timeout": 60,
        "retries": 0,
        "schedule": "rate(2 hours)",
        "mutability": "IMMUTABLE",
    }
    assert stack.preview(variant).changes == stack.up(variant).changes
    outcome = stack.up(variant)
    assert outcome.changes == {}
    assert {at: resource.get("id") for at, resource in stack.state().items()} == before
    assert stack.refresh(variant).differing == {}


def test_each_change_is_shown_where_it_is(stack: Stack):
    outcome = stack.preview({"schedule": "rate(2 hours)"})
    assert outcome.changes == {("EventRule", "tick"): "update"}
    assert outcome.differing == {("EventRule", "tick"): ["scheduleExpression"]}


def test_new_code_replaces_the_invocation_that_waits_for_it(stack: Stack):
    variant = {"extra": "2"}
    changes = stack.up(variant).changes
    assert changes[("Function", "run")] == "update"
    assert changes[("Invocation", "first")] == "replace"
    assert set(changes) == {("Function", "run"), ("Invocation", "first")}


def test_a_failing_function_fails_the_up_with_its_error(stack: Stack):
    outcome = stack.up({"raise": True}, fails=True)
    assert "invoking Lambda Function" in outcome.text
    assert "asked to" in outcome.text


def test_drift_is_shown_by_refresh_and_taken_back_by_up(stack: Stack, stand: Stand):
    out = stack.outputs()
    stand.client("iam").tag_user(UserName=out["user"], Tags=[{"Key": "app", "Value": "hacked"}])
    stand.client("iam").update_role(RoleName=out["role"], Description="hacked")
    stand.client("events").put_rule(Name=out["rule"], ScheduleExpression="rate(5 hours)")
    stand.client("sqs").set_queue_attributes(QueueUrl=out["queueUrl"], Attributes={"VisibilityTimeout": "99"})
    stand.client("logs").delete_retention_policy(logGroupName=out["logs"])
    stand.client("lambda").update_function_configuration(FunctionName=out["function"], Timeout=77)
    stand.client("ecr").put_image_tag_mutability(repositoryName=out["repository"], imageTagMutability="IMMUTABLE")
    drifted = {
        ("User", "cluster"),
        ("Role", "run"),
        ("EventRule", "tick"),
        ("Queue", "lost"),
        ("LogGroup", "run"),
        ("Function", "run"),
        ("Repository", "app"),
    }
    assert set(stack.refresh().differing) == drifted
    healed = stack.up()
    assert healed.changes == dict.fromkeys(drifted, "update")
    assert stand.client("lambda").get_function_configuration(FunctionName=out["function"])["Timeout"] == 30


def test_what_somebody_deleted_leaves_the_state_and_comes_back(stack: Stack, stand: Stand):
    out = stack.outputs()
    stand.client("logs").delete_log_group(logGroupName=out["logs"])
    stand.client("iam").delete_access_key(UserName=out["user"], AccessKeyId=out["keyId"])
    stand.client("secretsmanager").delete_secret(SecretId=out["secretArn"], ForceDeleteWithoutRecovery=True)
    stand.client("events").remove_targets(Rule=out["rule"], Ids=[_target(stack)])
    refreshed = stack.refresh()
    assert refreshed.only("delete").keys() == {
        ("LogGroup", "run"),
        ("AccessKey", "cluster"),
        ("Secret", "login"),
        ("SecretPolicy", "login"),
        ("EventTarget", "tick"),
    }
    created = stack.up().only("create")
    assert set(created) == set(refreshed.only("delete"))
    assert stack.outputs()["keyId"] != out["keyId"]


def _target(stack: Stack) -> str:
    return stack.state()["EventTarget", "tick"]["outputs"]["targetId"]


def test_destroy_leaves_nothing_even_of_what_is_gone_already(new_stack: Callable[..., Stack], stand: Stand):
    stack = new_stack()
    stack.up()
    out = stack.outputs()
    stand.client("logs").delete_log_group(logGroupName=out["logs"])
    stand.client("ecr").delete_repository(repositoryName=out["repository"], force=True)
    stack.destroy()
    iam = stand.client("iam")
    assert out["user"] not in [user["UserName"] for user in iam.list_users()["Users"]]
    assert out["role"] not in [role["RoleName"] for role in iam.list_roles()["Roles"]]
    assert out["policyArn"] not in [policy["Arn"] for policy in iam.list_policies(Scope="Local")["Policies"]]
    assert out["function"] not in [f["FunctionName"] for f in stand.client("lambda").list_functions()["Functions"]]
    assert out["rule"] not in [rule["Name"] for rule in stand.client("events").list_rules()["Rules"]]
    assert out["queueUrl"] not in stand.client("sqs").list_queues().get("QueueUrls", [])
    assert out["secretArn"] not in [s["ARN"] for s in stand.client("secretsmanager").list_secrets()["SecretList"]]
    stack.up()
