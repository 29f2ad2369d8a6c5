"""The Lambda entry. What it is asked comes from environment and event (see `job`); the result is JSON without a secret."""

import logging
import os
from datetime import UTC, datetime
from typing import Protocol, cast

from . import logs
from .aws_clients import client
from .aws_logins import aws_logins
from .core import timestamp
from .errors import RefreshError, unexpected
from .job import Job, read_job
from .patience import PatientLogins, Time, until_rights_arrive
from .ports import LoginSource, Outcome
from .refresh import refresh
from .secrets_manager import SecretsManagerClient, SecretsManagerDocument

# Of the function's time, what the last attempt after a wait may use.
_RESERVE_SECONDS = 15.0
_PASSING = Time()


class LambdaContext(Protocol):
    """What is used of the context object of a Python Lambda."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int: ...


def handle(event: object, context: LambdaContext) -> dict[str, object]:
    """Refreshes once.

    The result holds `status` (refreshed or fresh), the event's `reason`, `expiresAt`, `secondsLeft`, `registries` and, if
    content of the secret had to make way, `replaced`. Raises RefreshError, whose text holds no secret, if any login that was
    due could not be put in place; by then the others have been.
    """
    logs.configure()
    request_id = context.aws_request_id
    try:
        result = _handle(event, context)
    except RefreshError as error:
        failure = error
    except Exception as error:  # noqa: BLE001 (its text could quote a token, and Lambda logs the text of what escapes)
        failure = unexpected(error)
    else:
        level = logging.WARNING if "replaced" in result else logging.INFO
        logs.log(level, "refresh", requestId=request_id, **result)
        return result
    logs.log(
        logging.ERROR,
        "refresh",
        requestId=request_id,
        status="failed",
        errorType=type(failure).__name__,
        error=str(failure),
    )
    # Raised out here, so that Python does not chain the original error to it.
    raise failure


def _handle(event: object, context: LambdaContext) -> dict[str, object]:
    job = read_job(os.environ, event)
    # Asked once, before any waiting.
    time_left = context.get_remaining_time_in_millis() / 1000 - _RESERVE_SECONDS

    def waiting(failure: RefreshError, seconds: float) -> None:
        logs.log(
            logging.WARNING,
            "waiting for rights",
            requestId=context.aws_request_id,
            seconds=round(seconds, 1),
            error=str(failure),
        )

    until = _PASSING.monotonic() + min(job.await_rights_seconds, time_left)

    def attempt() -> Outcome:
        source = aws_logins(os.environ["AWS_REGION"])
        # For itself, so that what was fetched already is not fetched again.
        return _refresh(job, PatientLogins(source, until - _PASSING.monotonic(), waiting, _PASSING))

    outcome = until_rights_arrive(attempt, seconds=until - _PASSING.monotonic(), waiting=waiting, passing=_PASSING)
    return _result(outcome, job)


def _refresh(job: Job, source: LoginSource) -> Outcome:
    """What became of the secret. Raises RefreshError if that is a failure, or a part of it."""
    region = os.environ["AWS_REGION"]
    sink = SecretsManagerDocument(cast(SecretsManagerClient, client("secretsmanager", region)), job.secret_id, region)
    (outcome,) = refresh(source, sink, job.wanted.groups, force=job.force, clock=_now).outcomes
    if outcome.failure:
        raise outcome.failure
    return outcome


def _result(outcome: Outcome, job: Job) -> dict[str, object]:
    expires_at = timestamp(cast(datetime, outcome.expires_at))
    result: dict[str, object] = {
        "status": outcome.status,
        "reason": job.reason,
        "expiresAt": expires_at,
        "secondsLeft": int((datetime.fromisoformat(expires_at) - _now()).total_seconds()),
        "registries": list(job.wanted.hosts),
    }
    if outcome.note:
        result["replaced"] = outcome.note
    return result


def _now() -> datetime:
    return datetime.now(UTC)
