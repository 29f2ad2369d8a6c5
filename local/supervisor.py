"""Starts, checks and stops the parts of the platform, each a process group of its own that outlives this one.

There is no daemon that watches: `up` looks at every part and puts right what is dead, unhealthy or changed. A part's
record in `run/NAME.json` names its process by pid, start time and boot, so that a reused pid is never taken for it.
Every process is also started with two marker variables, by which those that were left without a record are found.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local import procfs
from local.paths import Paths
from local.state import write_private

PLATFORM_MARKER = "EVERPULL_PLATFORM"
PART_MARKER = "EVERPULL_PART"

_POLL_SECONDS = 0.1
# How long a living part may answer badly before it is restarted; a busy machine is slow, not broken.
_HEALTH_PATIENCE_SECONDS = 15.0
_LOG_LIMIT_BYTES = 50 * 1024 * 1024

# Kept for as long as this process lives: parts outlive it, and Python takes a Popen object that is dropped while its
# process runs for a mistake.
_started: list[subprocess.Popen[bytes]] = []


class PartError(Exception):
    """A part did not start; the text names it, the reason and the end of its log."""


@dataclass(frozen=True)
class Part:
    """One process to keep running.

    `healthy` gives None when the part does its work, else why not; it must not raise and not take long. A change of
    the command, the environment or the content of `inputs` restarts the part. `keeps_children` is for a part whose
    children live on when it is restarted (containerd's shims).
    """

    name: str
    argv: tuple[str, ...]
    healthy: Callable[[], str | None]
    environment: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[Path, ...] = ()
    start_seconds: float = 120.0
    stop_seconds: float = 10.0
    keeps_children: bool = False

    def fingerprint(self) -> str:
        """Names command, environment and inputs; large inputs (programs) by size and time, small ones by content."""
        digest = hashlib.sha256(json.dumps([self.argv, sorted(self.environment.items())]).encode())
        for path in (Path(self.argv[0]), *self.inputs):
            for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
                status = file.stat()
                small = status.st_size < 1024 * 1024
                digest.update(file.read_bytes() if small else f"{status.st_size} {status.st_mtime_ns}".encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class Record:
    """What is kept of a started part."""

    identity: procfs.Identity
    fingerprint: str

    def is_alive(self) -> bool:
        return procfs.is_alive(self.identity)


@dataclass(frozen=True)
class Condition:
    """What `status` shows of a part: `state` is running, unhealthy, dead or stopped."""

    name: str
    state: str
    pid: int | None = None
    uptime_seconds: float | None = None
    detail: str = ""


class Supervisor:
    """The parts of the platform whose state folder is `folders.home`."""

    def __init__(self, folders: Paths) -> None:
        self._folders = folders

    def log_file(self, name: str) -> Path:
        return self._folders.log / f"{name}.log"

    def ensure(self, part: Part) -> str:
        """Make the part run and do its work; gives what was done: kept, started or restarted.

        Raises:
            PartError: it ended or stayed unhealthy.
        """
        record = self.record(part.name)
        done = "started"
        if record is not None:
            if procfs.is_alive(record.identity):
                if record.fingerprint == part.fingerprint() and self._wait_until_healthy(part, record, patience=True):
                    return "kept"
                done = "restarted"
            self.stop(part.name, part.stop_seconds, keep_children=part.keeps_children)
        self._end_strays(part)
        self._start(part)
        return done

    def _start(self, part: Part) -> None:
        log_file = self.log_file(part.name)
        if log_file.exists() and log_file.stat().st_size > _LOG_LIMIT_BYTES:
            log_file.replace(log_file.with_suffix(".log.1"))
        markers = {PLATFORM_MARKER: str(self._folders.home), PART_MARKER: part.name}
        with log_file.open("ab") as log:
            log.write(f"--- {time.strftime('%Y-%m-%dT%H:%M:%S%z')} starting {part.name}\n".encode())
            log.flush()
            offset = log.tell()
            process = subprocess.Popen(
                part.argv,
                env={**part.environment, **markers},
                cwd=self._folders.data,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _started.append(process)
        known = procfs.identity(process.pid)
        if known is not None:
            record = Record(known, part.fingerprint())
            self._save(part.name, record)
            if self._wait_until_healthy(part, record, patience=False, child=process):
                return
        ended = process.poll()
        reason = f"ended with status {ended}" if ended is not None else f"is not healthy: {part.healthy()}"
        raise PartError(f"{part.name} {reason}\n{self._last_lines(log_file, offset)}  (all of it: {log_file})")

    def _wait_until_healthy(
        self, part: Part, record: Record, *, patience: bool, child: subprocess.Popen[bytes] | None = None
    ) -> bool:
        end = time.monotonic() + (_HEALTH_PATIENCE_SECONDS if patience else part.start_seconds)
        while True:
            if part.healthy() is None:
                return True
            if child is not None:
                child.poll()  # reaps it, so that it does not look alive as a zombie
            if time.monotonic() > end or not procfs.is_alive(record.identity):
                return False
            time.sleep(_POLL_SECONDS)

    def stop(self, name: str, seconds: float = 10.0, *, keep_children: bool = False) -> bool:
        """End the part's process group, gently first; gives whether anything was alive."""
        record = self.record(name)
        if record is None:
            return False
        was_alive = end(lambda: self._owned(record, keep_children=keep_children), seconds)
        self._record_file(name).unlink(missing_ok=True)
        return was_alive

    @staticmethod
    def _owned(record: Record, *, keep_children: bool) -> list[int]:
        leader = record.identity
        if leader.boot != procfs.boot_id():
            return []
        if keep_children:
            return [leader.pid] if procfs.is_alive(leader) else []
        # A pid is not given out again while a process group of that number lives. So when the leader is gone the group
        # can only be ours, and when a process of that pid has another start time the group is someone else's.
        current = procfs.identity(leader.pid)
        if current is not None and current != leader:
            return []
        return procfs.group_members(leader.pid)

    def _end_strays(self, part: Part) -> None:
        """End what an earlier `up` left behind without a record, or what the part's dead process left behind."""

        def strays() -> list[int]:
            return [
                pid
                for pid in self.marked(part.name)
                if not part.keeps_children or procfs.argv(pid)[:1] == part.argv[:1]
            ]

        end(strays, part.stop_seconds)

    def marked(self, name: str | None = None) -> list[int]:
        """Living processes started by this platform (by its part `name`), children that keep the markers included."""
        home, own = str(self._folders.home), os.getpid()
        found: list[int] = []
        for pid in procfs.all_pids():
            if pid == own or procfs.started_with(pid, PLATFORM_MARKER) != home or procfs.identity(pid) is None:
                continue
            if name is None or procfs.started_with(pid, PART_MARKER) == name:
                found.append(pid)
        return found

    def names(self) -> list[str]:
        """The parts that were started and not stopped."""
        return sorted(file.stem for file in self._folders.run.glob("*.json"))

    def record(self, name: str) -> Record | None:
        try:
            content = json.loads(self._record_file(name).read_text())
            return Record(procfs.Identity(**content["identity"]), content["fingerprint"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def condition(self, part: Part) -> Condition:
        """How the part is, without touching it."""
        record = self.record(part.name)
        if record is None:
            return Condition(part.name, "stopped")
        if not procfs.is_alive(record.identity):
            return Condition(part.name, "dead", detail=f"see {self.log_file(part.name)}")
        reason = part.healthy()
        return Condition(
            part.name,
            "running" if reason is None else "unhealthy",
            record.identity.pid,
            procfs.uptime_seconds(record.identity),
            reason or "",
        )

    def _record_file(self, name: str) -> Path:
        return self._folders.run / f"{name}.json"

    def _save(self, name: str, record: Record) -> None:
        write_private(self._record_file(name), json.dumps(dataclasses.asdict(record)))

    @staticmethod
    def _last_lines(log_file: Path, offset: int, count: int = 15) -> str:
        with log_file.open("rb") as log:
            log.seek(offset)
            lines = log.read().decode(errors="replace").splitlines()
        return "".join(f"  | {line}\n" for line in lines[-count:])


def end(processes: Callable[[], Iterable[int]], seconds: float) -> bool:
    """Send SIGTERM to what `processes` finds, and SIGKILL to what it still finds after `seconds`.

    Gives whether there was anything. Raises PartError when something survives even SIGKILL for 10 s.
    """
    victims = list(processes())
    if not victims:
        return False
    _signal(victims, signal.SIGTERM)
    if _gone(processes, seconds):
        return True
    deadline = time.monotonic() + 10
    while left := list(processes()):
        _signal(left, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise PartError(f"processes {left} survive SIGKILL")
        time.sleep(_POLL_SECONDS)
    return True


def _gone(processes: Callable[[], Iterable[int]], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not list(processes()):
            return True
        time.sleep(_POLL_SECONDS)
    return not list(processes())


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
