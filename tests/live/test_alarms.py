"""The refresher stops, and whoever is on call hears of it while pods still pull. Hours are scaled down, as in test_time."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from lightkube import Client

from local.driver import aws
from local.driver.workloads import wait_until
from local.state import PlatformState
from tests.live.deployment import Deployment, deploy

pytestmark = pytest.mark.alone

# Twelve hours and the schedule's hour become these.
LIFE_SECONDS = 240
SPEED = 12 * 3600 // LIFE_SECONDS


@pytest.fixture(scope="module")
def watched(platform: PlatformState, kube: Client) -> Iterator[Deployment]:
    with deploy(
        platform, kube, "alarm", ["alarm-a"], alarms=True, alarmEmail="oncall@example.com", syncInterval="10s"
    ) as deployment:
        yield deployment


@pytest.fixture
def on_call(watched: Deployment) -> Iterator[str]:
    """URL of a queue that the topic tells, as it would a pager."""
    sqs, sns = (aws.client(watched.state, service) for service in ("sqs", "sns"))
    url = sqs.create_queue(QueueName="alarm-on-call")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sends = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [sends]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    subscription = sns.subscribe(
        TopicArn=watched.outputs["alarmTopic"], Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True
    )
    yield url
    sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    sqs.delete_queue(QueueUrl=url)


@pytest.fixture(autouse=True)
def short_hours(platform: PlatformState, as_on_aws: None) -> None:
    aws.admin(platform, "config", {"token_ttl_seconds": LIFE_SECONDS, "schedule_speed": SPEED})


def states(watched: Deployment) -> dict[str, str]:
    """The state of each alarm of the stack, by what it is about."""
    alarms = aws.client(watched.state, "cloudwatch").describe_alarms()["MetricAlarms"]
    ours = [alarm for alarm in alarms if alarm["AlarmName"].startswith("everpull-alarm-alarms-")]
    names = ("errors", "dead-letters", "no-refresh", "short-life")
    return {name: next(a["StateValue"] for a in ours if f"-{name}-" in a["AlarmName"]) for name in names}


def told(watched: Deployment, queue: str) -> list[dict[str, Any]]:
    """What is said to whoever is on call since the last look."""
    messages = aws.client(watched.state, "sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
    return [json.loads(json.loads(message["Body"])["Message"]) for message in messages.get("Messages", [])]


def test_a_refresher_that_stops_is_told_of_while_the_login_lives(watched: Deployment, on_call: str) -> None:
    events, rule = aws.client(watched.state, "events"), watched.outputs["scheduleRule"]
    assert watched.refresh_login(force=True)["status"] == "refreshed"
    wait_until(lambda: states(watched)["no-refresh"] == "OK", "the alarm sees the schedule's runs")
    watched.sync()
    told(watched, on_call)
    events.disable_rule(Name=rule)
    try:
        wait_until(lambda: states(watched)["no-refresh"] == "ALARM", "the alarm is raised", LIFE_SECONDS / 2)
        assert datetime.fromisoformat(watched.login()["expiresAt"]) > datetime.now(UTC)
        assert watched.pull().pulled
        said = wait_until(lambda: told(watched, on_call), "who is on call is told")
        assert any("no-refresh" in message["AlarmName"] and message["NewStateValue"] == "ALARM" for message in said)
    finally:
        events.enable_rule(Name=rule)
    wait_until(lambda: states(watched)["no-refresh"] == "OK", "the alarm is over once it runs again")
    wait_until(lambda: any(message["NewStateValue"] == "OK" for message in told(watched, on_call)), "that is told too")


def test_up_again_changes_nothing(watched: Deployment) -> None:
    assert watched.stack.preview("--refresh").changes == {}
