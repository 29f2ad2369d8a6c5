"""`python -m local.tools NAME...` builds the named families of tools, and says where they are."""

import argparse
import sys

from local import paths
from local.steps import Progress, Step, StepsFailedError, run
from local.tools.build import build
from local.tools.families import ALL


def main() -> int:
    """Gives the exit status: 0 when all are there."""
    parser = argparse.ArgumentParser(prog="python -m local.tools", description="Build the platform's Go programs.")
    parser.add_argument("family", nargs="+", choices=sorted(ALL))
    names: list[str] = parser.parse_args().family
    folders = paths.current()
    folders.make()
    # One after the other: a Go build uses all cores by itself.
    steps: list[Step] = []
    for name in dict.fromkeys(names):
        before = (steps[-1].name,) if steps else ()
        steps.append(Step(f"build {name}", lambda family=ALL[name]: build(family, folders), before))
    try:
        run(steps, Progress())
    except StepsFailedError as error:
        print(error, file=sys.stderr)
        return 1
    for name in dict.fromkeys(names):
        for program in ALL[name].programs:
            print(folders.bin / program)
    return 0


if __name__ == "__main__":
    sys.exit(main())
