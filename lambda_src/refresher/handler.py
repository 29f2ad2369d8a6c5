"""The Lambda entry. What it is asked comes from environment and event (see `job`); the result is JSON without a secret."""

import logging
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol, cast

from . import logs, metrics
from .aws_clients import client
from .aws_logins import aws_logins
from .core import instant, timestamp
from .errors import RefreshError, unexpected
from .images import Verdict, refused
from .job import Job, is_rotation, read_job, read_rotation
from .metrics import Measured
from .patience import PatientLogins, Time, until_rights_arrive
from .ports import Outcome
from .refresh import refresh
from .secrets_manager import SecretsManagerClient, SecretsManagerDocument, SecretVersions
from .tally import Tally

# Of the function's time, what the last attempt after a wait may use.
_RESERVE_SECONDS = 15.0
_PASSING = Time()


class LambdaContext(Protocol):
    """What is used of the context object of a Python Lambda."""

    aws_request_id: str
    function_name: str

    def get_remaining_time_in_millis(self) -> int: ...


def handle(event: object, context: LambdaContext) -> dict[str, object]:
    """Refreshes once, and tries the images that are to be tried; or takes one step of a rotation (see `rotation_step`).

    The result of a refresh holds `status` (refreshed or fresh), the event's `reason`, `expiresAt`, `secondsLeft`, `registries`,
    if content of the secret had to make way `replaced`, and if images were tried `images` (see Verdict). Raises RefreshError,
    whose text holds no secret, if any login that was due could not be put in place; by then the others have been. Raises
    ImagesRefusedError if all of them were and an image is refused all the same, unless the event says that it may be.
    However it ends, its metrics are told where they are wanted (see `metrics`).
    """
    logs.configure()
    measured = Measured()
    try:
        return _reported(event, context, measured)
    finally:
        metrics.tell(os.environ, context.function_name, measured, _now())


def _reported(event: object, context: LambdaContext, measured: Measured) -> dict[str, object]:
    request_id = context.aws_request_id
    told = "rotation" if is_rotation(event) else "refresh"
    try:
        if is_rotation(event):
            result = _rotated(event, context, measured)
        else:
            result = _Run(read_job(os.environ, event), context, measured).result()
    except RefreshError as error:
        failure = error
    except Exception as error:  # noqa: BLE001 (its text could quote a token, and Lambda logs the text of what escapes)
        failure = unexpected(error)
    else:
        level = logging.WARNING if "replaced" in result else logging.INFO
        logs.log(level, told, requestId=request_id, **result)
        return result
    logs.log(
        logging.ERROR,
        told,
        requestId=request_id,
        status="failed",
        errorType=type(failure).__name__,
        error=str(failure),
    )
    # Raised out here, so that Python does not chain the original error to it.
    raise failure


def _rotated(event: object, context: LambdaContext, measured: Measured) -> dict[str, object]:
    # Only now, because it imports what is not needed otherwise.
    from .rotation_step import taken

    job = read_rotation(os.environ, cast(Mapping[str, object], event))
    seconds = context.get_remaining_time_in_millis() / 1000 - _RESERVE_SECONDS
    result = taken(job, os.environ["AWS_REGION"], context.aws_request_id, seconds, _PASSING)
    measured.is_over = measured.is_refreshed = job.step == "finishSecret"
    # What was superseded is not what the secret holds.
    if result["status"] == "finished":
        measured.expires_at = instant(result.get("expiresAt"))
    return result


class _Run:
    """One refresh."""

    def __init__(self, job: Job, context: LambdaContext, measured: Measured) -> None:
        self._job = job
        self._measured = measured
        self._request_id = context.aws_request_id
        self._region = os.environ["AWS_REGION"]
        now = _PASSING.monotonic()
        # Asked once, before any waiting.
        self._end = now + context.get_remaining_time_in_millis() / 1000 - _RESERVE_SECONDS
        self._patient_until = min(now + job.await_rights_seconds, self._end)
        self._held = Tally()
        self._has_written = False

    def result(self) -> dict[str, object]:
        """What `handle` returns. Raises RefreshError."""
        outcome, failure = None, None
        try:
            outcome = until_rights_arrive(
                self._refresh, seconds=self._patience(), waiting=self._waiting, passing=_PASSING
            )
        except RefreshError as error:
            failure = error
        if self._job.is_rotated and self._has_written:
            until_rights_arrive(self._clear_up, seconds=self._patience(), waiting=self._waiting, passing=_PASSING)
        verdicts = self._try_images()
        if outcome is None:
            # The images' own failures are in the lines before.
            raise cast(RefreshError, failure)
        refusal = refused(verdicts)
        if refusal and not self._job.images_may_fail:
            raise refusal
        return self._fields(outcome, verdicts)

    def _refresh(self) -> Outcome:
        """What became of the secret. Raises RefreshError if that is a failure, or a part of it."""
        self._held = Tally()
        # Patient for itself, so that what was fetched already is not fetched again.
        source = PatientLogins(aws_logins(self._region), self._patience(), self._waiting, _PASSING)
        sink = SecretsManagerDocument(self._secrets(), self._job.secret_id, self._region)
        report = refresh(
            source, sink, self._job.wanted.groups, force=self._job.force, clock=_now, noting=self._held.note
        )
        (outcome,) = report.outcomes
        self._measured.is_refreshed, self._measured.expires_at = outcome.failure is None, outcome.expires_at
        self._has_written = outcome.status in ("refreshed", "incomplete")
        if outcome.failure:
            raise outcome.failure
        return outcome

    def _clear_up(self) -> None:
        """What a rotation that was cancelled has left behind would hold up the next one for ever; its login is older now."""
        versions = SecretVersions(self._secrets(), self._job.secret_id, self._region)
        for version in versions.stages().left_behind:
            versions.withdraw(version)

    def _secrets(self) -> SecretsManagerClient:
        return cast(SecretsManagerClient, client("secretsmanager", self._region))

    def _try_images(self) -> Sequence[Verdict]:
        images = self._job.wanted.images
        if not images or not self._held:
            return ()
        # Only now, because it imports what is not needed otherwise.
        from .verification import tell, verify

        verdicts = verify(
            images,
            self._held,
            await_rights=self._patience(),
            longest=self._end - _PASSING.monotonic(),
            waiting=self._waiting,
            passing=_PASSING,
        )
        tell(verdicts, may_fail=self._job.images_may_fail, requestId=self._request_id)
        return verdicts

    def _patience(self) -> float:
        return self._patient_until - _PASSING.monotonic()

    def _waiting(self, failure: RefreshError, seconds: float) -> None:
        logs.log(
            logging.WARNING,
            "waiting for rights",
            requestId=self._request_id,
            seconds=round(seconds, 1),
            error=str(failure),
        )

    def _fields(self, outcome: Outcome, verdicts: Sequence[Verdict]) -> dict[str, object]:
        expires_at = timestamp(cast(datetime, outcome.expires_at))
        fields: dict[str, object] = {
            "status": outcome.status,
            "reason": self._job.reason,
            "expiresAt": expires_at,
            "secondsLeft": int((datetime.fromisoformat(expires_at) - _now()).total_seconds()),
            "registries": list(self._job.wanted.hosts),
        }
        if outcome.note:
            fields["replaced"] = outcome.note
        if verdicts:
            fields["images"] = [verdict.fields for verdict in verdicts]
        return fields


def _now() -> datetime:
    return datetime.now(UTC)
