"""`python -m policy PREVIEW.json`: the rules, over a preview. Exit status 1 for a violation, 2 where nothing can be said."""

import argparse
import sys
from pathlib import Path

from . import preview, report
from .rules import violations


def main() -> int:
    """Gives the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m policy", description="Looks at what `pulumi preview --json --show-sames` says."
    )
    parser.add_argument("file", type=Path, help="where that is")
    parser.add_argument("--markdown", type=Path, help="also write the result there, for a pull request")
    arguments = parser.parse_args()
    try:
        stack = preview.read(arguments.file.read_text(encoding="utf-8"))
    except (preview.NoPreview, OSError) as error:
        print(f"policy: {arguments.file}: {error}", file=sys.stderr)
        return 2
    found = violations(stack)
    print(report.text(stack, found), end="")
    if arguments.markdown:
        arguments.markdown.write_text(report.markdown(stack, found), encoding="utf-8")
    return 1 if found else 2 if stack.errors else 0


if __name__ == "__main__":
    sys.exit(main())
