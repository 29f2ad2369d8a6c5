"""The CronJob's entry: `python -m refresher`.

What it is asked comes from environment and arguments (see `command`). Exit status: 0 if every namespace holds a live login and
every image that was tried pulls, 1 if something failed (what could be served was served), 2 if environment or arguments cannot
be understood. The report is the last line on standard output and the container's termination message.
"""

import gc
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from . import logs
from .command import Command, read_command
from .core import Login
from .errors import ConfigurationError, RefreshError, unexpected
from .images import Verdict, refused
from .kubernetes_api import PullSecrets
from .kubernetes_http import KubernetesHttp
from .patience import PatientLogins, Time
from .ports import LoginSource, Outcome
from .proxies import proxy_for
from .refresh import refresh
from .registries import Group
from .service_account import ServiceAccount
from .shortfall import Shortfall
from .summary import LONGEST_MESSAGE, error_fields, failures, summary
from .tally import Tally

_PASSING = Time()
# One line each; what is wrong with more namespaces than this is rarely wrong with each in its own way.
_MOST_LINES = 100
# The default of every container's terminationMessagePath.
_MESSAGE = Path("/dev/termination-log")


class _Logins:
    """A LoginSource on ECR that begins by importing what AWS calls need: a run that finds fresh logins is spared that."""

    def __init__(self, region: str | None) -> None:
        self._region = region
        self._made: LoginSource | None = None

    def login(self, group: Group) -> Login:
        from .aws_logins import aws_logins

        self._made = self._made or aws_logins(self._region)
        return self._made.login(group)


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Refreshes once, and tries the images that are to be tried; the exit status."""
    logs.configure()
    try:
        command = read_command(arguments, environment)
        account = ServiceAccount(environment)
        proxy = proxy_for(account.host, account.port, environment)
        with closing(KubernetesHttp(account, proxy)) as http, closing(PullSecrets(http, command.targets)) as sink:
            return _run(command, sink, environment.get("AWS_REGION"))
    except ConfigurationError as error:
        status, failure = 2, cast(RefreshError, error)
    except RefreshError as error:
        status, failure = 1, error
    except Exception as error:  # noqa: BLE001 (its text could quote a token)
        status, failure = 1, unexpected(error)
    fields = {"status": "failed", **error_fields(failure)}
    _leave(fields)
    logs.log(logging.ERROR, "refresh", **fields)
    return status


def _run(command: Command, sink: PullSecrets, region: str | None) -> int:
    wanted, held = command.wanted, Tally()
    noting = held.note if wanted.images else None
    source = PatientLogins(_Logins(region), command.await_rights_seconds, _waiting, _PASSING)
    report = refresh(source, sink, wanted.groups, force=command.force, clock=_now, noting=noting)
    retired = tuple(sink.retire())
    verdicts = _try_images(command, held, source.seconds_left)
    for shortfall in report.shortfalls:
        _tell_of_login(shortfall)
    failed = failures(report, retired)
    noted = [outcome for outcome in (*report.outcomes, *retired) if outcome.note]
    for outcome in sorted([*noted, *failed], key=lambda outcome: outcome.place)[:_MOST_LINES]:
        _tell(outcome)
    error = report.unavailable or (None if command.images_may_fail else refused(verdicts))
    bad = error is not None or bool(failed)
    told = report, retired, verdicts, error, command.reason, _now()
    _leave(summary(*told, longest=LONGEST_MESSAGE))
    logs.log(logging.ERROR if bad else logging.INFO, "refresh", **summary(*told))
    return 1 if bad else 0


def _try_images(command: Command, held: Tally, patience: float) -> Sequence[Verdict]:
    images = command.wanted.images
    if not images or not held:
        return ()
    from .verification import LONGEST_SECONDS, tell, verify

    longest = max(patience, 0) + LONGEST_SECONDS
    verdicts = verify(images, held, await_rights=patience, longest=longest, waiting=_waiting, passing=_PASSING)
    tell(verdicts, may_fail=command.images_may_fail)
    return verdicts


def _leave(fields: Mapping[str, object]) -> None:
    """Leaves them as the termination message, where there is one: kubelet makes the file, and nobody else may."""
    with suppress(OSError), _MESSAGE.open("r+b") as file:
        file.write(json.dumps(fields).encode())
        file.truncate()


def _tell_of_login(shortfall: Shortfall) -> None:
    error = {"errorType": type(shortfall.failure).__name__, "error": str(shortfall)}
    logs.log(logging.ERROR, "login", registries=shortfall.group.hosts, **error)


def _tell(outcome: Outcome) -> None:
    fields: dict[str, object] = {"namespace": outcome.place, "status": outcome.status}
    if outcome.failure:
        logs.log(logging.ERROR, "namespace", **fields, **error_fields(outcome.failure))
    else:
        logs.log(logging.WARNING, "namespace", **fields, note=outcome.note)


def _waiting(failure: RefreshError, seconds: float) -> None:
    logs.log(logging.WARNING, "waiting for rights", seconds=round(seconds, 1), error=str(failure))


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    # For a process that is over in a second: it has no garbage worth looking for, and its threads, which mostly wait for
    # answers, need not interrupt each other every 5 ms.
    gc.disable()
    sys.setswitchinterval(0.05)
    sys.exit(main(sys.argv[1:], os.environ))
