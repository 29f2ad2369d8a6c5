"""One cold process, in a pod's view of the service account, and what it took."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.subjects import Subject

_LAUNCHER = Path(__file__).resolve().parent / "launch.py"
# Clients in Go know one place for a pod's service account. It is made in a mount namespace that ends with the process;
# the machine's own /var/run is only covered there. Arguments: the account's files, the command.
_SCRIPT = """
set -e
folder=/var/run/secrets/kubernetes.io/serviceaccount
mount -t tmpfs tmpfs /var/run
mkdir -p "$folder"
cp "$1"/* "$folder"
shift
exec "$@"
"""
_LONGEST_SECONDS = 900.0


@dataclass(frozen=True)
class Usage:
    """`wall` and `cpu` in seconds, `memory` the peak of the resident size in bytes."""

    wall: float
    cpu: float
    memory: int


def run(subject: Subject, folder: Path) -> Usage:
    """Runs the program once; what it said is in `folder`/SUBJECT.log. Raises BenchError when it fails."""
    output = folder / f"{subject.name}.log"
    asked = {"argv": subject.argv, "environment": dict(subject.environment), "output": str(output)}
    # Somebody who isn't root is root in a user namespace of their own.
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    view = [shutil.which("unshare") or "unshare", *user, "--mount", "/bin/sh", "-c", _SCRIPT, "view"]
    # -S and -I: the launcher has to stay small, see there.
    command = [*view, str(subject.service_account), sys.executable, "-I", "-S", str(_LAUNCHER)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        told, complaint = process.communicate(json.dumps(asked), timeout=_LONGEST_SECONDS)
    except BaseException as reason:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(reason, subprocess.TimeoutExpired):
            raise BenchError(f"{subject.name} did not end within {_LONGEST_SECONDS:.0f} s; see {output}") from None
        raise
    if process.returncode != 0:
        raise BenchError(f"{subject.name} could not be started: {complaint.strip()}")
    answer = json.loads(told)
    if answer["status"] != 0:
        raise BenchError(f"{subject.name} ended with status {answer['status']}; see {output}")
    return Usage(answer["wall"], answer["cpu"], answer["memory"])
