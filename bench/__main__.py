"""`python -m bench fanout` measures one size; `python -m bench report` all of them, into bench/README.md and its chart.

`python -m bench reach` measures whole stacks, into bench/README.md too.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from bench import chart, report, stacks
from bench.errors import BenchError
from bench.fanout import Stage, measure, say, stage
from bench.figures import result
from bench.kube import Refused
from bench.machine import common_facts, facts
from bench.reach import WAYS, reach, reachable
from local import paths, state
from local.demo.table import render
from local.driver.stack import PulumiError
from local.paths import ROOT, Paths
from local.state import StateError
from local.tools.build import BuildError, build
from local.tools.families import K8S_ECR_LOGIN_RENEW

HERE = Path(__file__).resolve().parent
SIZES = (50, 500, 2000)
_REPETITIONS = 5
REACH_SIZES = (50, 500)


def main(arguments: Sequence[str] | None = None) -> int:
    """Gives the exit status; 1 when a run failed or did less than it was asked, and then nothing is reported."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="everpull beside k8s-ecr-login-renew.")
    commands = parser.add_subparsers(dest="command", required=True)
    fanout = commands.add_parser("fanout", help="one size, to standard output")
    fanout.add_argument("--namespaces", type=_positive, default=500)
    fanout.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    whole = commands.add_parser("report", help="all sizes, into bench/README.md and bench/fanout.svg")
    whole.add_argument("--sizes", type=_positive, nargs="+", default=list(SIZES))
    for command in (fanout, whole):
        command.add_argument("--repetitions", type=_positive, default=_REPETITIONS, help="of each program and state")
        command.add_argument("--keep", action="store_true", help="leave the namespaces for the next measurement")
    reached = commands.add_parser("reach", help="whole stacks of mode lambda, into bench/README.md")
    reached.add_argument("--sizes", type=_positive, nargs="+", default=list(REACH_SIZES))
    chosen = parser.parse_args(arguments)
    # A terminated measurement cleans up after itself as an interrupted one does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folders = paths.current()
    try:
        _bring_up()
        if chosen.command == "reach":
            _reach(folders, sorted(set(chosen.sizes)))
        else:
            _side_by_side(folders, chosen)
    except (BenchError, BuildError, Refused, StateError, PulumiError, HTTPError, BotoCoreError, ClientError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _reach(folders: Paths, sizes: Sequence[int]) -> None:
    here = state.load(folders)
    with reachable(folders, here) as kube:
        document = {
            "facts": common_facts(kube),
            "stacks": [asdict(reach(kube, here, size, way)) for size in sizes for way in WAYS],
        }
    readme = HERE / "README.md"
    text = report.renewed(readme.read_text(encoding="utf-8"), "reach", stacks.markdown(document))
    _replace({HERE / "reach.json": json.dumps(document, indent=1) + "\n", readme: text})


def _side_by_side(folders: Paths, chosen: argparse.Namespace) -> None:
    _build_peer(folders)
    sizes = sorted(set(chosen.sizes)) if chosen.command == "report" else [chosen.namespaces]
    with stage(folders, state.load(folders), keep=chosen.keep) as here:
        found = _measure(here, sizes, chosen.repetitions)
    if chosen.command == "report":
        _write(found)
    elif chosen.json:
        print(json.dumps({**found["sizes"][0], "facts": found["facts"]}, indent=2))
    else:
        print(_plain(found), end="")


def _measure(here: Stage, sizes: Sequence[int], repetitions: int) -> dict[str, Any]:
    known = facts(here.kube, here.folders)
    return {"facts": known, "sizes": [result(size, measure(here, size, repetitions)) for size in sizes]}


def _bring_up() -> None:
    """The platform, where it is not up. Raises BenchError."""
    command = [sys.executable, "-m", "local", "up"]
    # Standard output is for the figures.
    if subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False).returncode:
        raise BenchError("the local platform did not come up")


def _build_peer(folders: Paths) -> None:
    """Raises BuildError."""
    say(f"build {K8S_ECR_LOGIN_RENEW.name}: {build(K8S_ECR_LOGIN_RENEW, folders)}")


def _write(document: dict[str, Any]) -> None:
    readme = HERE / "README.md"
    # A line for each run.
    figures = re.sub(r'\{\s*"program"[^}]*', _one_line, json.dumps(document, indent=1)) + "\n"
    text = report.renewed(readme.read_text(encoding="utf-8"), "figures", report.markdown(document))
    _replace({HERE / "latest.json": figures, readme: text, HERE / "fanout.svg": chart.draw(document["sizes"])})


def _replace(texts: Mapping[Path, str]) -> None:
    """Files are replaced one by one, the figures first: the others are made from them."""
    for file, text in texts.items():
        part = file.with_name(f".{file.name}.{os.getpid()}")
        part.write_text(text, encoding="utf-8")
        part.replace(file)
        print(file.relative_to(ROOT))


def _one_line(found: re.Match[str]) -> str:
    return " ".join(found[0].split())


def _plain(document: dict[str, Any]) -> str:
    told = "".join(f"{name}: {value}\n" for name, value in document["facts"].items())
    body = [row for result in document["sizes"] for row in report.rows(result)]
    return f"{told}\n{render(report.head(), body, width=200)}\neverpull / k8s-ecr-login-renew (ratio)\n"


def _positive(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 9999:
        raise ValueError
    return number


if __name__ == "__main__":
    sys.exit(main())
