"""Rate expressions, and the cron expressions that fire as often."""

import hashlib
import re

from .refused import Refused
from .schema import FEWEST_ROTATION_HOURS

_RATE = re.compile(r"rate\(([1-9][0-9]{0,5}) (minute|hour|day)(s?)\)")
_HOUR = 60
_DAY = 24 * _HOUR
_UNIT_MINUTES = {"minute": 1, "hour": _HOUR, "day": _DAY}


def rate_minutes(expression: str) -> int:
    """Minutes between two ticks of a rate expression.

    The unit's number must agree with the count (EventBridge User Guide, Setting a schedule using rate expressions).
    """
    match = _RATE.fullmatch(expression)
    if not match:
        raise Refused(
            "is not a rate expression that EventBridge takes",
            "rate(1 minute), rate(N minutes), rate(1 hour), rate(N hours)",
        )
    count, unit, plural = int(match[1]), match[2], match[3]
    if (count == 1) == bool(plural):
        fixed = f"rate({count} {unit}{'' if count == 1 else 's'})"
        raise Refused("has a count and a unit that do not agree, which EventBridge refuses", fixed)
    return count * _UNIT_MINUTES[unit]


def rate(expression: str) -> str:
    """A sound rate expression, as it is."""
    rate_minutes(expression)
    return expression


def rate_of_rotation(expression: str) -> str:
    """A sound rate expression by which Secrets Manager rotates, as it is.

    It takes hours and days alone (Secrets Manager User Guide, Rotation schedules), and a day is too long for a login.
    """
    match = _RATE.fullmatch(expression)
    if not match or match[2] != "hour" or int(match[1]) < FEWEST_ROTATION_HOURS or not match[3]:
        raise Refused(
            "is no rate at which Secrets Manager rotates a login",
            f"rate(N hours), N being {FEWEST_ROTATION_HOURS} or more",
        )
    return expression


def rate_of_cron(expression: str) -> str:
    """A sound rate expression that a cron expression can hold, as it is: its firings are evenly spread over a day."""
    minutes = rate_minutes(expression)
    if not _is_even(minutes):
        faster = max(candidate for candidate in range(1, min(minutes, _DAY)) if _is_even(candidate))
        raise Refused(
            "is a rate that no cron expression holds: neither an even part of an hour nor hours that are one of a day",
            f"minutes that divide 60, or hours that divide 24; the next faster rate is {_spelled(faster)}",
        )
    return expression


def cron(expression: str, seed: str) -> str:
    """The cron expression, in UTC, that fires as often as the rate expression, exactly.

    At which minute (and hour) it begins is drawn from `seed`, so that it stays the same for one stack and spreads many
    over the hour. Raises Refused.
    """
    minutes = rate_minutes(rate_of_cron(expression))
    drawn = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big")
    if minutes == 1:
        return "* * * * *"
    if minutes < _HOUR:
        return f"{drawn % minutes}-59/{minutes} * * * *"
    minute, hours = drawn % _HOUR, minutes // _HOUR
    if hours == 1:
        return f"{minute} * * * *"
    hour = drawn // _HOUR % hours
    return f"{minute} {hour} * * *" if minutes == _DAY else f"{minute} {hour}-23/{hours} * * *"


def _is_even(minutes: int) -> bool:
    return _HOUR % minutes == 0 if minutes < _HOUR else minutes % _HOUR == 0 and _DAY % minutes == 0


def _spelled(minutes: int) -> str:
    count, unit = (minutes, "minute") if minutes < _HOUR else (minutes // _HOUR, "hour")
    return f"rate({count} {unit}{'' if count == 1 else 's'})"
