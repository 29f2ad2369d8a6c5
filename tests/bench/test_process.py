"""One run is one cold process, charged with what it took itself, and it sees a pod's service account."""

import sys
import time
from pathlib import Path

import pytest

from bench import process
from bench.errors import BenchError
from bench.subjects import Subject, write_service_account
from local import procfs

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
MIB = 1024 * 1024


@pytest.fixture
def account(tmp_path: Path) -> Path:
    return write_service_account(tmp_path / "account", "canary-token", "authority")


def subject(account: Path, program: str, **environment: str) -> Subject:
    return Subject("sample", "none", (sys.executable, "-I", "-S", "-c", program), environment, account)


def test_the_process_finds_its_account_where_a_pod_does_and_the_machine_is_left_alone(
    account: Path, tmp_path: Path
) -> None:
    program = f"import pathlib; print(*sorted((f.name, f.read_text()) for f in pathlib.Path('{ACCOUNT}').iterdir()))"
    process.run(subject(account, program), tmp_path)
    assert (tmp_path / "sample.log").read_text() == (
        "('ca.crt', 'authority') ('namespace', 'everpull-bench') ('token', 'canary-token')\n"
    )
    theirs = ACCOUNT / "token"
    assert not theirs.exists() or theirs.read_text() != "canary-token"


def test_an_account_is_its_owners_alone(account: Path) -> None:
    assert {file.stat().st_mode & 0o777 for file in account.iterdir()} == {0o600}


def test_the_process_has_the_environment_it_was_given_and_no_other(account: Path, tmp_path: Path) -> None:
    process.run(subject(account, "import os; print(sorted(os.environ))", ONE="1", LC_ALL="C"), tmp_path)
    assert (tmp_path / "sample.log").read_text() == "['LC_ALL', 'ONE']\n"


def test_memory_is_the_programs_own_peak_whatever_its_parent_holds(account: Path, tmp_path: Path) -> None:
    ballast = bytearray(300 * MIB)
    ballast[::4096] = b"x" * len(ballast[::4096])
    small = process.run(subject(account, "pass"), tmp_path)
    large = process.run(subject(account, f"x = bytearray(b'x') * {200 * MIB}; del x"), tmp_path)
    assert small.memory < 30 * MIB
    assert 200 * MIB < large.memory < 240 * MIB


def test_cpu_is_the_programs_own_and_waiting_is_wall_time_alone(account: Path, tmp_path: Path) -> None:
    waiting = process.run(subject(account, "import time; time.sleep(1.5)"), tmp_path)
    working = "import time\nwhile time.process_time() < 1.5: pass"
    busy = process.run(subject(account, working), tmp_path)
    assert waiting.wall >= 1.5 > waiting.cpu
    assert busy.cpu >= 1.5


def test_a_program_that_fails_gives_no_figure(account: Path, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"sample ended with status 3; see .*sample\.log"):
        process.run(subject(account, "raise SystemExit(3)"), tmp_path)
    with pytest.raises(BenchError, match="sample ended with status -9"):
        process.run(subject(account, "import os; os.kill(os.getpid(), 9)"), tmp_path)


def test_a_program_that_is_missing_gives_no_figure(account: Path, tmp_path: Path) -> None:
    missing = Subject("sample", "none", ("/nowhere/program",), {}, account)
    with pytest.raises(BenchError, match="sample could not be started"):
        process.run(missing, tmp_path)


def test_a_program_that_hangs_is_ended(account: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_LONGEST_SECONDS", 2.0)
    program = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with pytest.raises(BenchError, match="did not end within 2 s"):
        process.run(subject(account, program), tmp_path)
    pid = int((tmp_path / "sample.log").read_text())
    end = time.monotonic() + 30
    while procfs.identity(pid) and time.monotonic() < end:
        time.sleep(0.02)
    assert procfs.identity(pid) is None
