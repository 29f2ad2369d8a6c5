"""Alarms on what functions write and queues hold, and who is told of them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.local_aws.functions import function, invoke, logging_function, role
from tests.local_aws.platform import ACCOUNT, REGION, Stand, refused, wait_until

EMF = """
import json, time

def handle(event, context):
    if event.get("plain"):
        print("not JSON"); print(json.dumps({"_aws": 1})); print(json.dumps({"_aws": {"CloudWatchMetrics": []}}))
    about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [{
        "Namespace": "tests", "Dimensions": [["FunctionName"]], "Metrics": [{"Name": "Life", "Unit": "Seconds"}]}]}
    print(json.dumps({"_aws": about, "FunctionName": context.function_name, "Life": event["life"]}))
    if event.get("raise"):
        raise ValueError("on purpose")
"""


def alarm(stand: Stand, name: str, namespace: str, metric: str, dimension: str, **more: Any) -> None:
    settings: dict[str, Any] = {
        "Statistic": "Minimum",
        "ComparisonOperator": "LessThanThreshold",
        "Threshold": 100,
        "Period": 3600,
        "EvaluationPeriods": 1,
        "TreatMissingData": "missing",
        **more,
    }
    key = "QueueName" if namespace == "AWS/SQS" else "FunctionName"
    stand.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": key, "Value": dimension}],
        **settings,
    )


def state(stand: Stand, name: str) -> str:
    (found,) = stand.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return found["StateValue"]


def put(stand: Stand, name: str, hours_ago: float, value: float) -> None:
    datum = {
        "MetricName": "Life",
        "Dimensions": [{"Name": "FunctionName", "Value": name}],
        "Timestamp": datetime.now(UTC) - timedelta(hours=hours_ago),
        "Value": value,
    }
    stand.client("cloudwatch").put_metric_data(Namespace="tests", MetricData=[datum])


def test_a_line_in_embedded_metric_format_is_a_metric(stand: Stand, name: str) -> None:
    logging_function(stand, name, source=EMF)
    invoke(stand, name, {"life": 250, "plain": True})
    statistics = stand.client("cloudwatch").get_metric_statistics(
        Namespace="tests",
        MetricName="Life",
        Dimensions=[{"Name": "FunctionName", "Value": name}],
        StartTime=datetime.now(UTC) - timedelta(hours=1),
        EndTime=datetime.now(UTC) + timedelta(minutes=1),
        Period=3600,
        Statistics=["Minimum", "SampleCount"],
    )["Datapoints"]
    assert [(point["Minimum"], point["SampleCount"]) for point in statistics] == [(250, 1)]


def test_what_may_not_be_logged_is_no_metric(stand: Stand, name: str) -> None:
    function(stand, name, role(stand, name), source=EMF)
    invoke(stand, name, {"life": 1})
    dimensions = [{"Name": "FunctionName", "Value": name}]
    listed = stand.client("cloudwatch").list_metrics(Namespace="tests", Dimensions=dimensions)["Metrics"]
    assert listed == []


def test_an_alarm_looks_at_its_own_dimension_alone(stand: Stand, name: str) -> None:
    for other in (name, f"{name}-2"):
        logging_function(stand, other, source=EMF)
        alarm(stand, other, "tests", "Life", other)
    invoke(stand, name, {"life": 250})
    invoke(stand, f"{name}-2", {"life": 1})
    assert (state(stand, name), state(stand, f"{name}-2")) == ("OK", "ALARM")
    alarm(stand, f"{name}-3", "tests", "Life", f"{name}-3")
    assert state(stand, f"{name}-3") == "INSUFFICIENT_DATA"


@pytest.mark.parametrize(("hours_ago", "expected"), [(2.5, "OK"), (4.5, "OK"), (5.5, "ALARM")])
def test_silence_is_told_of_once_the_last_word_is_out_of_range(
    stand: Stand, name: str, hours_ago: float, expected: str
) -> None:
    put(stand, name, hours_ago, 250)
    silence = {"EvaluationPeriods": 3, "DatapointsToAlarm": 3, "TreatMissingData": "breaching"}
    alarm(stand, name, "tests", "Life", name, **silence)
    assert state(stand, name) == expected


def test_periods_pass_as_fast_as_schedules_run(stand: Stand, name: str) -> None:
    put(stand, name, 2.5, 250)
    silence = {"EvaluationPeriods": 3, "DatapointsToAlarm": 3, "TreatMissingData": "breaching"}
    alarm(stand, name, "tests", "Life", name, **silence)
    assert state(stand, name) == "OK"
    stand.admin("POST", "config", {"schedule_speed": 1.5})
    try:
        assert state(stand, name) == "OK"
        stand.admin("POST", "config", {"schedule_speed": 3600})
        assert state(stand, name) == "ALARM"
    finally:
        stand.admin("POST", "config", {"schedule_speed": 1})


def test_attempts_of_runs_that_nobody_waits_for_are_errors_too(stand: Stand, name: str) -> None:
    logging_function(stand, name, source=EMF)
    errors = {"Statistic": "Sum", "ComparisonOperator": "GreaterThanOrEqualToThreshold", "Threshold": 3}
    alarm(stand, name, "AWS/Lambda", "Errors", name, **errors)
    payload = json.dumps({"life": 1, "raise": True}).encode()
    stand.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=payload)
    wait_until("three attempts have failed", lambda: state(stand, name) == "ALARM")


def test_a_queue_is_counted_when_somebody_looks(stand: Stand, name: str) -> None:
    sqs = stand.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    waiting = {"Statistic": "Maximum", "ComparisonOperator": "GreaterThanOrEqualToThreshold", "Threshold": 1}
    visible = "ApproximateNumberOfMessagesVisible"
    alarm(stand, name, "AWS/SQS", visible, name, **waiting, Period=10, TreatMissingData="notBreaching")
    assert state(stand, name) == "OK"
    sqs.send_message(QueueUrl=url, MessageBody="dead")
    assert state(stand, name) == "ALARM"
    sqs.purge_queue(QueueUrl=url)
    wait_until("the period with a message is over", lambda: state(stand, name) == "OK", seconds=60)


def letting(service: str, action: str, resource: str, source: str) -> str:
    """A resource's policy that lets a service act for one source."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": action,
        "Resource": resource,
        "Condition": {"ArnEquals": {"aws:SourceArn": source}, "StringEquals": {"aws:SourceAccount": ACCOUNT}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.mark.parametrize(("of", "expected"), [("", ["ALARM", "OK"]), ("another-", [])])
def test_a_topic_is_told_of_changes_of_alarms_that_its_policy_names(
    stand: Stand, name: str, of: str, expected: list[str]
) -> None:
    sns, sqs = stand.client("sns"), stand.client("sqs")
    topic = sns.create_topic(Name=name)["TopicArn"]
    source = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{of}{name}"
    policy = letting("cloudwatch.amazonaws.com", "sns:Publish", topic, source)
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    taking = letting("sns.amazonaws.com", "sqs:SendMessage", arn, topic)
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": taking})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    alarm(stand, name, "tests", "Life", name, Period=60, AlarmActions=[topic], OKActions=[topic])
    put(stand, name, 0, 1)
    assert state(stand, name) == "ALARM"
    alarm(stand, name, "tests", "Life", name, Period=60, Threshold=0, AlarmActions=[topic], OKActions=[topic])
    assert state(stand, name) == "OK"
    told: list[str] = []
    while found := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in found:
            told.append(json.loads(json.loads(message["Body"])["Message"])["NewStateValue"])
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    assert sorted(told) == expected


def test_an_address_waits_for_its_reader_and_can_not_be_taken_out_before(stand: Stand, name: str) -> None:
    sns = stand.client("sns")
    topic = sns.create_topic(Name=name)["TopicArn"]
    arn = sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com", ReturnSubscriptionArn=True)[
        "SubscriptionArn"
    ]
    found = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert (found["PendingConfirmation"], found["ConfirmationWasAuthenticated"]) == ("true", "false")
    with refused("InvalidParameter", "Cannot unsubscribe a subscription that is pending confirmation"):
        sns.unsubscribe(SubscriptionArn=arn)
    sns.delete_topic(TopicArn=topic)
