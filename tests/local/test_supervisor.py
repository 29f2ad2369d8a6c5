"""The supervisor with real processes."""

import dataclasses
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from local import procfs
from local.paths import Paths
from local.supervisor import Part, PartError, Record, Supervisor, end

# Says on what it is told to that it is ready, then waits; with a child of its own where a fourth argument is given.
_PROGRAM = """
import pathlib, signal, subprocess, sys, time
if len(sys.argv) > 2:
    child = subprocess.Popen(["sleep", "600"])
    pathlib.Path(sys.argv[2]).write_text(str(child.pid))
pathlib.Path(sys.argv[1]).write_text("ready")
time.sleep(600)
"""


def make_part(folders: Paths, *more: str, **changes: object) -> Part:
    ready = folders.data / "ready"

    def healthy() -> str | None:
        return None if ready.exists() and ready.read_text() else "not ready"

    part = Part("sleeper", (sys.executable, "-c", _PROGRAM, str(ready), *more), healthy, start_seconds=20)
    return dataclasses.replace(part, **changes)  # pyright: ignore[reportArgumentType]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.02)


def pid_of(supervisor: Supervisor, name: str = "sleeper") -> int:
    record = supervisor.record(name)
    assert record is not None
    return record.identity.pid


def test_a_part_that_runs_is_kept(supervisor: Supervisor, folders: Paths) -> None:
    part = make_part(folders)
    assert supervisor.ensure(part) == "started"
    pid = pid_of(supervisor)
    assert supervisor.ensure(part) == "kept"
    assert pid_of(supervisor) == pid


def test_a_killed_part_is_started_again(supervisor: Supervisor, folders: Paths) -> None:
    part = make_part(folders)
    supervisor.ensure(part)
    pid = pid_of(supervisor)
    os.kill(pid, signal.SIGKILL)
    until(lambda: procfs.identity(pid) is None)
    assert supervisor.condition(part).state == "dead"
    assert supervisor.ensure(part) == "started"
    assert pid_of(supervisor) != pid
    assert supervisor.condition(part).state == "running"


def test_what_a_killed_part_left_behind_is_ended_before_the_next_start(supervisor: Supervisor, folders: Paths) -> None:
    child_file = folders.data / "child"
    part = make_part(folders, str(child_file))
    supervisor.ensure(part)
    child = int(child_file.read_text())
    os.kill(pid_of(supervisor), signal.SIGKILL)
    until(lambda: procfs.identity(pid_of(supervisor)) is None)
    assert procfs.identity(child) is not None
    supervisor.ensure(part)
    assert procfs.identity(child) is None


def test_children_that_are_to_be_kept_survive_a_restart_of_their_part(supervisor: Supervisor, folders: Paths) -> None:
    child_file = folders.data / "child"
    part = make_part(folders, str(child_file), keeps_children=True, environment={"PATH": os.defpath})
    supervisor.ensure(part)
    child = int(child_file.read_text())
    changed = dataclasses.replace(part, environment={"PATH": os.defpath, "CHANGED": "1"})
    assert supervisor.ensure(changed) == "restarted"
    assert procfs.identity(child) is not None
    end(lambda: [child] if procfs.identity(child) else [], 1)


def test_a_changed_environment_restarts_the_part(supervisor: Supervisor, folders: Paths) -> None:
    part = make_part(folders)
    supervisor.ensure(part)
    pid = pid_of(supervisor)
    assert supervisor.ensure(dataclasses.replace(part, environment={"CHANGED": "1"})) == "restarted"
    assert procfs.identity(pid) is None


def test_a_changed_input_file_restarts_the_part(supervisor: Supervisor, folders: Paths) -> None:
    config = folders.kube / "config"
    config.write_text("one")
    part = make_part(folders, inputs=(config,))
    supervisor.ensure(part)
    assert supervisor.ensure(part) == "kept"
    config.write_text("two")
    assert supervisor.ensure(part) == "restarted"


def test_a_part_that_ends_at_once_is_an_error_with_its_last_words(supervisor: Supervisor, folders: Paths) -> None:
    argv = (sys.executable, "-c", "import sys; print('no such flag'); sys.exit(3)")
    with pytest.raises(PartError, match=r"(?s)sleeper ended with status 3.*no such flag"):
        supervisor.ensure(make_part(folders, argv=argv))


def test_a_part_that_stays_unhealthy_is_an_error_with_the_reason(supervisor: Supervisor, folders: Paths) -> None:
    part = make_part(folders, healthy=lambda: "still thinking", start_seconds=0.5)
    with pytest.raises(PartError, match="sleeper is not healthy: still thinking"):
        supervisor.ensure(part)


def test_a_reused_pid_is_neither_taken_for_the_part_nor_ended(supervisor: Supervisor, folders: Paths) -> None:
    part = make_part(folders)
    supervisor.ensure(part)
    known = supervisor.record("sleeper")
    assert known is not None
    # As if another process, started later, had been given the pid.
    other = Record(dataclasses.replace(known.identity, started=known.identity.started - 1), known.fingerprint)
    supervisor._save("sleeper", other)
    assert supervisor.condition(part).state == "dead"
    assert supervisor.stop("sleeper") is False
    assert procfs.is_alive(known.identity)
    end(lambda: supervisor.marked("sleeper"), 1)


def test_a_record_of_an_earlier_boot_names_nobody(supervisor: Supervisor, folders: Paths) -> None:
    part = make_part(folders)
    supervisor.ensure(part)
    known = supervisor.record("sleeper")
    assert known is not None
    supervisor._save("sleeper", Record(dataclasses.replace(known.identity, boot="another"), known.fingerprint))
    assert supervisor.stop("sleeper") is False
    assert procfs.is_alive(known.identity)
    end(lambda: supervisor.marked("sleeper"), 1)


def test_stopping_ends_the_whole_group(supervisor: Supervisor, folders: Paths) -> None:
    child_file = folders.data / "child"
    supervisor.ensure(make_part(folders, str(child_file)))
    pid, child = pid_of(supervisor), int(child_file.read_text())
    assert supervisor.stop("sleeper") is True
    assert procfs.identity(pid) is None
    assert procfs.identity(child) is None
    assert supervisor.names() == []


def test_the_group_of_a_dead_leader_is_ended_too(supervisor: Supervisor, folders: Paths) -> None:
    child_file = folders.data / "child"
    supervisor.ensure(make_part(folders, str(child_file)))
    pid, child = pid_of(supervisor), int(child_file.read_text())
    os.kill(pid, signal.SIGKILL)
    until(lambda: procfs.identity(pid) is None)
    assert supervisor.stop("sleeper") is True
    assert procfs.identity(child) is None


def test_a_process_that_ignores_sigterm_is_killed(supervisor: Supervisor, folders: Paths) -> None:
    program = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + _PROGRAM
    ready = str(folders.data / "ready")
    supervisor.ensure(make_part(folders, argv=(sys.executable, "-c", program, ready)))
    pid = pid_of(supervisor)
    assert supervisor.stop("sleeper", seconds=0.3) is True
    assert procfs.identity(pid) is None


def test_a_process_without_a_record_is_ended_before_the_part_is_started(supervisor: Supervisor, folders: Paths) -> None:
    part = make_part(folders)
    supervisor.ensure(part)
    pid = pid_of(supervisor)
    # As if `up` had been killed between starting it and writing its record.
    (folders.run / "sleeper.json").unlink()
    supervisor.ensure(part)
    assert procfs.identity(pid) is None
    assert supervisor.marked("sleeper") == [pid_of(supervisor)]


def test_nothing_of_the_callers_environment_reaches_a_part(
    supervisor: Supervisor, folders: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a person's own")
    supervisor.ensure(make_part(folders))
    assert procfs.started_with(pid_of(supervisor), "AWS_SECRET_ACCESS_KEY") is None


def test_other_platforms_processes_are_not_found_by_the_markers(
    supervisor: Supervisor, folders: Paths, tmp_path: Path
) -> None:
    supervisor.ensure(make_part(folders))
    other = Paths(tmp_path / "other")
    other.make()
    assert Supervisor(other).marked() == []
