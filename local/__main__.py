"""`python -m local up|down|status|env|logs`: the platform that runs all of everpull on one machine."""

import argparse
import sys
from pathlib import Path

from local import env, paths, state
from local.cluster.leftovers import LeftoversError
from local.platform import BusyError, Platform
from local.ports import NoFreePort
from local.state import StateError
from local.steps import Progress, StepsFailedError
from local.supervisor import Condition, PartError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local", description="The local platform of everpull.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="bring it up, or put right what isn't; safe to repeat")
    commands.add_parser("down", help="stop it and leave nothing outside its folder; data stays")
    commands.add_parser("status", help="how each part is; status 1 when one isn't right")
    shell = commands.add_parser("env", help='what your own clients need: eval "$(python -m local env)"')
    shell.add_argument(
        "--registries", action="store_true", help="and registries by their own names, as doctor asks them"
    )
    logs = commands.add_parser("logs", help="a part's log")
    logs.add_argument("name", help="as `status` shows it")
    chosen = parser.parse_args(arguments)
    folders = paths.current()
    try:
        if chosen.command == "up":
            found = Platform(folders, Progress()).up()
            print(f"AWS {found.aws_endpoint}, cluster {found.kube_api}, registry {found.registry_host}")
            print('for your own shell: eval "$(python -m local env)"')
            return 0
        if chosen.command == "down":
            Platform(folders, Progress()).down()
            return 0
        if chosen.command == "status":
            return _status(Platform(folders, Progress()).status())
        if chosen.command == "env":
            print(env.shell(state.load(folders), folders, with_registries=chosen.registries), end="")
            return 0
        return _logs(folders, chosen.name)
    except (StepsFailedError, PartError, LeftoversError, BusyError, NoFreePort, StateError) as error:
        print(error, file=sys.stderr)
        return 1
    except PermissionError as error:
        print(
            f"{error}\nDid another user bring this platform up? Use that user, or a folder of your own", file=sys.stderr
        )
        print("by setting EVERPULL_LOCAL_DIR.", file=sys.stderr)
        return 1


def _status(conditions: list[Condition]) -> int:
    for condition in conditions:
        pid = str(condition.pid or "-")
        up = f"{condition.uptime_seconds:.0f} s" if condition.uptime_seconds is not None else "-"
        print(
            f"{condition.name:24} {condition.state:10} {pid:>8} {up:>10}  {' '.join(condition.detail.split())}".rstrip()
        )
    return 0 if all(condition.state in ("running", "absent") for condition in conditions) else 1


def _logs(folders: paths.Paths, name: str) -> int:
    file = folders.log / f"{name}.log"
    names = sorted(Path(entry).stem for entry in folders.log.glob("*.log"))
    if name not in names:
        print(f"no log {name!r}; there are: {', '.join(names) or 'none'}", file=sys.stderr)
        return 1
    with file.open("rb") as source:
        while piece := source.read(64 * 1024):
            sys.stdout.buffer.write(piece)
    return 0


if __name__ == "__main__":
    sys.exit(main())
