"""CloudWatch as everpull's alarms meet it: metrics in logs, what Lambda and SQS tell, states, and who may tell a topic."""

import json
import logging
import time
from collections.abc import Mapping
from typing import Any

from local.aws.alarm_state import Terms, state
from local.aws.emulator import Emulator, Reply, around, replace
from local.aws.events_rules import Pace

_log = logging.getLogger("everpull.alarms")
_VISIBLE = ("AWS/SQS", "ApproximateNumberOfMessagesVisible")


def embedded(line: str) -> list[tuple[str, str, dict[str, str], float, str, float]]:
    """Namespace, name, dimensions, value, unit and time of each metric in a line of a log; none in a line of another form.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    try:
        root = json.loads(line)
        about = root["_aws"]
        return [
            (
                directive["Namespace"],
                metric["Name"],
                {name: str(root[name]) for name in names},
                float(root[metric["Name"]]),
                metric.get("Unit", "None"),
                about["Timestamp"] / 1000,
            )
            for directive in about["CloudWatchMetrics"]
            for names in directive["Dimensions"]
            for metric in directive["Metrics"]
        ]
    except (ValueError, TypeError, KeyError, AttributeError):
        return []


class Alarms:
    """The alarms of the account and region in whose scope it is called."""

    def __init__(self, emulator: Emulator, pace: Pace) -> None:
        self._watch = emulator.monitoring
        self._pace = pace
        self._queues = emulator.queues

    def note(self, line: str) -> None:
        """Takes the metrics out of a line."""
        for namespace, name, dimensions, value, unit, when in embedded(line):
            self._watch._store_datum(namespace, name, dimensions, when, unit, value, None, None, None)

    def look(self) -> None:
        """Looks at all of them now."""
        for alarm in list(self._watch._alarms.values()):
            self.judge(alarm)

    def judge(self, alarm: dict[str, Any]) -> None:
        """Brings one to the state that it is in now, and does what goes with a change."""
        if not alarm.get("MetricName"):
            return
        dimensions = self._watch._dims_from_list(alarm["Dimensions"])
        if (alarm["Namespace"], alarm["MetricName"]) == _VISIBLE:
            self._count(dimensions.get("QueueName", ""))
        terms = Terms(
            alarm["EvaluationPeriods"],
            alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"],
            alarm["ComparisonOperator"],
            alarm["Threshold"],
            alarm["TreatMissingData"],
        )
        key = (alarm["Namespace"], alarm["MetricName"], self._watch._dims_key(dimensions))
        points = self._points(self._watch._metrics.get(key) or [], alarm, terms.range)
        old, new = alarm["StateValue"], state(terms, points, alarm["StateValue"])
        if new == old:
            return
        reason = f"Threshold Crossed: {points} {alarm['ComparisonOperator']} {alarm['Threshold']}"
        alarm |= {"StateValue": new, "StateReason": reason, "StateUpdatedTimestamp": int(time.time())}
        self._watch._record_history(alarm["AlarmName"], old, new, reason)
        self._watch._dispatch_alarm_actions(alarm, old, new, reason)
        self._watch._evaluate_parent_alarms(alarm)

    def _points(self, data: list[dict[str, Any]], alarm: Mapping[str, Any], count: int) -> list[float | None]:
        """The alarm's statistic over each of so many periods, the newest first: they end now, and not by the clock."""
        period, now = alarm["Period"] / self._pace.factor, time.time()
        statistic = alarm.get("ExtendedStatistic") or alarm["Statistic"]
        points: list[float | None] = []
        for number in range(count):
            end = now - number * period
            within = [datum for datum in data if end - period < datum["Timestamp"] <= end]
            stats = self._watch._calc_stats(within)
            points.append(self._watch._stat_value(stats, statistic, within) if stats else None)
        return points

    def _count(self, name: str) -> None:
        """SQS tells how many messages wait; here when somebody looks."""
        for queue in self._queues._queues.values():
            if queue["attributes"]["QueueArn"].rpartition(":")[2] == name:
                self._queues._refresh_counts(queue)
                waiting = float(queue["attributes"]["ApproximateNumberOfMessages"])
                self._watch.record_metric(*_VISIBLE, waiting, "Count", {"QueueName": name})


def install(emulator: Emulator, pace: Pace) -> None:
    """Put the rules around the emulator's own handling, with periods that pass as schedules do. Before those of Lambda, which
    say whose output is logged."""
    watch, functions, topics = emulator.monitoring, emulator.functions, emulator.topics
    responses, alarms = emulator.responses, Alarms(emulator, pace)

    def logging_(emit: Any) -> Any:
        def logged(function: dict[str, Any], request_id: str, text: str, *rest: Any, **named: Any) -> None:
            emit(function, request_id, text, *rest, **named)
            for line in (text or "").splitlines():
                alarms.note(line)

        return logged

    def running(execute: Any) -> Any:
        def run(function: dict[str, Any], *rest: Any, **named: Any) -> Any:
            result = execute(function, *rest, **named)
            config = function.get("config") or function
            of = {"FunctionName": config["FunctionName"]}
            if isinstance(result, dict) and not result.get("throttle"):
                # Each attempt of an asynchronous run counts.
                watch.record_metric("AWS/Lambda", "Invocations", 1, "Count", of)
                watch.record_metric("AWS/Lambda", "Errors", 1 if result.get("error") else 0, "Count", of)
            alarms.look()
            return result

        return run

    def describing(describe: Any) -> Any:
        def described(*arguments: Any) -> Reply:
            alarms.look()
            return describe(*arguments)

        return described

    def telling(dispatch: Any) -> Any:
        def told(alarm: dict[str, Any], *rest: Any) -> None:
            def takes(action: str) -> bool:
                taken = ":sns:" not in action or topics.topic_policy_allows(
                    action, "cloudwatch.amazonaws.com", alarm["AlarmArn"], responses.get_account_id()
                )
                if not taken:
                    _log.warning("%s is not told of %s: its policy lets no CloudWatch", action, alarm["AlarmName"])
                return taken

            lists = ("AlarmActions", "OKActions", "InsufficientDataActions")
            dispatch({**alarm, **{name: list(filter(takes, alarm.get(name) or ())) for name in lists}}, *rest)

        return told

    def throttled(emit: Any) -> Any:
        def emitted(name: str, *, throttle: bool, **named: Any) -> None:
            # Of a run the emulator tells only if somebody waited for it.
            if throttle:
                emit(name, throttle=throttle, **named)

        return emitted

    around(functions, "_emit_lambda_logs", logging_)
    around(functions, "_execute_function", running)
    around(functions, "_emit_lambda_metrics", throttled)
    replace(watch, "_evaluate_alarm", alarms.judge)
    around(watch, "_describe_alarms", describing)
    around(watch, "_dispatch_alarm_actions", telling)
    around(topics, "_subscribe", lambda subscribe: _confirmed_by_hand(emulator, subscribe))
    around(topics, "_unsubscribe", lambda unsubscribe: _not_while_pending(emulator, unsubscribe))


def _confirmed_by_hand(emulator: Emulator, subscribe: Any) -> Any:
    """Nobody reads the mails here, so subscriptions of addresses wait for ever; the emulator takes them for confirmed."""
    topics = emulator.topics

    def subscribed(params: Any) -> Reply:
        reply = subscribe(params)
        protocol, endpoint = topics._p(params, "Protocol"), topics._p(params, "Endpoint")
        topic = topics._topic_by_arn_any_scope(topics._p(params, "TopicArn"))
        if reply[0] == 200 and topic is not None and protocol in ("email", "email-json"):
            for found in topic["subscriptions"]:
                if (found["protocol"], found["endpoint"]) == (protocol, endpoint):
                    found["confirmed"] = False
                    found["attributes"] |= {"PendingConfirmation": "true", "ConfirmationWasAuthenticated": "false"}
        return reply

    return subscribed


def _not_while_pending(emulator: Emulator, unsubscribe: Any) -> Any:
    topics = emulator.topics

    def unsubscribed(params: Any) -> Reply:
        arn = topics._p(params, "SubscriptionArn")
        found = topics._find_subscription(arn.rpartition(":")[0], arn)
        if found is not None and found["attributes"]["PendingConfirmation"] == "true":
            words = "Cannot unsubscribe a subscription that is pending confirmation"
            return topics._error("InvalidParameter", f"Invalid parameter: SubscriptionArn Reason: {words}", 400)
        return unsubscribe(params)

    return unsubscribed
