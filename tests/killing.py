"""Ends a program with all that it started at once, as a machine that loses its power does."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from local import procfs


@contextmanager
def running_until_killed(
    command: list[str], folder: Path, environment: Mapping[str, str]
) -> Iterator[Callable[[], bool]]:
    """Runs the command, without any output, for the time of the block. Gives whether it still runs.

    By its session: the engine's plugins have process groups of their own.
    """
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield lambda: process.poll() is None
    finally:
        for pid in procfs.all_pids():
            with suppress(ProcessLookupError, PermissionError):
                if os.getsid(pid) == process.pid:
                    os.kill(pid, signal.SIGKILL)
        process.wait()
