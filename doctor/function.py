"""Link `function`: the Lambda function that renews the login, and what runs it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from components.aws_reads import Missing
from components.policy import account_of
from components.refresh_rotation import rotation_rights
from lambda_src.refresher.core import instant
from lambda_src.refresher.shapes import mapping

from .aws import Answer, name_of, partition_of
from .link import Findings, Link, examine
from .rights import Right, inline_policies, lacking, rights_in
from .view import View
from .words import span

NAME = "function"
_EVENTS = "events.amazonaws.com"
_LONGEST_LOOK = timedelta(days=2)
_MOST_PAGES = 20
# What the refresher calls the line that tells how a run went (lambda_src/refresher/handler.py).
_TELLING = frozenset({"refresh", "rotation"})


def look(view: View) -> Link:
    """Whether it is there, may do what it must, is run, and how it went."""
    seen = _Function(view)
    return examine(NAME, seen.function, seen.rights, seen.schedule, seen.runs, seen.dead_letters)


class _Function:
    def __init__(self, view: View) -> None:
        self._view = view
        self._name = view.text("functionName")
        self._config: Answer | None = None
        self._is_scheduled = bool(view.text("scheduleRule"))

    def function(self, found: Findings) -> None:
        view, name = self._view, self._name
        try:
            config = self._config = view.aws.ask("lambda", "get_function_configuration", FunctionName=name)
        except Missing:
            found.broken(f"the function {name} does not exist", view.up)
            return
        if config.get("State", "Active") not in ("Active", "Inactive"):
            found.broken(f"the function is {config['State']}: {config.get('StateReason', 'no reason given')}", view.up)
        if config.get("LastUpdateStatus") == "Failed":
            found.broken(
                f"the function's last update failed: {config.get('LastUpdateStatusReason', 'no reason given')}", view.up
            )
        variables = _environment(config)
        if variables.get("EVERPULL_SECRET_ID") != view.text("loginSecretArn"):
            found.broken("the function's environment does not name the stack's secret", view.up)
        if set(variables.get("EVERPULL_REGISTRIES", "").split(",")) != set(view.texts("registries")):
            found.broken("the function's environment does not name the stack's registries", view.up)
        if config.get("Role") != view.text("refresherArn"):
            found.broken("the function does not run as the stack's role", view.up)
        reserved = view.aws.ask("lambda", "get_function_concurrency", FunctionName=name)
        if reserved.get("ReservedConcurrentExecutions") == 0:
            found.broken(
                "the function may not run, because its reserved concurrency is 0",
                view.aws_cli(f"lambda delete-function-concurrency --function-name {name}"),
            )

    def rights(self, found: Findings) -> None:
        role = name_of(self._view.text("refresherArn"))
        try:
            policies = inline_policies(self._view.aws, "role", role)
        except Missing:
            found.broken(f"the function's role {role} does not exist", self._view.up)
            return
        missing = lacking(policies, self._needed())
        if missing:
            found.broken(f"the function's role {role} is not allowed {', '.join(missing)}", self._view.up)

    def schedule(self, found: Findings) -> None:
        view, rule = self._view, self._view.text("scheduleRule")
        if not rule:
            return
        try:
            described = view.aws.ask("events", "describe_rule", Name=rule)
        except Missing:
            self._is_scheduled = False
            found.breaking(f"the schedule rule {rule} does not exist, so nothing runs the function", view.up)
            return
        if described.get("State") == "DISABLED":
            self._is_scheduled = False
            found.breaking(
                f"the schedule rule {rule} is disabled, so nothing runs the function",
                view.aws_cli(f"events enable-rule --name {rule}"),
            )
        targets = cast(
            Sequence[Mapping[str, str]], view.aws.ask("events", "list_targets_by_rule", Rule=rule)["Targets"]
        )
        if not any(target["Arn"].split(":")[6:7] == [self._name] for target in targets):
            self._is_scheduled = False
            found.breaking(f"the schedule rule {rule} does not have the function for its target", view.up)
        arn = str(described.get("Arn", ""))
        if self._config is not None and not lets_invoke(view, _EVENTS, arn):
            found.breaking("the function does not let its schedule rule run it", view.up)
        found.see(str(described.get("ScheduleExpression", "")))

    def runs(self, found: Findings) -> None:
        view, group = self._view, self._log_group()
        look_back = min(2 * view.period + timedelta(minutes=30), _LONGEST_LOOK)
        try:
            lines = self._lines(group, view.now - look_back)
        except Missing:
            found.warning(f"the function's log group {group} does not exist, so nobody learns how its runs go", view.up)
            return
        if not lines:
            if self._is_scheduled and self._config is not None:
                found.broken(f"the function's log tells of no run within the last {span(look_back)}", view.renew)
            return
        when, last = lines[-1]
        if last.get("status") == "failed":
            found.broken(
                f"the function's last run, {span(view.now - when)} ago, failed: {last.get('error', 'no reason given')}",
                view.aws_cli(f"logs tail {group} --since 3h"),
            )
        else:
            found.see(f"last run {span(view.now - when)} ago: {last.get('status')}")

    def dead_letters(self, found: Findings) -> None:
        view, url = self._view, self._view.text("deadLetterQueue")
        if not url:
            return
        try:
            answer = view.aws.ask(
                "sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
            )
        except Missing:
            found.warning("the dead-letter queue does not exist, so runs that fail for good leave no trace", view.up)
            return
        number = int(answer["Attributes"]["ApproximateNumberOfMessages"])
        if number:
            found.warning(
                f"runs have failed for good: the dead-letter queue holds {number} of them; empty it once they are understood",
                view.aws_cli(
                    f"sqs receive-message --queue-url {url} --message-attribute-names All --visibility-timeout 0"
                ),
            )
        else:
            found.see("no dead letter")

    def _needed(self) -> list[Right]:
        view = self._view
        arn, secret = view.text("refresherArn"), view.text("loginSecretArn")
        where = f"{view.settings.region}:{account_of(arn)}"
        queue = f"arn:{partition_of(arn)}:sqs:{where}:{name_of(view.text('deadLetterQueue'))}"
        log = f"arn:{partition_of(arn)}:logs:{where}:log-group:{view.text('logGroup')}:log-stream:any"
        return [
            ("secretsmanager:GetSecretValue", secret),
            ("secretsmanager:PutSecretValue", secret),
            *view.login_rights,
            ("logs:CreateLogStream", log),
            ("logs:PutLogEvents", log),
            ("sqs:SendMessage", queue),
            *(rights_in([rotation_rights(secret)]) if view.text("rotation") else ()),
        ]

    def _log_group(self) -> str:
        config = cast(Mapping[str, str], (self._config or {}).get("LoggingConfig") or {})
        return config.get("LogGroup") or self._view.text("logGroup")

    def _lines(self, group: str, since: datetime) -> list[tuple[datetime, Mapping[str, object]]]:
        """What the runs since then reported, and when, the last one at last."""
        request: dict[str, object] = {"logGroupName": group, "startTime": int(since.timestamp() * 1000)}
        messages: list[str] = []
        for _ in range(_MOST_PAGES):
            answer = self._view.aws.ask("logs", "filter_log_events", **request)
            messages += [str(event["message"]) for event in answer["events"]]
            if not answer.get("nextToken"):
                break
            request["nextToken"] = answer["nextToken"]
        return sorted(filter(None, map(_told, messages)), key=lambda told: told[0])


def lets_invoke(view: View, service: str, arn: str) -> bool:
    """Whether the function's policy lets the service run it for what has the ARN. Raises Denied, Unanswered."""
    try:
        text = str(view.aws.ask("lambda", "get_policy", FunctionName=view.text("functionName"))["Policy"])
    except Missing:
        return False
    statements = cast(Sequence[Mapping[str, Any]], json.loads(text).get("Statement") or ())
    return any(
        one.get("Effect") == "Allow" and service in json.dumps(one.get("Principal")) and arn in json.dumps(one)
        for one in statements
    )


def _environment(config: Answer) -> Mapping[str, str]:
    """The environment variables of a function's configuration."""
    return cast(Mapping[str, str], mapping(mapping(config.get("Environment")).get("Variables")))


def _told(message: str) -> tuple[datetime, Mapping[str, object]] | None:
    try:
        content: object = json.loads(message)
    except ValueError:
        return None
    if not isinstance(content, dict):
        return None
    fields = cast(Mapping[str, object], content)
    when = instant(fields.get("timestamp"))
    return (when, fields) if when and fields.get("event") in _TELLING else None
