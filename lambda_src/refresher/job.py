"""What one invocation is asked to do, read from the function's environment and the event.

Environment: EVERPULL_SECRET_ID (ARN or name of the secret), and what `wanted` reads.

Event, every field optional: `force` (renew a login even if it is fresh), `reason` (text for the log), and at deploy time
`awaitRightsSeconds` (how long denials are borne, see `patience`) and `imagesMayFail` (images that are refused are told of and
are no error).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from .errors import ConfigurationError
from .wanted import Wanted, read_wanted

# Lambda's longest timeout (AWS Lambda quotas).
LONGEST_WAIT_SECONDS = 900
LONGEST_REASON = 200
_FIELDS = frozenset({"force", "reason", "awaitRightsSeconds", "imagesMayFail"})


@dataclass(frozen=True)
class Job:
    """One refresh."""

    secret_id: str
    wanted: Wanted
    force: bool
    reason: str
    await_rights_seconds: int
    images_may_fail: bool = False


def read_job(environment: Mapping[str, str], event: object) -> Job:
    """The job that environment and event describe. Raises ConfigurationError listing every fault."""
    faults: list[str] = []
    secret_id = environment.get("EVERPULL_SECRET_ID", "")
    if not secret_id:
        faults.append("EVERPULL_SECRET_ID is not set; it names the secret to keep")
    wanted = read_wanted(environment, faults)
    fields: dict[str, object] = {}
    if isinstance(event, Mapping):
        fields = dict(cast(Mapping[str, object], event))
    else:
        faults.append("the event must be a JSON object")
    force = _flag("force", fields, faults)
    may_fail = _flag("imagesMayFail", fields, faults)
    reason = _reason(fields.get("reason", "unspecified"), faults)
    seconds = _seconds(fields.get("awaitRightsSeconds", 0), faults)
    unknown = ", ".join(sorted(fields.keys() - _FIELDS))
    if unknown:
        faults.append(f"unknown in the event: {unknown}; known are {', '.join(sorted(_FIELDS))}")
    if faults:
        raise ConfigurationError(faults)
    return Job(secret_id, wanted, force, reason, seconds, may_fail)


def _flag(name: str, fields: Mapping[str, object], faults: list[str]) -> bool:
    value = fields.get(name, False)
    if isinstance(value, bool):
        return value
    faults.append(f"{name} in the event must be true or false")
    return False


def _reason(value: object, faults: list[str]) -> str:
    if isinstance(value, str) and len(value) <= LONGEST_REASON:
        return value
    faults.append(f"reason in the event must be text of at most {LONGEST_REASON} characters")
    return ""


def _seconds(value: object, faults: list[str]) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LONGEST_WAIT_SECONDS:
        return value
    faults.append(f"awaitRightsSeconds in the event must be a whole number from 0 to {LONGEST_WAIT_SECONDS}")
    return 0
