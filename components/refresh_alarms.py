"""What tells people when logins are no longer renewed, while those that are there still live."""

import json
from collections.abc import Sequence
from math import ceil
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from .policy import account_of, document, statement

HOUR = 3600

# As the refresher writes them (lambda_src/refresher/metrics.py).
NAMESPACE = "everpull"
REFRESHED = "Refreshed"
LIFE = "RemainingLoginLife"

# Of so many hours each must have errors: a failure that the next run healed calls nobody. Two would not do. Lambda tries a run
# that failed twice more within some minutes (Lambda Developer Guide, Asynchronous invocation: error handling), and hours are
# counted anew each minute, so that the attempts of one run come to lie in two of them.
ERROR_HOURS = 3

# What a login has left when nothing but renewing it can have failed: it is due from six hours on (see the refresher's core).
LIFE_BOUND_SECONDS = 4 * HOUR

# Where data is missing CloudWatch looks back at so many periods more, and counts what it finds there first (CloudWatch User
# Guide, Configuring how CloudWatch alarms treat missing data: how alarm state is evaluated when data is missing). So much later
# an alarm on missing data may be.
LATE_HOURS = 2


class RefreshAlarmsArgs(TypedDict):
    """Arguments of RefreshAlarms."""

    function_name: pulumi.Input[str]
    """Name of the refresh function. It must tell its metrics (see RefreshFunctionArgs)."""

    dead_letter_queue_url: pulumi.Input[str]
    """URL of its dead-letter queue."""

    period: int
    """Seconds between two of its runs."""

    hours: int
    """Hours without a run that refreshed after which the alarm is raised, more than `period` by one at least."""

    region: str
    """AWS region of all of it."""

    dashboard_name: str
    """Name of the dashboard, which is unique in the account, in all of its regions."""

    topic_arn: NotRequired[str]
    """SNS topic, of the same region, that CloudWatch may publish to. One is made by default."""

    email: NotRequired[str]
    """Address that a topic which is made sends to, once whoever reads it has agreed. None by default."""


class RefreshAlarms(pulumi.ComponentResource):
    """Alarms that publish to an SNS topic when they are raised and when that is over, and a dashboard.

    A topic that is made is not encrypted: CloudWatch can't publish to one that has SNS's own key (Amazon SNS Developer Guide,
    Key management), a key of one's own costs more than all the rest, and alarms tell no secret.
    """

    topic_arn: pulumi.Output[str]
    """ARN of the topic."""

    dashboard: pulumi.Output[str]
    """Name of the dashboard."""

    alarms: pulumi.Output[list[str]]
    """Names of the alarms."""

    def __init__(self, name: str, args: RefreshAlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:RefreshAlarms", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        given = args.get("topic_arn")
        topic = None if given else aws.sns.Topic(f"{name}-topic", display_name="everpull", opts=child)
        self.topic_arn = topic.arn if topic else pulumi.Output.from_input(given or "")
        function = {"FunctionName": args["function_name"]}
        queue = {
            "QueueName": pulumi.Output.from_input(args["dead_letter_queue_url"]).apply(
                lambda url: url.rpartition("/")[2]
            )
        }
        apart = ceil(args["period"] / HOUR)
        alarms = [
            aws.cloudwatch.MetricAlarm(
                f"{name}-errors",
                alarm_description="everpull: runs of the refresher fail, one after another. docs/alarms.md: errors",
                namespace="AWS/Lambda",
                metric_name="Errors",
                dimensions=function,
                statistic="Sum",
                comparison_operator="GreaterThanOrEqualToThreshold",
                threshold=1,
                period=HOUR,
                evaluation_periods=(ERROR_HOURS - 1) * apart + 1,
                datapoints_to_alarm=ERROR_HOURS,
                treat_missing_data="notBreaching",
                alarm_actions=[self.topic_arn],
                ok_actions=[self.topic_arn],
                opts=child,
            ),
            aws.cloudwatch.MetricAlarm(
                f"{name}-dead-letters",
                alarm_description="everpull: the refresher's dead-letter queue holds events. docs/alarms.md: dead letters",
                namespace="AWS/SQS",
                metric_name="ApproximateNumberOfMessagesVisible",
                dimensions=queue,
                statistic="Maximum",
                comparison_operator="GreaterThanOrEqualToThreshold",
                threshold=1,
                period=300,
                evaluation_periods=1,
                # A queue that nobody uses tells nothing (Amazon SQS Developer Guide, Available CloudWatch metrics).
                treat_missing_data="notBreaching",
                alarm_actions=[self.topic_arn],
                ok_actions=[self.topic_arn],
                opts=child,
            ),
            aws.cloudwatch.MetricAlarm(
                f"{name}-no-refresh",
                alarm_description=f"everpull: no run has refreshed for {args['hours']} hours. docs/alarms.md: no refresh",
                namespace=NAMESPACE,
                metric_name=REFRESHED,
                dimensions=function,
                statistic="Sum",
                comparison_operator="LessThanThreshold",
                threshold=1,
                # By the hour, because what CloudWatch looks back at grows with the period.
                period=HOUR,
                evaluation_periods=args["hours"],
                datapoints_to_alarm=args["hours"],
                # A function that does not run at all tells nothing.
                treat_missing_data="breaching",
                alarm_actions=[self.topic_arn],
                ok_actions=[self.topic_arn],
                opts=child,
            ),
            aws.cloudwatch.MetricAlarm(
                f"{name}-short-life",
                alarm_description="everpull: a login that pods pull with dies soon. docs/alarms.md: short life",
                namespace=NAMESPACE,
                metric_name=LIFE,
                dimensions=function,
                statistic="Minimum",
                comparison_operator="LessThanThreshold",
                threshold=LIFE_BOUND_SECONDS,
                period=HOUR,
                evaluation_periods=1,
                # That nothing is told is for the alarm before; an end that is near is not farther for that.
                treat_missing_data="ignore",
                alarm_actions=[self.topic_arn],
                ok_actions=[self.topic_arn],
                opts=child,
            ),
        ]
        arns = pulumi.Output.all(*[alarm.arn for alarm in alarms])
        if topic:
            aws.sns.TopicPolicy(
                f"{name}-may-publish",
                arn=topic.arn,
                policy=pulumi.Output.all(topic.arn, arns).apply(lambda known: _topic_policy(*known)),
                opts=child,
            )
            if email := args.get("email"):
                aws.sns.TopicSubscription(
                    f"{name}-email", topic=topic.arn, protocol="email", endpoint=email, opts=child
                )
        dashboard = aws.cloudwatch.Dashboard(
            f"{name}-dashboard",
            dashboard_name=args["dashboard_name"],
            dashboard_body=pulumi.Output.all(args["function_name"], queue["QueueName"], arns).apply(
                lambda known: _dashboard(args["region"], *known)
            ),
            opts=child,
        )
        self.dashboard = dashboard.dashboard_name
        self.alarms = pulumi.Output.all(*[alarm.name for alarm in alarms])
        self.register_outputs({"topic_arn": self.topic_arn, "dashboard": self.dashboard, "alarms": self.alarms})


def _topic_policy(topic_arn: str, alarm_arns: Sequence[str]) -> str:
    """CloudWatch may publish for these alarms and nobody's else."""
    return document(
        {
            **statement("Alarms", ["sns:Publish"], [topic_arn]),
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Condition": {
                "StringEquals": {"aws:SourceAccount": account_of(topic_arn)},
                "ArnEquals": {"aws:SourceArn": list(alarm_arns)},
            },
        }
    )


def _dashboard(region: str, function: str, queue: str, alarm_arns: Sequence[str]) -> str:
    """Body of the dashboard (CloudWatch API Reference, Dashboard body structure and syntax)."""
    ours, by_lambda = (NAMESPACE, "FunctionName", function), ("AWS/Lambda", "FunctionName", function)

    def widget(kind: str, place: tuple[int, int, int, int], **properties: object) -> object:
        return {"type": kind, **dict(zip(("x", "y", "width", "height"), place, strict=True)), "properties": properties}

    def graph(title: str, left: int, top: int, metrics: Sequence[Sequence[object]], **more: object) -> object:
        place = (left, top, 12, 6)
        return widget(
            "metric", place, title=title, region=region, view="timeSeries", period=HOUR, metrics=metrics, **more
        )

    return json.dumps(
        {
            "widgets": [
                widget("alarm", (0, 0, 24, 2), title="Alarms", alarms=list(alarm_arns)),
                graph(
                    "Remaining life of the login (seconds)",
                    *(0, 2),
                    [[ours[0], LIFE, *ours[1:], {"stat": "Minimum"}]],
                    annotations={"horizontal": [{"label": "alarm", "value": LIFE_BOUND_SECONDS}]},
                    yAxis={"left": {"min": 0}},
                ),
                graph("Runs that refreshed", *(12, 2), [[ours[0], REFRESHED, *ours[1:], {"stat": "Sum"}]]),
                graph(
                    "Invocations and errors",
                    *(0, 8),
                    [[by_lambda[0], metric, *by_lambda[1:], {"stat": "Sum"}] for metric in ("Invocations", "Errors")],
                ),
                graph(
                    "Dead letters",
                    *(12, 8),
                    [["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue, {"stat": "Maximum"}]],
                ),
            ]
        }
    )
