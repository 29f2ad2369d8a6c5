"""What /proc says about processes: enough to know a process again and to find those that were left behind."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class Identity:
    """A process that cannot be mistaken for another: pids are reused, start times within one boot are not.

    `started` is in clock ticks since boot (field 22 of /proc/PID/stat, proc(5)).
    """

    pid: int
    started: int
    boot: str


def boot_id() -> str:
    """A name of the current boot of this machine."""
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the third (state) on; None when there is no such process."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The second field, the name in brackets, may hold spaces and brackets itself.
    return text.rpartition(")")[2].split()


def identity(pid: int) -> Identity | None:
    """The identity of a living process; None when it is gone or a zombie."""
    fields = _stat(pid)
    if fields is None or fields[0] in "ZX":
        return None
    return Identity(pid, int(fields[19]), boot_id())


def is_alive(known: Identity) -> bool:
    return identity(known.pid) == known


def uptime_seconds(known: Identity) -> float:
    """How long ago it was started."""
    since_boot = float((_PROC / "uptime").read_text().split()[0])
    return since_boot - known.started / os.sysconf("SC_CLK_TCK")


def all_pids() -> Iterator[int]:
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            yield int(entry.name)


def group_members(group: int) -> list[int]:
    """Living members of a process group (field 5 of /proc/PID/stat)."""
    found: list[int] = []
    for pid in all_pids():
        fields = _stat(pid)
        if fields is not None and fields[0] not in "ZX" and int(fields[2]) == group:
            found.append(pid)
    return found


def argv(pid: int) -> tuple[str, ...]:
    """The command line; empty when the process is gone or a kernel thread."""
    try:
        content = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ()
    return tuple(os.fsdecode(word) for word in content.split(b"\0")[:-1])


def started_with(pid: int, name: str) -> str | None:
    """The value of an environment variable with which the process was started; None when unset or not ours to see."""
    try:
        content = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return None
    prefix = name.encode() + b"="
    for entry in content.split(b"\0"):
        if entry.startswith(prefix):
            return os.fsdecode(entry[len(prefix) :])
    return None


def mount_points() -> list[Path]:
    """Every mount point this process sees; one that is mounted on twice is there twice.

    Blanks in paths are octal escapes in mountinfo (proc(5)). os.path.ismount would miss binds within a file system.
    """
    lines = (_PROC / "self" / "mountinfo").read_text().splitlines()
    return [Path(re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)), line.split()[4])) for line in lines]
