"""The Lambda entry. What it is asked comes from environment and event (see `job`); the result is JSON without a secret."""

import functools
import logging
import os
import traceback
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Protocol, cast

import boto3  # pyright: ignore[reportMissingTypeStubs]
from botocore.config import Config

from . import logs
from .ecr import EcrClient, EcrLogins
from .errors import RefreshError, UnexpectedError
from .job import Job, read_job
from .patience import Time, until_rights_arrive
from .refresh import Report, refresh
from .secrets_manager import SecretsManagerClient, SecretsManagerDocument

# Four attempts of at most 2 + 5 s with backoff between: a call that never gets through takes about 40 s.
_CLIENT_CONFIG = Config(
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 4},
    user_agent_extra="everpull",
)
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
    content of the secret had to make way, `replaced`. Raises RefreshError, whose text holds no secret, if no live login
    could be put in place.
    """
    logs.configure()
    request_id = context.aws_request_id
    try:
        result = _handle(event, context)
    except RefreshError as error:
        failure = error
    except Exception as error:  # noqa: BLE001 (its text could quote a token, and Lambda logs the text of what escapes)
        failure = UnexpectedError(f"a fault in the refresher itself: {type(error).__name__} at {_place(error)}")
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

    report = until_rights_arrive(
        lambda: _refresh(job), seconds=min(job.await_rights_seconds, time_left), waiting=waiting, passing=_PASSING
    )
    return _result(report, job)


def _refresh(job: Job) -> Report:
    region = os.environ["AWS_REGION"]
    source = EcrLogins(lambda region: cast(EcrClient, _client("ecr", region)))
    sink = SecretsManagerDocument(cast(SecretsManagerClient, _client("secretsmanager", region)), job.secret_id, region)
    return refresh(source, sink, job.registries, force=job.force, clock=lambda: datetime.now(UTC))


@functools.cache
def _client(service: str, region: str) -> object:
    """A client, kept with its connections for later invocations in the same sandbox."""
    return cast(object, boto3.client(service, region_name=region, config=_CLIENT_CONFIG))  # pyright: ignore


def _result(report: Report, job: Job) -> dict[str, object]:
    result: dict[str, object] = {
        "status": report.status,
        "reason": job.reason,
        "expiresAt": report.expires_at,
        "secondsLeft": report.seconds_left,
        "registries": list(report.registries),
    }
    if report.replaced:
        result["replaced"] = report.replaced
    return result


def _place(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{PurePath(frame.filename).name}:{frame.lineno}"
