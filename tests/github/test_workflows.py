"""What the workflows promise in docs/github.md and no linter checks."""

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
STACKS = ("dev", "staging", "prod")


def read(name: str) -> Any:
    # YAML 1.1 takes the key `on` for a boolean.
    document = yaml.safe_load((ROOT / ".github" / name).read_text(encoding="utf-8"))
    return {("on" if key is True else key): value for key, value in document.items()}


@pytest.fixture
def preview() -> Any:
    return read("workflows/preview.yml")


@pytest.fixture
def deploy() -> Any:
    return read("workflows/deploy.yml")


def test_no_workflow_runs_with_the_rights_of_the_target_branch() -> None:
    for path in (ROOT / ".github" / "workflows").iterdir():
        assert not {"pull_request_target", "workflow_run"} & set(read(f"workflows/{path.name}")["on"]), path.name


def test_forks_get_no_preview(preview: Any) -> None:
    assert "github.event.pull_request.head.repo.full_name == github.repository" in preview["jobs"]["preview"]["if"]


def test_each_stack_is_previewed_in_an_environment_of_its_own(preview: Any) -> None:
    job = preview["jobs"]["preview"]
    assert job["strategy"] == {"fail-fast": False, "matrix": {"stack": list(STACKS)}}
    assert job["environment"] == "preview-${{ matrix.stack }}"
    assert job["permissions"] == {"contents": "read", "id-token": "write", "pull-requests": "write"}


def test_a_preview_only_previews(preview: Any) -> None:
    used = [
        step["with"]["command"] for step in preview["jobs"]["preview"]["steps"] if "command" in step.get("with", {})
    ]
    assert used == ["preview"]


def test_stacks_are_deployed_one_after_the_other_in_their_own_environments(deploy: Any) -> None:
    jobs = deploy["jobs"]
    assert [(name, job.get("needs"), job["environment"]) for name, job in jobs.items()] == [
        ("dev", None, "dev"),
        ("staging", "dev", "staging"),
        ("prod", "staging", "prod"),
    ]
    for name, job in jobs.items():
        assert [step["with"]["stack"] for step in job["steps"] if "stack" in step.get("with", {})] == [name]


def test_every_stack_has_a_configuration() -> None:
    for stack in STACKS:
        assert (ROOT / f"Pulumi.{stack}.yaml").is_file()


def test_the_engine_is_of_the_release_of_the_pinned_sdk() -> None:
    steps = read("actions/pulumi/action.yml")["runs"]["steps"]
    (version,) = [step["with"]["pulumi-version"] for step in steps if "pulumi-version" in step.get("with", {})]
    assert f"pulumi=={version}" in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()


def test_every_job_says_what_it_may_do_and_for_how_long() -> None:
    for path in (ROOT / ".github" / "workflows").iterdir():
        workflow = read(f"workflows/{path.name}")
        assert workflow["permissions"] == {}, path.name
        for name, job in workflow["jobs"].items():
            assert job["permissions"]["contents"] == "read", name
            assert job["timeout-minutes"] <= 90, name
