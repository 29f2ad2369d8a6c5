"""The CronJob's report: one log line that is short enough to become the pod's termination message, and that message itself.

A message of a container's own may be 4096 bytes long, and is all that is left of one that went well. A container that failed
without one gets the end of its log, 2048 bytes at most (Kubernetes docs, Determine the Reason for Pod Failure,
FallbackToLogsOnError). So the whole reason must stand in the last line.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from .core import timestamp
from .errors import RefreshError
from .images import STATUSES, Verdict
from .ports import Outcome
from .refresh import Report

# Leaves room for what the log adds: timestamp, level and event.
LONGEST_LINE = 1900
LONGEST_MESSAGE = 4000
_LONGEST_ERROR = 1000
_LONGEST_REASON = 300
# Namespaces named for each reason in the last line; the lines before it name more.
_NAMED = 5

Status = Literal["refreshed", "fresh", "incomplete", "failed"]


def summary(
    report: Report,
    retired: Sequence[Outcome],
    verdicts: Sequence[Verdict],
    error: RefreshError | None,
    reason: str,
    now: datetime,
    longest: int = LONGEST_LINE,
) -> dict[str, object]:
    """The fields of the last line, `longest` bytes of JSON. `error` is why the run as such failed, if it did.

    `status` says how the logins went on the whole:

    fresh (nothing was due), refreshed, incomplete (some namespaces failed, or lack some of their logins), failed (all failed).
    """
    outcomes = [*report.outcomes, *retired]
    counts = Counter(outcome.status for outcome in outcomes)
    status = _status(counts)
    fields: dict[str, object] = {"status": status, "reason": _clip(reason, _LONGEST_REASON)}
    expiries = [outcome.expires_at for outcome in outcomes if outcome.expires_at is not None]
    if expiries:
        first = min(expiries)
        fields |= {"expiresAt": timestamp(first), "secondsLeft": int((first - now).total_seconds())}
    fields |= {
        "served": counts["refreshed"] + counts["incomplete"],
        "unchanged": counts["fresh"],
        "failed": counts["failed"],
        "leftOut": counts["left out"],
        "removed": counts["removed"],
    }
    if error:
        fields |= error_fields(error)
    failed = failures(report, retired)
    if verdicts:
        # What went wrong first; namespaces that failed get a third of the room.
        told = sorted(verdicts, key=lambda verdict: STATUSES.index(verdict.status))
        entries = [(verdict.fields, 1) for verdict in told]
        fields = _with(fields, "images", entries, longest * 2 // 3 if failed else longest)
    left_out = sorted(outcome.place for outcome in outcomes if outcome.status == "left out")
    return _with_names(_with(fields, "failures", _by_reason(failed), longest), left_out, longest)


def failures(report: Report, retired: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes that failed each for a reason of its own, and not all for want of logins."""
    outcomes = [*report.outcomes, *retired]
    return [outcome for outcome in outcomes if outcome.failure and outcome.failure is not report.unavailable]


def error_fields(error: RefreshError) -> dict[str, object]:
    """The fields that tell of an error."""
    return {"errorType": type(error).__name__, "error": _clip(str(error), _LONGEST_ERROR)}


def _status(counts: Mapping[str, int]) -> Status:
    if counts["failed"] and not (counts["refreshed"] or counts["incomplete"] or counts["fresh"]):
        return "failed"
    if counts["failed"] or counts["incomplete"]:
        return "incomplete"
    return "refreshed" if counts["refreshed"] else "fresh"


def _by_reason(failed: Sequence[Outcome]) -> list[tuple[dict[str, object], int]]:
    """An entry for each reason, most frequent first, and how many namespaces it is for."""
    by_reason: dict[str, list[str]] = {}
    for outcome in sorted(failed, key=lambda outcome: outcome.place):
        by_reason.setdefault(str(outcome.failure), []).append(outcome.place)
    return [
        ({"reason": reason, "namespaces": places[:_NAMED], "count": len(places)}, len(places))
        for reason, places in sorted(by_reason.items(), key=lambda item: -len(item[1]))
    ]


def _with(
    fields: dict[str, object], key: str, entries: Sequence[tuple[dict[str, object], int]], longest: int
) -> dict[str, object]:
    """`fields` with as many of the entries as fit in, and of how many things is not told. An entry may be for several."""
    told: list[dict[str, object]] = []
    untold = sum(count for _, count in entries)
    for entry, count in entries:
        if len(json.dumps({**fields, key: [*told, entry], f"{key}LeftOut": untold})) > longest:
            break
        told.append(entry)
        untold -= count
    if told:
        fields = {**fields, key: told}
    return {**fields, f"{key}LeftOut": untold} if untold else fields


def _with_names(fields: dict[str, object], left_out: Sequence[str], longest: int) -> dict[str, object]:
    """`fields` with the first of the namespaces that were left out, where there is room; the lines before name them all."""
    longer = {**fields, "leftOutNamespaces": list(left_out[:_NAMED])}
    return longer if left_out and len(json.dumps(longer)) <= longest else fields


def _clip(text: str, longest: int) -> str:
    """`text`, or so much of it that its JSON takes no more than `longest` bytes."""
    if len(json.dumps(text)) <= longest:
        return text
    while len(json.dumps(text)) > longest - len("..."):
        text = text[: -max(1, len(text) // 20)]
    return text + "..."
