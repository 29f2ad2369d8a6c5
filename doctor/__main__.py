"""`python -m doctor --stack NAME [--json] [--watch [SECONDS]]`.

Exit status: 0 if every link holds, 1 if one is broken, 2 if one will break before the next refresh, 3 if one, or the stack
itself, could not be looked at. With --watch it is that of the last look.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

from .link import Fault, Link
from .outputs import NotKnown
from .report import EXIT_UNKNOWN, as_json, as_text, exit_status
from .stack import opened
from .walk import walk

_WATCH_SECONDS = 60
# The name under which a stack that can't be asked for is told of.
STACK = "stack"


def main(arguments: Sequence[str]) -> int:
    """Looks once, or again and again; the exit status."""
    asked = _parser().parse_args(arguments)
    status = EXIT_UNKNOWN
    try:
        while True:
            status = _look(asked.stack, asked.config_file, as_json_text=asked.json)
            if asked.watch is None:
                return status
            time.sleep(asked.watch)
    except KeyboardInterrupt:
        return status


def _look(stack: str, config_file: str | None, *, as_json_text: bool) -> int:
    try:
        with opened(stack, config_file) as view:
            links = walk(view)
    except NotKnown as reason:
        links = [Link(STACK, (Fault("unknown", str(reason), reason.fix),))]
    print(as_json(links) if as_json_text else as_text(stack, links), flush=True)
    return exit_status(links)


class _Parser(argparse.ArgumentParser):
    """One whose refusals are told from links that are about to break, which argparse's own status means here."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(EXIT_UNKNOWN, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="doctor", description="Names the broken link between ECR and the pods of a stack.")
    parser.add_argument("--stack", required=True, help="name of the stack, as pulumi knows it")
    parser.add_argument("--config-file", help="the stack's configuration file, where it is not Pulumi.STACK.yaml")
    parser.add_argument("--json", action="store_true", help="a list of links, each with name, state, detail and fix")
    parser.add_argument(
        "--watch",
        nargs="?",
        type=_seconds,
        const=_WATCH_SECONDS,
        metavar="SECONDS",
        help=f"look again every so many seconds ({_WATCH_SECONDS}) until interrupted",
    )
    return parser


def _seconds(text: str) -> int:
    seconds = int(text)
    if seconds < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return seconds


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
