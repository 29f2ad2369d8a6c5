"""The refresh function and its alarms, by the real engine, with the rights that a deployer is documented to need."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.local_aws.platform import ACCOUNT, REGION, ROOT, Stand, allow, docker_registry
from tests.local_providers.aws.engine import Outcome, Stack

# A function of mode `lambda` without a cluster.
PROGRAM = """
import json
import os

import pulumi

from components.login_secret import LoginSecret
from components.refresh_function import RefreshFunction
from modes.alarms import raise_alarms
from settings import parse

settings = parse(
    {"aws:region": os.environ["AWS_REGION"]}
    | {f"everpull:{key}": value for key, value in json.loads(os.environ["VARIANT"]).items()},
    "test",
)
chosen = settings.delivery
login = LoginSecret(f"{settings.owner}-login", {"description": "none"})
function = RefreshFunction(
    f"{settings.owner}-refresh",
    {
        "login_secret_arn": login.arn,
        "registries": ["@ACCOUNT.dkr.ecr.@REGION.amazonaws.com"],
        "repository_arns": ["arn:aws:ecr:@REGION:@ACCOUNT:repository/*"],
        "schedule": chosen.schedule,
        "log_retention_days": 30,
        "reserved_concurrency": -1,
        "metrics": chosen.alarms is not None,
    },
)
for name, value in raise_alarms(settings, chosen, function).items():
    pulumi.export(name, value)
pulumi.export("function", function.function_name)
pulumi.export("queue", function.dead_letter_queue_url)
pulumi.export("logGroup", function.log_group_name)
""".replace("@ACCOUNT", ACCOUNT).replace("@REGION", REGION)
# The statements of the deployer's policy that are about alarms alone; the others have a test of their own.
DOCUMENTED = ROOT / "docs" / "iam" / "deploy.json"
OURS = ("Alarms", "FindAlarm", "Dashboard", "AlarmTopic", "AlarmSubscription")
OTHER_SERVICES = ("ecr:*", "events:*", "iam:*", "lambda:*", "logs:*", "secretsmanager:*", "sqs:*", "sts:*")
# Of these calls the emulator tells its policies which resource they are about; of the others it asks for a right on all.
PLACED = {
    "cloudwatch:PutMetricAlarm",
    *(f"sns:{call}" for call in ("CreateTopic", "DeleteTopic", "SetTopicAttributes")),
}
ALARMS = {"alarms": "true", "alarmEmail": "oncall@example.com"}


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with docker_registry(tmp_path_factory.mktemp("registry") / "registry") as backend:
        running = Stand(tmp_path_factory.mktemp("aws") / "stand", backend)
        running.start()
        yield running
        running.stop()


def deployer(stand: Stand, name: str, *, without: str = "") -> dict[str, str]:
    """A user with those statements, less one, and all other services; the environment that acts as it."""
    text = DOCUMENTED.read_text(encoding="utf-8").replace("ACCOUNT", ACCOUNT).replace("REGION", REGION)
    statements = [item for item in json.loads(text)["Statement"] if item["Sid"] in OURS and item["Sid"] != without]
    granted = {action for item in statements for action in item["Action"]}
    policy = allow(*OTHER_SERVICES, *sorted(granted - PLACED))
    policy["Statement"] += statements
    key, secret = stand.user(name, policy)
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}


def stack_of(folder: Path, stand: Stand, environment: dict[str, str]) -> Stack:
    source = folder / "source"
    source.mkdir()
    (source / "Pulumi.yaml").write_text("name: alarms\nruntime: python\n")
    (source / "__main__.py").write_text(PROGRAM)
    shutil.copytree(ROOT / "lambda_src", source / "lambda_src", ignore=shutil.ignore_patterns("__pycache__"))
    return Stack(folder / "stack", stand, source, PYTHONPATH=str(ROOT), **environment)


@pytest.fixture
def stack(stand: Stand, tmp_path: Path) -> Iterator[Stack]:
    made = stack_of(tmp_path, stand, deployer(stand, tmp_path.name))
    yield made
    made.destroy()


def alarms(stand: Stand) -> list[dict[str, Any]]:
    return stand.client("cloudwatch").describe_alarms()["MetricAlarms"]


def of_ours(outcome: Outcome) -> set[str]:
    kinds = ("MetricAlarm", "Topic", "TopicPolicy", "TopicSubscription", "Dashboard")
    return {kind for kind, _ in outcome.changes if kind in kinds}


def test_the_documented_rights_are_enough_for_alarms_to_come_to_change_and_to_go(stack: Stack, stand: Stand) -> None:
    assert stack.preview(ALARMS).code == 0
    stack.up(ALARMS)
    known = stack.outputs()
    found = alarms(stand)
    assert len(found) == 4
    for alarm in found:
        assert alarm["AlarmActions"] == alarm["OKActions"] == [known["alarmTopic"]]
        assert alarm["AlarmName"].startswith("everpull-test-alarms-")
        assert alarm["Dimensions"][0]["Value"] in (known["function"], known["queue"].rpartition("/")[2])
    policy = stand.client("sns").get_topic_attributes(TopicArn=known["alarmTopic"])["Attributes"]["Policy"]
    (statement,) = json.loads(policy)["Statement"]
    assert sorted(statement["Condition"]["ArnEquals"]["aws:SourceArn"]) == sorted(alarm["AlarmArn"] for alarm in found)
    assert stand.client("cloudwatch").get_dashboard(DashboardName=known["dashboard"])["DashboardBody"]
    assert stack.up(ALARMS).changes == {}
    assert stack.refresh(ALARMS).differing == {}

    other = {**ALARMS, "alarmHours": "2"}
    assert (
        stack.preview(other).changes
        == stack.up(other).changes
        == {("MetricAlarm", "everpull-test-alarms-no-refresh"): "update"}
    )
    given = stand.client("sns").create_topic(Name="on-call")["TopicArn"]
    stack.up({"alarms": "true", "alarmTopic": given})
    assert [topic["TopicArn"] for topic in stand.client("sns").list_topics()["Topics"]] == [given]
    assert {action for alarm in alarms(stand) for action in alarm["AlarmActions"]} == {given}

    assert of_ours(stack.up({})) == {"MetricAlarm", "Dashboard"}
    assert alarms(stand) == []
    assert stand.client("cloudwatch").list_dashboards()["DashboardEntries"] == []
    assert stand.client("sns").list_topics()["Topics"] == [{"TopicArn": given}], "what was given is not taken away"


def states(stand: Stand) -> dict[str, str]:
    """The state of each alarm, by the last words of its name."""
    return {
        alarm["AlarmName"].removeprefix("everpull-test-alarms-").rpartition("-")[0]: alarm["StateValue"]
        for alarm in alarms(stand)
    }


def test_what_the_function_writes_is_what_the_alarms_look_at(stack: Stack, stand: Stand) -> None:
    stack.up(ALARMS)
    known = stack.outputs()
    fine = dict.fromkeys(("errors", "dead-letters", "no-refresh", "short-life"), "OK")
    assert states(stand) == fine

    # One run that fails is nobody's concern.
    functions = stand.client("lambda")
    assert "FunctionError" in functions.invoke(FunctionName=known["function"], Payload=b'{"detail": {}}')
    assert states(stand) == fine

    life = stand.admin("GET", "config")["token_ttl_seconds"]
    stand.admin("POST", "config", {"token_ttl_seconds": 3 * 3600})
    try:
        functions.invoke(FunctionName=known["function"], Payload=b'{"force": true}')
    finally:
        stand.admin("POST", "config", {"token_ttl_seconds": life})
    stand.client("sqs").send_message(QueueUrl=known["queue"], MessageBody="dead")
    assert states(stand) == {**fine, "short-life": "ALARM", "dead-letters": "ALARM"}


@pytest.mark.parametrize(
    ("sid", "action"),
    [
        ("Alarms", "cloudwatch:PutMetricAlarm"),
        ("FindAlarm", "cloudwatch:DescribeAlarms"),
        ("Dashboard", "cloudwatch:PutDashboard"),
        ("AlarmTopic", "sns:CreateTopic"),
    ],
)
def test_each_of_the_rights_is_needed(tmp_path: Path, stand: Stand, sid: str, action: str) -> None:
    stack = stack_of(tmp_path, stand, deployer(stand, f"without-{sid}", without=sid))
    try:
        assert action in stack.up(ALARMS, fails=True).text
    finally:
        stack.environment |= deployer(stand, f"with-{sid}")
        stack.destroy()
