"""Alarms, dashboards and topics as the real provider handles them: each request, what it reads back and what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.providers.common.values import Unknown
from tests.local_aws.platform import ACCOUNT, REGION, Stand
from tests.local_providers.aws.engine import Stack
from tests.local_providers.aws.scripted import Scripted

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:t"
ARN = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:a"
INPUTS = {
    "name": "a",
    "namespace": "AWS/Lambda",
    "metricName": "Errors",
    "dimensions": {"FunctionName": "f"},
    "statistic": "Sum",
    "comparisonOperator": "GreaterThanOrEqualToThreshold",
    "threshold": 1.5,
    "period": 3600,
    "evaluationPeriods": 3,
    "treatMissingData": "notBreaching",
    "alarmActions": [TOPIC],
}
SENT: dict[str, Any] = {
    "AlarmName": "a",
    "ActionsEnabled": True,
    "AlarmActions": [TOPIC],
    "Namespace": "AWS/Lambda",
    "MetricName": "Errors",
    "Dimensions": [{"Name": "FunctionName", "Value": "f"}],
    "Statistic": "Sum",
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "Threshold": 1.5,
    "Period": 3600,
    "EvaluationPeriods": 3,
    "TreatMissingData": "notBreaching",
}
STATE = {**INPUTS, "actionsEnabled": True, "arn": ARN, "region": REGION, "tags": {}, "tagsAll": {}}


@pytest.fixture
def run() -> Scripted:
    return Scripted(ALARM)


def described(run: Scripted, **changes: Any) -> None:
    found = {**SENT, "AlarmArn": ARN, **changes}
    asked = {"AlarmNames": ["a"], "AlarmTypes": ["MetricAlarm"]}
    run.answer("cloudwatch", "describe_alarms", asked, {"MetricAlarms": [found]})
    run.answer("cloudwatch", "list_tags_for_resource", {"ResourceARN": ARN}, {"Tags": []})


def test_an_alarm_is_put_by_one_request_and_read_back(run: Scripted):
    run.answer("cloudwatch", "put_metric_alarm", SENT, {})
    described(run)
    made = run.create(INPUTS)
    run.done()
    assert made.id == "a"
    assert made.outputs == STATE
    assert run.changes(made.outputs, INPUTS) == {}


def test_a_change_puts_the_whole_alarm(run: Scripted):
    run.answer("cloudwatch", "put_metric_alarm", {**SENT, "Threshold": 0}, {})
    described(run, Threshold=0)
    assert run.update("a", STATE, {**INPUTS, "threshold": 0})["threshold"] == 0
    run.done()


def test_a_threshold_of_zero_is_sent_too(run: Scripted):
    inputs = {name: value for name, value in INPUTS.items() if name != "threshold"}
    run.answer("cloudwatch", "put_metric_alarm", {**SENT, "Threshold": 0}, {})
    described(run, Threshold=0)
    assert run.create(inputs).outputs["threshold"] == 0


def test_another_name_is_another_alarm(run: Scripted):
    assert run.changes(STATE, {**INPUTS, "name": "b"}) == {"name": "UPDATE"}
    assert run.changes(STATE, {**INPUTS, "alarmActions": [f"{TOPIC}2"], "period": 60}) == {
        "alarmActions.0": "update",
        "period": "update",
    }


def test_an_alarm_that_is_not_there_any_more_is_gone(run: Scripted):
    run.answer("cloudwatch", "describe_alarms", {"AlarmNames": ["a"], "AlarmTypes": ["MetricAlarm"]}, {})
    assert run.read("a", STATE, INPUTS) is None


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"metricName": None}, ("metricName", "metricName is required for an alarm on a metric")),
        (
            {"statistic": None},
            ("statistic", "one of statistic or extendedStatistic is required for an alarm on a metric"),
        ),
        ({"period": 90}, ("period", "period must be 10, 20, 30 or a multiple of 60, not 90")),
        (
            {"period": 300, "evaluationPeriods": 289},
            ("evaluationPeriods", "period times evaluationPeriods must be at most 86400 seconds"),
        ),
        (
            {"evaluationPeriods": 169},
            ("evaluationPeriods", "period times evaluationPeriods must be at most 604800 seconds"),
        ),
        ({"datapointsToAlarm": 4}, ("datapointsToAlarm", "datapointsToAlarm must be at most evaluationPeriods")),
        (
            {"treatMissingData": "bad"},
            ("treatMissingData", "treatMissingData must be one of missing, ignore, breaching, notBreaching"),
        ),
        (
            {"okActions": [TOPIC.replace(REGION, "eu-west-1")]},
            ("okActions", f"Invalid region eu-west-1 specified. Only {REGION} is supported."),
        ),
        ({"threshold": True}, ("threshold", "threshold must be a number")),
        ({"threshold": "many"}, ("threshold", "threshold must be a number")),
    ],
)
def test_what_aws_would_refuse_is_refused_before(run: Scripted, changes: dict[str, Any], fault: tuple[str, str]):
    assert run.faults({**INPUTS, **changes}) == [fault]


@pytest.mark.parametrize(
    "changes",
    [
        {"period": 10, "evaluationPeriods": 8640},
        {"evaluationPeriods": 168},
        {"datapointsToAlarm": 3},
        {"alarmActions": [Unknown()]},
        {"alarmActions": Unknown()},
        {"alarmActions": ["arn:aws:automate:eu-west-1:ec2:stop"]},
    ],
)
def test_what_aws_takes_is_taken(run: Scripted, changes: dict[str, Any]):
    assert run.faults({**INPUTS, **changes}) == []


def test_a_topic_that_loses_its_policy_gets_that_of_a_new_one():
    run = Scripted("aws:sns/topicPolicy:TopicPolicy")
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [
            "SNS:GetTopicAttributes",
            "SNS:SetTopicAttributes",
            "SNS:AddPermission",
            "SNS:RemovePermission",
            "SNS:DeleteTopic",
            "SNS:Subscribe",
            "SNS:ListSubscriptionsByTopic",
            "SNS:Publish",
        ],
        "Resource": TOPIC,
        "Condition": {"StringEquals": {"AWS:SourceOwner": ACCOUNT}},
    }
    policy = json.dumps({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]})
    sent = {"TopicArn": TOPIC, "AttributeName": "Policy", "AttributeValue": policy}
    run.answer("sns", "set_topic_attributes", sent, {})
    run.delete(TOPIC, {"arn": TOPIC, "policy": "{}", "owner": ACCOUNT, "region": REGION})
    run.done()


def test_a_subscription_that_waits_for_its_confirmation_can_be_left_behind():
    run = Scripted("aws:sns/topicSubscription:TopicSubscription")
    words = "Cannot unsubscribe a subscription that is pending confirmation"
    run.refuse("sns", "unsubscribe", "InvalidParameter", words)
    run.delete(f"{TOPIC}:s", {"region": REGION})
    run.done()


PROGRAM = """
import json, os
import pulumi
import pulumi_aws as aws

variant = json.loads(os.environ.get("VARIANT", "{}"))
tags = {"app": "everpull"}
topic = aws.sns.Topic("told", display_name=variant.get("display", "everpull"), tags=tags)
statement = {
    "Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish",
    "Sid": variant.get("sid", "Alarms"),
}
aws.sns.TopicPolicy("told", arn=topic.arn, policy=topic.arn.apply(
    lambda arn: json.dumps({"Version": "2012-10-17", "Statement": [{**statement, "Resource": arn}]})))
subscription = aws.sns.TopicSubscription("told", topic=topic.arn, protocol="email", endpoint="oncall@example.com")
alarm = aws.cloudwatch.MetricAlarm(
    "raised", namespace="everpull", metric_name="Refreshed", dimensions={"FunctionName": "f"}, statistic="Sum",
    comparison_operator="LessThanThreshold", threshold=variant.get("threshold", 1), period=3600, evaluation_periods=3,
    datapoints_to_alarm=3, treat_missing_data="breaching", alarm_actions=[topic.arn], ok_actions=[topic.arn], tags=tags,
)
aws.cloudwatch.Dashboard(
    "shown", dashboard_name=variant.get("dashboard", "everpull-dev"),
    dashboard_body=alarm.arn.apply(lambda arn: json.dumps({"widgets": [{"type": "alarm", "properties": {"alarms": [arn]}}]})),
)
pulumi.export("topic", topic.arn)
pulumi.export("alarm", alarm.name)
pulumi.export("subscription", subscription.arn)
"""


@pytest.fixture
def stack(new_stack: Callable[..., Stack], tmp_path: Path) -> Stack:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: alarms\nruntime: python\n")
    (folder / "__main__.py").write_text(PROGRAM)
    return new_stack(folder)


def test_all_of_them_live_with_the_real_engine(stack: Stack, stand: Stand):
    stack.up()
    known = stack.outputs()
    sns, cloudwatch = stand.client("sns"), stand.client("cloudwatch")
    (found,) = cloudwatch.describe_alarms(AlarmNames=[known["alarm"]])["MetricAlarms"]
    assert (found["Threshold"], found["TreatMissingData"]) == (1, "breaching")
    assert found["Dimensions"] == [{"Name": "FunctionName", "Value": "f"}]
    assert found["AlarmActions"] == found["OKActions"] == [known["topic"]]
    assert cloudwatch.list_tags_for_resource(ResourceARN=found["AlarmArn"])["Tags"] == [
        {"Key": "app", "Value": "everpull"}
    ]
    body = json.loads(cloudwatch.get_dashboard(DashboardName="everpull-dev")["DashboardBody"])
    assert body["widgets"][0]["properties"]["alarms"] == [found["AlarmArn"]]
    (subscribed,) = sns.list_subscriptions_by_topic(TopicArn=known["topic"])["Subscriptions"]
    assert (subscribed["Protocol"], subscribed["Endpoint"]) == ("email", "oncall@example.com")
    assert stack.up().changes == {}
    assert stack.refresh().changes == {}

    changed = {"threshold": 2, "display": "other", "sid": "Other", "dashboard": "everpull-other"}
    assert stack.up(changed).changes == {
        ("MetricAlarm", "raised"): "update",
        ("Topic", "told"): "update",
        ("TopicPolicy", "told"): "update",
        ("Dashboard", "shown"): "replace",
    }
    attributes = sns.get_topic_attributes(TopicArn=known["topic"])["Attributes"]
    assert attributes["DisplayName"] == "other"
    assert json.loads(attributes["Policy"])["Statement"][0]["Sid"] == "Other"
    stack.destroy()
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []
    assert cloudwatch.list_dashboards()["DashboardEntries"] == []
    assert sns.list_topics()["Topics"] == []
