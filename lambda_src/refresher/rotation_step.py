"""One step of a rotation (see `rotation`), on real clients: what it does, logs and answers."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

from . import logs
from .aws_clients import client
from .aws_logins import aws_logins
from .core import Login, timestamp
from .errors import RefreshError
from .images import Image, LoginVerdict, Verdict, refused
from .job import RotationJob
from .patience import Time
from .rotation import Rotation, Taken
from .secrets_manager import SecretsManagerClient, SecretsManagerDocument, SecretVersions
from .tally import Tally
from .verification import tell, try_logins, verify


def taken(job: RotationJob, region: str, request_id: str, seconds: float, passing: Time) -> dict[str, object]:
    """Takes the step, within about so many seconds. Gives `status` (see `rotation.Status`), `step`, `version` and more.

    Raises RefreshError if it can't be taken, or once a version is current in which a login is not new or with which an image is
    refused: the function has failed then, and what is new in it is in use all the same.
    """
    secrets = cast(SecretsManagerClient, client("secretsmanager", region))
    rotation = Rotation(
        SecretVersions(secrets, job.secret_id, region),
        aws_logins(region),
        lambda token: SecretsManagerDocument(secrets, job.secret_id, region, token),
        _Trial(passing.monotonic() + seconds, passing),
        job.wanted.groups,
        job.wanted.images,
        _now,
    )
    found = rotation.take(job.step, job.token, job.secret)
    fields = _fields(job, found)
    tell(found.verdicts, may_fail=False, requestId=request_id, step=job.step)
    failure = found.lacking or refused(found.verdicts)
    if found.status == "finished" and failure:
        raise failure
    if found.lacking:
        # To fail here would keep the others from being renewed; finishSecret fails, once they have been.
        _tell_lacking(found.lacking, fields, request_id)
    return fields


class _Trial:
    """The Trial of one step, which ends at a moment of the clock."""

    def __init__(self, end: float, passing: Time) -> None:
        self._end = end
        self._passing = passing

    def logins(self, logins: Sequence[Login]) -> Sequence[LoginVerdict]:
        return try_logins(logins, longest=self._left(), passing=self._passing)

    def images(self, images: Sequence[Image], logins: Sequence[Login]) -> Sequence[Verdict]:
        held = Tally()
        held.note(logins)
        # A right that is still on its way is Secrets Manager's to wait for: it takes the steps again.
        return verify(images, held, await_rights=0, longest=self._left(), waiting=_never, passing=self._passing)

    def _left(self) -> float:
        return self._end - self._passing.monotonic()


def _fields(job: RotationJob, found: Taken) -> dict[str, object]:
    fields: dict[str, object] = {"status": found.status, "step": job.step, "version": job.token}
    if found.expires_at:
        expires_at = timestamp(found.expires_at)
        left = int((datetime.fromisoformat(expires_at) - _now()).total_seconds())
        fields |= {"expiresAt": expires_at, "secondsLeft": left}
    if found.replaced:
        fields["replaced"] = found.replaced
    if found.verdicts:
        fields["images"] = [verdict.fields for verdict in found.verdicts]
    return fields


def _tell_lacking(lacking: RefreshError, fields: dict[str, object], request_id: str) -> None:
    logs.log(
        logging.ERROR,
        "logins not renewed",
        requestId=request_id,
        step=fields["step"],
        version=fields["version"],
        errorType=type(lacking).__name__,
        error=str(lacking),
    )


def _never(_failure: RefreshError, _seconds: float) -> None:
    """Nobody waits."""


def _now() -> datetime:
    return datetime.now(UTC)
