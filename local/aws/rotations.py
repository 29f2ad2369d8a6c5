"""Rotations as Secrets Manager runs them: four calls of the function, one after the other, again if one fails, and on schedule.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda.html
The emulator's own RotateSecret calls nothing; it copies the current value.
"""

import contextvars
import json
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from local.aws.emulator import Emulator
from local.aws.events_rules import Pace
from local.aws.lambda_rules import may_invoke

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
CURRENT, PENDING = "AWSCURRENT", "AWSPENDING"
SERVICE = "secretsmanager.amazonaws.com"
Secret = dict[str, Any]

_RATE = re.compile(r"rate\(([1-9]\d*) (hours?|days?)\)")
_HOURS = {"hour": 1, "hours": 1, "day": 24, "days": 24}
_TICK_SECONDS = 0.5
# "Secrets Manager retries the entire rotation process multiple times"; how often, and when, is not documented.
_RETRY_SECONDS = (1.0, 2.0, 4.0)
# What is kept in the secret's record beside the emulator's own, and so survives a restart.
_OURS = "everpull_rotation"
_log = logging.getLogger("everpull.rotations")


def rate_hours(expression: str) -> int | None:
    """Hours between two rotations by a rate expression of Secrets Manager's, None if it is none."""
    found = _RATE.fullmatch(expression)
    return int(found[1]) * _HOURS[found[2]] if found else None


def holder(secret: Secret, label: str) -> str | None:
    """The version that has the label."""
    return next((version for version, found in secret["Versions"].items() if label in found["Stages"]), None)


def unfinished(secret: Secret) -> str | None:
    """The version of a rotation that is not over: one that is pending and not the current one."""
    pending = holder(secret, PENDING)
    return None if pending is None or pending == holder(secret, CURRENT) else pending


def stage(secret: Secret, token: str, value: Secret | None = None) -> None:
    """Makes `token` the pending version, without a value unless it is given."""
    for version in secret["Versions"].values():
        version["Stages"] = [label for label in version["Stages"] if label != PENDING]
    empty = {"SecretString": None, "SecretBinary": None, "CreatedDate": int(time.time())}
    kept = secret["Versions"].get(token, {"Stages": []})
    secret["Versions"][token] = {**empty, **kept, **(value or {}), "Stages": [*kept["Stages"], PENDING]}


def unstage(secret: Secret, token: str) -> None:
    """Takes the pending label from the version, and a version without any label away."""
    version = secret["Versions"].get(token)
    if version is None:
        return
    version["Stages"] = [label for label in version["Stages"] if label != PENDING]
    if not version["Stages"]:
        del secret["Versions"][token]


class Rotations:
    """Runs rotations in threads of their own: at once when asked to, and by the secrets' schedules, `pace` times faster."""

    def __init__(self, emulator: Emulator, pace: Pace) -> None:
        self._emulator = emulator
        self._pace = pace
        self._running: set[str] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._keep_time, daemon=True, name="rotations").start()

    def count_from_now(self, secret: Secret) -> None:
        """The next rotation is due a whole period from now; what failed before is forgotten."""
        secret[_OURS] = {"counted_from": time.time(), "attempts": 0, "retry_at": 0.0}

    def due(self, secret: Secret) -> float | None:
        """When the next rotation is due (seconds since the epoch), None if none is."""
        hours = self._hours(secret) if secret.get("RotationEnabled") else None
        if hours is None:
            return None
        return float(secret[_OURS]["counted_from"]) + hours * 3600 / self._pace.factor

    def begin(self, secret: Secret, token: str) -> None:
        """Starts the rotation to that version, or takes it up again, and returns."""
        self._in_background(secret, lambda: self._rotate(secret, token))

    def test(self, secret: Secret, token: str) -> None:
        """Has a copy of the current version tested, as setting rotation up without a rotation does, and returns.

        https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html, RotateImmediately
        """
        current = secret["Versions"].get(holder(secret, CURRENT)) or {}
        stage(secret, token, {part: current.get(part) for part in ("SecretString", "SecretBinary")})

        def test() -> None:
            fault = self._fault(secret, token, "testSecret")
            unstage(secret, token)
            if fault:
                _log.warning("the rotation function of %s fails its test: %s", secret["ARN"], fault)

        self._in_background(secret, test)

    def _keep_time(self) -> None:
        while True:
            time.sleep(_TICK_SECONDS)
            try:
                self._tick()
            except Exception:  # noqa: BLE001 - the next one must come
                _log.exception("the schedule of rotations")

    def _tick(self) -> None:
        now = time.time()
        for secret in self._rotated():
            if secret["ARN"] in self._running:
                continue
            token = unfinished(secret)
            if token is not None:
                if now >= secret[_OURS]["retry_at"]:
                    self.begin(secret, token)
                continue
            due = self.due(secret)
            if due is not None and now >= due:
                # Counted from when it was due, or the schedule creeps; what was missed while nothing ran is not made up for.
                period = due - secret[_OURS]["counted_from"]
                secret[_OURS]["counted_from"] += (now - secret[_OURS]["counted_from"]) // period * period
                token = str(uuid.uuid4())
                stage(secret, token)
                self.begin(secret, token)

    def _rotated(self) -> Iterator[Secret]:
        for secret in list(self._emulator.secrets._secrets._data.values()):
            if secret.get("RotationEnabled") and not secret.get("DeletedDate") and _OURS in secret:
                yield secret

    def _hours(self, secret: Secret) -> int | None:
        rules = secret.get("RotationRules") or {}
        days = rules.get("AutomaticallyAfterDays")
        expression = rules.get("ScheduleExpression")
        return rate_hours(expression) if expression else 24 * days if days else None

    def _in_background(self, secret: Secret, work: Callable[[], None]) -> None:
        arn = secret["ARN"]
        with self._lock:
            if arn in self._running:
                return
            self._running.add(arn)
        region, account = arn.split(":")[3:5]

        def run() -> None:
            try:
                self._emulator.responses.set_request_account_id(account)
                self._emulator.responses.set_request_region(region)
                work()
            except Exception:  # noqa: BLE001 - nobody waits for the thread
                _log.exception("the rotation of %s", arn)
            finally:
                self._running.discard(arn)

        threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True).start()

    def _rotate(self, secret: Secret, token: str) -> None:
        ours = secret[_OURS]
        for step in STEPS:
            if not secret.get("RotationEnabled") or secret.get("DeletedDate"):
                return
            if fault := self._fault(secret, token, step):
                self._failed(secret, f"{step}: {fault}")
                return
        if unfinished(secret) is not None:
            self._failed(secret, f"the function has left version {unfinished(secret)} pending")
            return
        # The service clears the label up itself (aws-samples/aws-secrets-manager-rotation-lambdas#145).
        unstage(secret, token)
        ours["attempts"] = 0
        secret["LastRotatedDate"] = int(time.time())
        _log.info("rotated %s to version %s", secret["ARN"], token)

    def _failed(self, secret: Secret, reason: str) -> None:
        ours = secret[_OURS]
        attempts = ours["attempts"]
        _log.warning("rotation of %s failed: %s", secret["ARN"], reason)
        if attempts < len(_RETRY_SECONDS):
            ours["retry_at"], ours["attempts"] = time.time() + _RETRY_SECONDS[attempts], attempts + 1
        else:
            # At the next time that a rotation is due.
            ours["retry_at"], ours["attempts"] = max(self.due(secret) or 0.0, time.time() + _RETRY_SECONDS[-1]), 0

    def _fault(self, secret: Secret, token: str, step: str) -> str | None:
        """What goes wrong with a step, None if nothing does. What the function says of it is in its own log."""
        functions, arn = self._emulator.functions, secret["RotationLambdaARN"]
        if not may_invoke(self._emulator, SERVICE, secret["ARN"], arn):
            return f"{SERVICE} may not invoke {arn}"
        function, config, name = functions._get_func_record_for_ref(arn)
        if not function or not config:
            return f"there is no function {name}"
        event = {"Step": step, "SecretId": secret["ARN"], "ClientRequestToken": token}
        result = functions._execute_function(
            functions._execution_record_for_config(function, config), {**event, "RotationToken": str(uuid.uuid4())}
        )
        if not result.get("error"):
            return None
        body = result.get("body")
        found = json.loads(body) if isinstance(body, str) and body.startswith("{") else body
        return str(found.get("errorType", "error")) if isinstance(found, dict) else "error"
