"""Known vulnerabilities among the installed packages, by pip-audit.

A vulnerability is a failure. A package that could not be asked about is said aloud, and is a failure too where
EVERPULL_AUDIT=required is set: a machine behind a package mirror may have no vulnerability data, the project's own
workflow has.
"""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

PINNED_APART = (Path("local/aws/requirements.txt"), Path("policy/pack/requirements.txt"))

# Put there by `python -m venv`, not by us, in whatever version the interpreter carries.
BROUGHT_BY_VENV = frozenset({"setuptools"})

_LONGEST_SECONDS = 300


class AuditFailed(Exception):
    """pip-audit gave no report; the text is what it said."""


@dataclass(frozen=True)
class Findings:
    """`vulnerable`: one line each. `unknown`: packages without an answer. `asked`: how many were asked about."""

    asked: int
    vulnerable: tuple[str, ...]
    unknown: tuple[str, ...]


def findings(report: str) -> Findings:
    """What pip-audit's JSON report says. Raises AuditFailed if it is none."""
    try:
        listed = cast(Mapping[str, object], json.loads(report))["dependencies"]
    except (ValueError, KeyError, TypeError):
        raise AuditFailed(f"not a report of pip-audit: {report[:200]!r}") from None
    asked = 0
    vulnerable: list[str] = []
    unknown: list[str] = []
    for package in cast(Sequence[Mapping[str, object]], listed):
        name = str(package["name"])
        if name in BROUGHT_BY_VENV:
            continue
        asked += 1
        if "skip_reason" in package:
            unknown.append(name)
        for fault in cast(Sequence[Mapping[str, object]], package.get("vulns") or ()):
            mended = ", ".join(cast(Sequence[str], fault["fix_versions"])) or "no version yet"
            vulnerable.append(f"{name} {package['version']}: {fault['id']}, mended in {mended}")
    return Findings(asked, tuple(vulnerable), tuple(unknown))


def audit(arguments: Sequence[str]) -> Findings:
    """Run pip-audit once. Raises AuditFailed if it gives no report, as without a network."""
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        raise AuditFailed(f"no answer within {_LONGEST_SECONDS} s") from None
    if not done.stdout.strip():
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise AuditFailed(textwrap.shorten(lines[-1], 200, placeholder="..."))
    return findings(done.stdout)


def main() -> int:
    """Gives the exit status."""
    required = os.environ.get("EVERPULL_AUDIT") == "required"
    failed = False
    for what, arguments in (
        ("the environment", ["--local"]),
        *((str(file), ["--requirement", str(file), "--no-deps", "--disable-pip"]) for file in PINNED_APART),
    ):
        try:
            found = audit(arguments)
        except AuditFailed as error:
            print(f"pip-audit: NOT AUDITED: {what}: {error}", file=sys.stderr)
            failed = failed or required
            continue
        for line in found.vulnerable:
            print(f"pip-audit: {what}: {line}", file=sys.stderr)
        if found.unknown:
            print(
                f"pip-audit: NOT AUDITED: {len(found.unknown)} of {found.asked} packages of {what}: "
                "the package index in use has no vulnerability data on them",
                file=sys.stderr,
            )
        failed = failed or bool(found.vulnerable) or (required and bool(found.unknown))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
