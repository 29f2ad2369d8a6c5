"""What one invocation is asked to do, read from the function's environment and the event.

Environment: EVERPULL_SECRET_ID (ARN or name of the secret), EVERPULL_TRIGGER (what runs the function: rotation, or schedule,
which it is when it is not set), and what `wanted` reads.

Event, every field optional: `force` (renew a login even if it is fresh), `reason` (text for the log), and at deploy time
`awaitRightsSeconds` (how long denials are borne, see `patience`) and `imagesMayFail` (images that are refused are told of and
are no error).

Or it is a step of a rotation: `Step`, `SecretId` and `ClientRequestToken` (AWS Secrets Manager User Guide, Rotation by Lambda
function). Whatever else is in that is Secrets Manager's own business.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from .errors import ConfigurationError
from .rotation import STEPS
from .wanted import Wanted, read_wanted

# Lambda's longest timeout (AWS Lambda quotas).
LONGEST_WAIT_SECONDS = 900
LONGEST_REASON = 200
_FIELDS = frozenset({"force", "reason", "awaitRightsSeconds", "imagesMayFail"})
_TRIGGERS = ("schedule", "rotation")


@dataclass(frozen=True)
class Job:
    """One refresh. `is_rotated` says whether the secret is meant to be rotated, between such refreshes."""

    secret_id: str
    wanted: Wanted
    force: bool
    reason: str
    await_rights_seconds: int
    images_may_fail: bool = False
    is_rotated: bool = False


@dataclass(frozen=True)
class RotationJob:
    """One step of a rotation, for the version `token` of the secret with the ARN `secret`; `secret_id` names our own."""

    secret_id: str
    wanted: Wanted
    step: str
    token: str
    secret: str


def is_rotation(event: object) -> bool:
    """Whether the event is a step of a rotation."""
    return isinstance(event, Mapping) and "Step" in event


def read_rotation(environment: Mapping[str, str], event: Mapping[str, object]) -> RotationJob:
    """The step that environment and event describe. Raises ConfigurationError listing every fault."""
    faults: list[str] = []
    secret_id = _secret_id(environment, faults)
    wanted = read_wanted(environment, faults)
    if event["Step"] not in STEPS:
        faults.append(f"Step in the event must be one of {', '.join(STEPS)}")
    token, secret = (_text(name, event, faults) for name in ("ClientRequestToken", "SecretId"))
    if faults:
        raise ConfigurationError(faults)
    return RotationJob(secret_id, wanted, str(event["Step"]), token, secret)


def read_job(environment: Mapping[str, str], event: object) -> Job:
    """The job that environment and event describe. Raises ConfigurationError listing every fault."""
    faults: list[str] = []
    secret_id = _secret_id(environment, faults)
    trigger = environment.get("EVERPULL_TRIGGER", "schedule")
    if trigger not in _TRIGGERS:
        faults.append(f"EVERPULL_TRIGGER must be {' or '.join(_TRIGGERS)}")
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
    return Job(secret_id, wanted, force, reason, seconds, may_fail, trigger == "rotation")


def _secret_id(environment: Mapping[str, str], faults: list[str]) -> str:
    secret_id = environment.get("EVERPULL_SECRET_ID", "")
    if not secret_id:
        faults.append("EVERPULL_SECRET_ID is not set; it names the secret to keep")
    return secret_id


def _text(name: str, fields: Mapping[str, object], faults: list[str]) -> str:
    value = fields.get(name)
    if isinstance(value, str) and value:
        return value
    faults.append(f"{name} in the event must be text that is not empty")
    return ""


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
