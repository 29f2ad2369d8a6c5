"""Runs one command and tells what it took. A program of its own: `python -I -S launch.py`.

Standard input: {"argv": [...], "environment": {...}, "output": FILE}. Standard output: {"status": exit status or minus the
signal, "wall": seconds, "cpu": seconds in user and system mode, "memory": peak resident bytes}.

A process starts with its parent's memory and is charged with it: Linux keeps the highest resident size over exec
(getrusage(2)). So the parent has to be smaller than anything that is measured, and this one imports next to nothing.
"""

import json
import os
import sys
import time


def main() -> None:
    """See above."""
    asked = json.load(sys.stdin)
    output = os.open(asked["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    streams = [(os.POSIX_SPAWN_DUP2, source, number) for number, source in enumerate((nothing, output, output))]
    started = time.perf_counter()
    child = os.posix_spawn(asked["argv"][0], asked["argv"], asked["environment"], file_actions=streams)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - started
    told = {
        "status": os.waitstatus_to_exitcode(status),
        "wall": wall,
        "cpu": usage.ru_utime + usage.ru_stime,
        "memory": usage.ru_maxrss * 1024,
    }
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
