"""What the CronJob's environment and arguments may say, and what is refused."""

from pathlib import Path

import pytest
from refresher.command import Command, read_command
from refresher.errors import ConfigurationError
from refresher.wanted import Wanted

from tests.refresher.fakes import CANARY, FRANKFURT, VIRGINIA, registries
from tests.refresher.secrets import targets, targets_file


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    file = tmp_path / "targets.json"
    file.write_text(targets_file("team-a"))
    return {"EVERPULL_REGISTRIES": f"{FRANKFURT},{VIRGINIA}", "EVERPULL_TARGETS": str(file)}


def faults(arguments: list[str], environment: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read_command(arguments, environment)
    return str(caught.value)


def test_no_argument_is_a_plain_refresh(environment: dict[str, str]) -> None:
    expected = Command(Wanted(registries(FRANKFURT, VIRGINIA), {}), targets("team-a"), False, "unspecified", 0)
    assert read_command([], environment) == expected


def test_every_argument_is_taken_over(environment: dict[str, str]) -> None:
    given = ["--force", "--await-rights", "90", "--reason", "first run", "--images-may-fail"]
    made = read_command(given, environment)
    assert (made.force, made.await_rights_seconds, made.reason) == (True, 90, "first run")
    assert made.images_may_fail


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--unknown"], "unrecognized arguments: --unknown"),
        (["more"], "unrecognized arguments: more"),
        (["--await-rights"], "argument --await-rights: expected one argument"),
        (["--await-rights", "soon"], "argument --await-rights: invalid int value: 'soon'"),
        (["--await-rights", "-1"], "--await-rights must be a whole number from 0 to 900"),
        (["--await-rights", "901"], "--await-rights must be a whole number from 0 to 900"),
        (["--reason", "x" * 201], "--reason must be text of at most 200 characters"),
    ],
)
def test_a_faulty_argument_is_refused(environment: dict[str, str], arguments: list[str], fault: str) -> None:
    assert faults(arguments, environment) == fault


def test_all_faults_of_the_environment_are_listed_at_once() -> None:
    assert faults(["--await-rights", "-1"], {"EVERPULL_REGISTRIES": "docker.io"}).split("; ") == [
        "--await-rights must be a whole number from 0 to 900",
        "EVERPULL_REGISTRIES: 'docker.io' is not the host of a private ECR registry (ACCOUNT.dkr.ecr.REGION.amazonaws.com)",
        "EVERPULL_TARGETS is not set",
        "it names the file that lists the namespaces",
    ]


def test_a_file_that_cannot_be_read_is_refused_by_the_kind_of_failure(environment: dict[str, str]) -> None:
    path = Path(environment["EVERPULL_TARGETS"])
    path.write_bytes(b"\xff" + CANARY.encode())
    assert faults([], environment) == "EVERPULL_TARGETS names a file that can't be read (UnicodeDecodeError)"
    path.unlink()
    assert faults([], environment) == "EVERPULL_TARGETS names a file that can't be read (FileNotFoundError)"


def test_a_file_that_says_nothing_useful_is_refused(environment: dict[str, str]) -> None:
    Path(environment["EVERPULL_TARGETS"]).write_text("{}")
    assert faults([], environment).count("EVERPULL_TARGETS: ") == 3
