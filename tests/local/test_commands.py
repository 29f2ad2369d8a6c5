"""`python -m local` where there is nothing to do, or something is in the way."""

import fcntl
from pathlib import Path

import pytest

from local.__main__ import main
from local.paths import Paths


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EVERPULL_LOCAL_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.mark.parametrize("command", ["status", "env"])
def test_without_a_platform_the_answer_is_what_to_run(
    command: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command]) == 1
    assert "run `python -m local up` first" in capsys.readouterr().err


def test_there_is_nothing_to_take_down_where_nothing_was_brought_up(home: Path) -> None:
    assert main(["down"]) == 0
    assert not home.exists()


@pytest.mark.parametrize("command", ["up", "down"])
def test_two_commands_do_not_change_the_platform_at_once(
    command: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = Paths(home)
    folders.make()
    with (folders.run / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert main([command]) == 1
    assert f"is changing the platform in {home}" in capsys.readouterr().err


def test_a_log_is_shown_and_an_unknown_one_answered_with_those_there_are(
    home: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    folders = Paths(home)
    folders.make()
    (folders.log / "etcd.log").write_bytes(b"one\n\xff\n")
    assert main(["logs", "etcd"]) == 0
    assert capsysbinary.readouterr().out == b"one\n\xff\n"
    assert main(["logs", "ectd"]) == 1
    assert capsysbinary.readouterr().err == b"no log 'ectd'; there are: etcd\n"


def test_a_state_folder_of_another_user_is_told_as_such(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(folders: Paths) -> None:
        raise PermissionError(13, "Permission denied", str(home))

    monkeypatch.setattr(Paths, "make", refuse)
    assert main(["up"]) == 1
    assert "Did another user bring this platform up?" in capsys.readouterr().err
