"""What one run of the CronJob is asked to do, read from its environment and arguments.

Environment: EVERPULL_TARGETS (path of the file that `targets` describes), and what `wanted` reads.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from .errors import ConfigurationError
from .job import LONGEST_REASON, LONGEST_WAIT_SECONDS
from .targets import Targets, parse_targets
from .wanted import Wanted, read_wanted


@dataclass(frozen=True)
class Command:
    """One refresh."""

    wanted: Wanted
    targets: Targets
    force: bool
    reason: str
    await_rights_seconds: int
    images_may_fail: bool = False


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigurationError([message])


def read_command(arguments: Sequence[str], environment: Mapping[str, str]) -> Command:
    """The command that arguments and environment describe. Raises ConfigurationError listing every fault of the environment."""
    parser = _Parser(
        prog="python -m refresher", description="Keeps the pull secrets of a cluster's namespaces fresh, once."
    )
    parser.add_argument("--force", action="store_true", help="renew logins even if they are fresh")
    parser.add_argument("--reason", default="unspecified", metavar="TEXT", help="a text for the log")
    parser.add_argument(
        "--await-rights",
        type=int,
        default=0,
        metavar="SECONDS",
        help="how long to wait for AWS to know of rights just given",
    )
    parser.add_argument("--images-may-fail", action="store_true", help="tell of images that are refused, and go on")
    given = parser.parse_args(arguments)
    faults: list[str] = []
    reason, seconds = str(given.reason), int(given.await_rights)
    if len(reason) > LONGEST_REASON:
        faults.append(f"--reason must be text of at most {LONGEST_REASON} characters")
    if not 0 <= seconds <= LONGEST_WAIT_SECONDS:
        faults.append(f"--await-rights must be a whole number from 0 to {LONGEST_WAIT_SECONDS}")
    wanted = read_wanted(environment, faults)
    targets = _targets(environment.get("EVERPULL_TARGETS", ""), faults)
    if faults or targets is None:
        raise ConfigurationError(faults)
    return Command(wanted, targets, bool(given.force), reason, seconds, bool(given.images_may_fail))


def _targets(path: str, faults: list[str]) -> Targets | None:
    if not path:
        faults.append("EVERPULL_TARGETS is not set; it names the file that lists the namespaces")
        return None
    try:
        return parse_targets(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        faults.append(f"EVERPULL_TARGETS names a file that can't be read ({type(error).__name__})")
    except ConfigurationError as error:
        faults.append(str(error))
    return None
