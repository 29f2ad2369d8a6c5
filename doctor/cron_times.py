"""When a cron expression of everpull's fires next (settings/schedules.py writes them). Times are in UTC."""

from datetime import UTC, datetime, timedelta

_LONGEST = timedelta(days=2)


def next_firing(expression: str, after: datetime) -> datetime | None:
    """The first firing after the moment; None for an expression that fires on certain days only, or is none at all."""
    fields = expression.split()
    if len(fields) != 5 or fields[2:] != ["*", "*", "*"]:
        return None
    minutes, hours = _meant(fields[0], 59), _meant(fields[1], 23)
    moment = after.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    end = moment + _LONGEST
    while moment < end:
        if moment.hour in hours and moment.minute in minutes:
            return moment
        moment += timedelta(minutes=1)
    return None


def _meant(field: str, last: int) -> frozenset[int]:
    """The values of a field: *, N, A-B, each with /STEP; none for what is no such field."""
    span, _, step = field.partition("/")
    low, _, high = span.partition("-")
    try:
        first, until = (0, last) if span == "*" else (int(low), int(high or low))
        return frozenset(range(first, until + 1, int(step or 1)))
    except ValueError:
        return frozenset()
