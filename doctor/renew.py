"""`python -m doctor.renew --stack NAME`: renews now, to the last namespace, and tells what was served.

What is broken on the way is told and does not stop what can go on: a login that can't be renewed is still brought to the
namespaces that lack it. Exit status: 0 if everything went well, 1 if not, 3 if the stack could not be asked for.
"""

import argparse
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from cluster.reader import Forbidden, Unreachable, connect_to
from components.aws_reads import Access
from lambda_src.refresher.patience import Time

from . import renew_cronjob, renew_generator, renew_lambda
from .hands import Hands, RealHands
from .outputs import NotKnown
from .renewal import Renewal
from .report import EXIT_BROKEN, EXIT_OK, EXIT_UNKNOWN
from .stack import opened
from .view import View
from .words import counted

# By mode; without one there is nothing to renew.
_RENEWING: Mapping[str, Callable[[View, Hands, Renewal], None]] = {
    "lambda": renew_lambda.renew,
    "generator": renew_generator.renew,
    "cronjob": renew_cronjob.renew,
}


def main(arguments: Sequence[str]) -> int:
    """Renews once; the exit status."""
    parser = argparse.ArgumentParser(prog="renew", description="Renews the login of a stack now, in every namespace.")
    parser.add_argument("--stack", required=True, help="name of the stack, as pulumi knows it")
    parser.add_argument("--config-file", help="the stack's configuration file, where it is not Pulumi.STACK.yaml")
    asked = parser.parse_args(arguments)
    try:
        with opened(asked.stack, asked.config_file) as view, _hands(view) as hands:
            return run(view, hands, Renewal(lambda line: print(line, flush=True), Time()))
    except NotKnown as reason:
        print(f"{reason}\n-> {reason.fix}", file=sys.stderr)
        return EXIT_UNKNOWN


def run(view: View, hands: Hands, renewal: Renewal) -> int:
    """Renews by the stack's mode; the exit status."""
    renewing = _RENEWING.get(view.mode)
    if renewing is None:
        renewal.tell("nothing to renew: nodes pull by their own roles")
        return EXIT_OK
    try:
        renewing(view, hands, renewal)
    except (Unreachable, Forbidden) as reason:
        renewal.broke(f"the cluster could not be looked at: {reason}")
    wanted = len(renewal.served) + len(renewal.failed)
    renewal.tell(f"served {len(renewal.served)} of {counted(wanted, 'namespace')}")
    if not renewal.is_whole:
        renewal.tell(f"-> make doctor STACK={view.stack}")
        return EXIT_BROKEN
    return EXIT_OK


@contextmanager
def _hands(view: View) -> Generator[Hands]:
    access = Access(view.settings.region, profile=view.settings.aws_profile)
    with ExitStack() as closing:
        try:
            http, reason = closing.enter_context(connect_to(view.settings.cluster)), ""
        except Unreachable as failure:
            http, reason = None, str(failure)
        yield RealHands(access, http, reason)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
