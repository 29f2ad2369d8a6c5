"""What the Pulumi CLI is asked, and what is made of its answers."""

import json
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from doctor.outputs import NotKnown, read_outputs, read_settings, run_pulumi


def cli(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A `pulumi` that is a shell script."""
    program = folder / "pulumi"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_without_the_cli_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotKnown, match="the Pulumi CLI is not installed") as caught:
        run_pulumi(["stack", "output"])
    assert "install" in caught.value.fix


@pytest.mark.parametrize(
    ("said", "text", "fix"),
    [
        (
            "error: PULUMI_ACCESS_TOKEN must be set for login during non-interactive CLI sessions",
            "PULUMI_ACCESS_TOKEN must be set",
            "pulumi login",
        ),
        ("error: no stack named 'dev' found", "no stack named 'dev' found", "pulumi stack ls"),
        (
            "error: constructing secrets manager: passphrase must be set with PULUMI_CONFIG_PASSPHRASE",
            "passphrase must be set",
            "PULUMI_CONFIG_PASSPHRASE_FILE",
        ),
        ("error: out of luck", "pulumi stack failed: out of luck", "pulumi stack output"),
    ],
)
def test_what_the_cli_refuses_is_said_with_the_next_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str, text: str, fix: str
) -> None:
    cli(tmp_path, monkeypatch, f"echo {json.dumps(said)} >&2; exit 255")
    with pytest.raises(NotKnown) as caught:
        run_pulumi(["stack", "output"])
    assert text in str(caught.value)
    assert fix in caught.value.fix


def test_the_cli_is_asked_with_the_callers_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cli(tmp_path, monkeypatch, 'echo "$SOMETHING $*"')
    monkeypatch.setenv("SOMETHING", "theirs")
    assert run_pulumi(["whoami"]) == "theirs whoami --non-interactive\n"


def test_a_stack_without_outputs_is_not_deployed() -> None:
    with pytest.raises(NotKnown, match="it is not deployed") as caught:
        read_outputs("dev", lambda _: "{}")
    assert caught.value.fix == "pulumi up --stack dev"


class Configured:
    """A CLI that knows a configuration."""

    def __init__(self, **entries: object) -> None:
        self.entries = entries
        self.asked: list[Sequence[str]] = []

    def __call__(self, arguments: Sequence[str]) -> str:
        self.asked.append(arguments)
        return "kept-context\n" if arguments[1] == "get" else json.dumps(self.entries)


def test_settings_are_those_of_the_stack() -> None:
    run = Configured(
        **{
            "aws:region": {"value": "eu-central-1"},
            "everpull:namespaces": {"value": '["team-a"]', "objectValue": ["team-a"]},
        }
    )
    settings = read_settings("org/everpull/dev", "other.yaml", run)
    assert (settings.stack, settings.namespaces, settings.owner) == ("dev", ("team-a",), "everpull-dev")
    assert run.asked == [["config", "--json", "--stack", "org/everpull/dev", "--config-file", "other.yaml"]]


def test_what_decides_where_to_look_is_decrypted_and_nothing_else() -> None:
    run = Configured(
        **{
            "aws:region": {"value": "eu-central-1"},
            "kubernetes:context": {"secret": True},
            "everpull:pullSecretName": {"secret": True},
        }
    )
    settings = read_settings("dev", None, run)
    assert settings.cluster.context == "kept-context"
    assert [asked[2] for asked in run.asked if asked[1] == "get"] == ["kubernetes:context"]


def test_a_configuration_that_is_not_sound_is_told_of() -> None:
    with pytest.raises(NotKnown, match="everpull:mode"):
        read_settings("dev", None, Configured(**{"everpull:mode": {"value": "lamda"}}))
