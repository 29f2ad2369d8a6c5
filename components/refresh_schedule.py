"""EventBridge's clock for the refresher, and where it puts what it can't deliver."""

import json
from collections.abc import Sequence
from typing import TypedDict

import pulumi
import pulumi_aws as aws

from .policy import document, statement


class ScheduleArgs(TypedDict):
    """Arguments of on_schedule."""

    schedule: pulumi.Input[str]
    """EventBridge schedule expression."""

    function: aws.lambda_.Function
    """What is run."""

    dead_letters: aws.sqs.Queue
    """What gets events that can't be delivered. Its policy is written."""


def on_schedule(name: str, args: ScheduleArgs, parent: pulumi.Resource) -> pulumi.Output[str]:
    """Runs the function by the clock. The name of the EventBridge rule."""
    function, dead_letters = args["function"], args["dead_letters"]
    child = pulumi.ResourceOptions(parent=parent)
    rule = aws.cloudwatch.EventRule(
        f"{name}-schedule",
        description="Runs everpull's refresher",
        schedule_expression=args["schedule"],
        # Said although it is the default, so that a rule somebody disabled is drift.
        state="ENABLED",
        opts=child,
    )
    permission = aws.lambda_.Permission(
        f"{name}-schedule-may-invoke",
        function=function.name,
        action="lambda:InvokeFunction",
        principal="events.amazonaws.com",
        source_arn=rule.arn,
        opts=child,
    )
    undelivered = aws.sqs.QueuePolicy(
        f"{name}-schedule-may-bury",
        queue_url=dead_letters.url,
        policy=pulumi.Output.all(dead_letters.arn, rule.arn).apply(_dead_letter_policy),
        opts=child,
    )
    aws.cloudwatch.EventTarget(
        f"{name}-target",
        rule=rule.name,
        arn=function.arn,
        input=json.dumps({"reason": "schedule"}),
        dead_letter_config={"arn": dead_letters.arn},
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[permission, undelivered]),
    )
    return rule.name


def _dead_letter_policy(arns: Sequence[str]) -> str:
    queue_arn, rule_arn = arns
    return document(
        {
            **statement("UndeliveredEvents", ["sqs:SendMessage"], [queue_arn]),
            "Principal": {"Service": "events.amazonaws.com"},
            "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
        }
    )
