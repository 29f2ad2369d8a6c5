"""What state an alarm is in, by the data points of its metric. Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from collections.abc import Sequence
from dataclasses import dataclass

# CloudWatch looks at more periods than it evaluates where data is missing. How many depends on the period; its own examples
# have two.
LOOKED_BACK = 2

OK, ALARM, UNKNOWN = "OK", "ALARM", "INSUFFICIENT_DATA"


@dataclass(frozen=True)
class Terms:
    """How an alarm judges: `needed` of `periods` data points must breach. `missing` is its TreatMissingData."""

    periods: int
    needed: int
    comparison: str
    threshold: float
    missing: str

    @property
    def range(self) -> int:
        """How many data points are looked at, the newest first."""
        return self.periods + LOOKED_BACK


def state(terms: Terms, points: Sequence[float | None], before: str) -> str:
    """The state by the newest data points first, None where there is none; `before` is the state until now.

    Data that is there counts before what is missing, however old it is within the range. Where too little is there and what is
    missing says nothing (`ignore`, `missing`), the state stays unless enough breaches; CloudWatch may be quicker then.
    """
    found = [point for point in points[: terms.range] if point is not None]
    if not found:
        return {"breaching": ALARM, "notBreaching": OK, "ignore": before}.get(terms.missing, UNKNOWN)
    judged = found[: terms.periods]
    breaching = sum(_breaches(terms, point) for point in judged)
    lacking = terms.periods - len(judged)
    if breaching + (lacking if terms.missing == "breaching" else 0) >= terms.needed:
        return ALARM
    return before if lacking and terms.missing in ("ignore", "missing") else OK


def _breaches(terms: Terms, point: float) -> bool:
    match terms.comparison:
        case "GreaterThanOrEqualToThreshold":
            return point >= terms.threshold
        case "GreaterThanThreshold":
            return point > terms.threshold
        case "LessThanThreshold":
            return point < terms.threshold
        case "LessThanOrEqualToThreshold":
            return point <= terms.threshold
        case other:
            raise ValueError(f"no threshold is compared by {other}")
