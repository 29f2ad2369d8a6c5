"""The command: what it prints and its exit status."""

import json
from contextlib import nullcontext
from pathlib import Path

import pytest

from doctor import __main__ as command
from doctor.outputs import NotKnown
from doctor.stack import opened
from doctor.view import View
from kube.client import Unreachable
from tests.doctor import worlds
from tests.doctor.fakes import Gone

Printed = pytest.CaptureFixture[str]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> worlds.World:
    made = worlds.lambda_world()
    monkeypatch.setattr(command, "opened", lambda stack, config_file: nullcontext(made.view))
    return made


def test_a_sound_stack_is_0(world: worlds.World, capsys: Printed) -> None:
    assert command.main(["--stack", "dev"]) == 0
    assert capsys.readouterr().out.startswith("stack dev: every link holds\n")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"events describe_rule": Gone}, 2),
        ({"lambda get_function_concurrency": {"ReservedConcurrentExecutions": 0}}, 1),
    ],
)
def test_the_exit_status_tells_broken_from_about_to_break(
    world: worlds.World, answer: dict[str, object], status: int
) -> None:
    world.answers.update(answer)
    assert command.main(["--stack", "dev"]) == status


def test_a_stack_that_is_not_known_is_3_in_json_too(monkeypatch: pytest.MonkeyPatch, capsys: Printed) -> None:
    def unknown(stack: str, config_file: str | None) -> View:
        raise NotKnown(f"no stack named '{stack}' found", "pulumi stack ls")

    monkeypatch.setattr(command, "opened", unknown)
    assert command.main(["--stack", "dev", "--json"]) == 3
    assert json.loads(capsys.readouterr().out) == [
        {"name": "stack", "state": "unknown", "detail": "no stack named 'dev' found", "fix": "pulumi stack ls"}
    ]


def test_watching_looks_again_until_it_is_interrupted(
    world: worlds.World, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        world.answers["events describe_rule"] = Gone
        if len(waited) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(command.time, "sleep", sleep)
    assert command.main(["--stack", "dev", "--watch", "5"]) == 2
    assert waited == [5, 5]
    heads = [line for line in capsys.readouterr().out.splitlines() if line.startswith("stack dev: ")]
    assert [head.split(":")[1].strip() for head in heads] == [
        "every link holds",
        "function will break before the next refresh",
    ]


@pytest.mark.parametrize("arguments", [[], ["--stack", "dev", "--watch", "0"]])
def test_what_cannot_be_understood_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command.main(arguments)
    assert caught.value.code == 3


def test_a_cluster_without_a_usable_kubeconfig_leaves_aws_to_be_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = {"aws:region": {"value": "eu-central-1"}}
    answers = {"stack": json.dumps({"registries": [worlds.HOST]}), "config": json.dumps(config)}
    monkeypatch.setattr("doctor.stack.run_pulumi", lambda arguments: answers[arguments[0]])
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with opened("dev", None) as view, pytest.raises(Unreachable, match="no usable kubeconfig"):
        view.cluster.document("/version")
