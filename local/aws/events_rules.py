"""EventBridge as everpull's schedule meets it: on time, allowed by the function's own policy, retried, kept on failure.

The emulator runs a rule's function whether or not EventBridge may, once, and looks at its rules every ten seconds.
"""

import json
import logging
import re
from dataclasses import dataclass
from typing import Any

from local.aws.emulator import Emulator, Reply, around, replace
from local.aws.lambda_rules import may_invoke

_TICK_SECONDS = 1.0
_RATE = re.compile(r"rate\(([1-9]\d*) (minute|minutes|hour|hours|day|days)\)")
_log = logging.getLogger("everpull.events")


@dataclass
class Pace:
    """How many times faster than real the rate() schedules run, so that a day of ticks fits in minutes."""

    factor: float = 1.0


def install(emulator: Emulator, pace: Pace) -> None:
    """Put the rules around the emulator's own handling."""
    events, responses = emulator.events, emulator.responses

    def refused(message: str) -> Reply:
        return responses.error_response_json("ValidationException", message, 400)

    def putting_rule(put: Any) -> Any:
        def done(data: dict[str, Any]) -> Reply:
            schedule = data.get("ScheduleExpression") or ""
            if schedule.startswith("rate(") and not _is_rate(schedule):
                return refused("Parameter ScheduleExpression is not valid.")
            return put(data)

        return done

    def deleting_rule(delete: Any) -> Any:
        def done(data: dict[str, Any]) -> Reply:
            key = events._rule_key(data.get("Name"), data.get("EventBusName", "default"))
            if events._targets.get(key):
                return refused("Rule can't be deleted since it has targets.")
            # A rule made again under this name counts from its own beginning.
            events._rule_last_fired.pop((responses.get_account_id(), responses.get_region(), key), None)
            return delete(data)

        return done

    def parsing_rate(parse: Any) -> Any:
        def seconds(expression: str) -> float | None:
            interval = parse(expression)
            return None if interval is None else interval / pace.factor

        return seconds

    def ticking(tick: Any) -> Any:
        def ticked() -> None:
            before = dict(events._rule_last_fired)
            tick()
            for key, fired in list(events._rule_last_fired.items()):
                interval = events._parse_rate_seconds(
                    (events._rules._data.get(key) or {}).get("ScheduleExpression", "")
                )
                if interval and before.get(key, fired) < fired:
                    # Count from when it was due, not from when it was noticed, or the schedule creeps.
                    events._rule_last_fired[key] = before[key] + (fired - before[key]) // interval * interval

        return ticked

    def invoking(invoke: Any) -> Any:
        def done(target: dict[str, Any], event: Any, rule: dict[str, Any], view: Any = None) -> None:
            arn = target.get("Arn", "")
            if ":lambda:" in arn and not may_invoke(emulator, "events.amazonaws.com", rule["Arn"], arn):
                _log.warning("rule %s may not invoke %s: no permission for events.amazonaws.com", rule["Arn"], arn)
                return
            invoke(target, event, rule, view)

        return done

    def dispatch_to_lambda(arn: str, payload: str) -> None:
        functions = emulator.functions
        function, config, name = functions._get_func_record_for_ref(arn)
        if not function or not config:
            _log.warning("there is no function %s", name)
            return
        functions.invoke_async_with_retry(functions._execution_record_for_config(function, config), json.loads(payload))

    around(events, "_put_rule", putting_rule)
    around(events, "_delete_rule", deleting_rule)
    around(events, "_parse_rate_seconds", parsing_rate)
    around(events, "_tick_scheduled_rules", ticking)
    around(events, "_invoke_target", invoking)
    replace(events, "_dispatch_to_lambda", dispatch_to_lambda)
    replace(events, "_SCHEDULER_TICK_INTERVAL", _TICK_SECONDS)


def _is_rate(schedule: str) -> bool:
    """AWS wants the unit's number to agree: `rate(1 hour)`, `rate(2 hours)`."""
    rate = _RATE.fullmatch(schedule)
    return rate is not None and (rate[1] == "1") != rate[2].endswith("s")
