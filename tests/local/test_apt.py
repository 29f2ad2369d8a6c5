"""Missing system packages: installed, or told about in one message."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local import apt
from local.apt import MissingPackagesError, Package


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without two packages, which appear as soon as a file does."""
    witness = tmp_path / "installed"
    packages = (
        Package("etcd-server", str(witness)),
        Package("containerd", str(witness), for_node=True),
        Package("sh", "sh"),
    )
    monkeypatch.setattr(apt, "PACKAGES", packages)
    return witness


def test_one_message_lists_everything_missing_and_what_to_run(lacking: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingPackagesError) as caught:
        apt.ensure(node=True, log_file=tmp_path / "log", may_install=False)
    assert str(caught.value) == (
        f"missing on this machine: {lacking} (etcd-server), {lacking} (containerd)\n"
        "on Debian or Ubuntu run: sudo apt-get update && "
        "sudo apt-get install --no-install-recommends etcd-server containerd\n"
        "elsewhere install these programs by your system's own means"
    )


def test_without_a_node_its_packages_are_not_asked_for(lacking: Path) -> None:
    assert [package.name for package in apt.missing(node=False)] == ["etcd-server"]


def test_a_node_that_lacks_programs_is_given_up_with_their_names(
    lacking: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apt, "can_install", lambda: False)
    assert apt.node_obstacle() == f"missing on this machine: {lacking} (containerd)"
    monkeypatch.setattr(apt, "can_install", lambda: True)
    assert apt.node_obstacle() == ""


def test_what_a_node_would_need_is_in_the_message_too(lacking: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingPackagesError, match=r"\(etcd-server\), .*\(containerd\)"):
        apt.ensure(node=False, log_file=tmp_path / "log", may_install=False)


def test_lists_are_updated_before_all_that_is_missing_is_installed(lacking: Path, tmp_path: Path) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], log_file: Path) -> int:
        commands.append(command)
        if "install" in command:
            lacking.touch()
        return 0

    done = apt.ensure(node=True, log_file=tmp_path / "log", run=run, may_install=True)
    assert done == "installed etcd-server containerd"
    assert [command[-1] for command in commands] == ["update", "containerd"]
    assert apt.ensure(node=True, log_file=tmp_path / "log", run=run, may_install=True) == "kept"
    assert len(commands) == 2


def test_a_failed_installation_is_told_with_apts_own_words(lacking: Path, tmp_path: Path) -> None:
    def run(command: list[str], log_file: Path) -> int:
        log_file.write_text("E: Could not resolve\n")
        return 100

    with pytest.raises(MissingPackagesError, match=r"(?s)ended with status 100.*E: Could not resolve"):
        apt.ensure(node=True, log_file=tmp_path / "log", run=run, may_install=True)


def test_a_package_that_does_not_bring_its_program_is_an_error(lacking: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingPackagesError, match="yet there is still no"):
        apt.ensure(node=True, log_file=tmp_path / "log", run=lambda command, log_file: 0, may_install=True)


def test_a_package_that_the_platform_does_without_is_installed_by_itself(tmp_path: Path) -> None:
    def run(command: list[str], log_file: Path) -> int:
        (tmp_path / "tool").touch()
        return 0

    assert apt.install([Package("tool", str(tmp_path / "tool"))], tmp_path / "log", run) == "installed tool"


def test_two_processes_install_one_after_the_other(tmp_path: Path) -> None:
    running: list[str] = []

    def run(command: list[str], log_file: Path) -> int:
        running.append(command[0])
        assert len(running) == 1, "apt-get gives up where another one holds its lists"
        time.sleep(0.1)
        if "install" in command:
            (tmp_path / "tool").touch()
        running.pop()
        return 0

    tool = [Package("tool", str(tmp_path / "tool"))]
    with ThreadPoolExecutor(2) as pool:
        said = [pool.submit(apt.install, tool, tmp_path / "log", run) for _ in range(2)]
        assert sorted(each.result() for each in said) == ["installed tool", "kept"]
