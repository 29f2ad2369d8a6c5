"""What is read of a preview, what is refused, and what the command tells."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from policy import preview
from policy.resources import Mark
from policy.rules import RULES

ROOT = Path(__file__).resolve().parents[2]
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
QUEUE = "aws:sqs/queue:Queue"


def step(operation: str, name: str, kind: str = QUEUE, **inputs: Any) -> dict[str, Any]:
    urn = f"urn:pulumi:dev::everpull::{kind}::{name}"
    state = {"urn": urn, "type": kind, "inputs": inputs}
    return {"op": operation, "urn": urn, "oldState" if operation.startswith("delete") else "newState": state}


def document(*steps: dict[str, Any], **more: Any) -> str:
    return json.dumps({"steps": steps, "config": {"aws:region": "eu-central-1", "aws:secretKey": "[secret]"}, **more})


def test_what_stays_changes_and_comes_is_there_and_what_goes_is_not() -> None:
    operations = ("same", "update", "create", "import")
    stack = preview.read(document(*(step(name, name) for name in operations), step("delete", "gone")))
    assert [found.name for found in stack.resources] == list(operations)


def test_a_replaced_resource_is_there_once_and_as_it_will_be() -> None:
    steps = [step("create-replacement", "a", x=1), step("replace", "a", x=1), step("delete-replaced", "a", x=0)]
    (found,) = preview.read(document(*steps)).resources
    assert found.inputs == {"x": 1}


def test_secrets_and_what_is_not_known_are_marked_wherever_they_are() -> None:
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "x"}
    stack = preview.read(document(step("create", "a", deep=[{"x": UNKNOWN}, "[secret]"], signed=secret)))
    assert stack.resources[0].inputs == {"deep": [{"x": Mark.UNKNOWN}, Mark.SECRET], "signed": Mark.SECRET}
    assert stack.config == {"aws:region": "eu-central-1", "aws:secretKey": Mark.SECRET}


def test_components_have_no_inputs() -> None:
    component = step("create", "a", "everpull:index:Thing")
    del component["newState"]["inputs"]
    assert preview.read(document(component)).resources[0].inputs == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("error: no stack", "no JSON"),
        ('{"steps": [', "no JSON"),
        ("[]", "no steps"),
        (document(), "names no resource"),
        (document(step("delete", "a")), "names no resource"),
        (
            document(diagnostics=[{"severity": "error", "message": "<{%red%}>no<{%reset%}>\n"}]),
            "the preview failed: no$",
        ),
    ],
)
def test_what_is_no_preview_is_not_taken_for_a_good_one(text: str, problem: str) -> None:
    with pytest.raises(preview.NoPreview, match=problem):
        preview.read(text)


def test_a_warning_is_no_failure() -> None:
    text = document(step("create", "a"), diagnostics=[{"severity": "warning", "message": "a"}])
    assert preview.read(text).errors == []


def command(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "preview.json").write_text(text)
    arguments = [str(folder / "preview.json"), "--markdown", str(folder / "policy.md")]
    environment = {"PATH": os.environ["PATH"]}
    return subprocess.run(
        [sys.executable, "-m", "policy", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_violation_the_command_says_how_much_it_looked_at(tmp_path: Path) -> None:
    done = command(tmp_path, document(step("create", "a", sqsManagedSseEnabled=True)))
    assert (done.returncode, done.stdout) == (0, f"{len(RULES)} rules, 1 resources: no violation.\n")
    assert (tmp_path / "policy.md").read_text() == done.stdout


def test_a_violation_is_told_with_its_resource_and_fix_and_fails(tmp_path: Path) -> None:
    done = command(tmp_path, document(step("create", "a")))
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"encryption: {QUEUE} a: it keeps messages in plain text.",
        "  Set sqs_managed_sse_enabled to true, or kms_master_key_id.",
        f"{len(RULES)} rules, 1 resources: 1 violation of encryption.",
    ]
    assert f"| encryption | `{QUEUE} a` | `it keeps messages in plain text` |" in (tmp_path / "policy.md").read_text()


def test_what_could_not_be_looked_at_is_said(tmp_path: Path) -> None:
    kind = "aws:iam/rolePolicy:RolePolicy"
    done = command(tmp_path, document(step("create", "rights", kind, policy=UNKNOWN)))
    assert done.returncode == 0
    assert "Not known before the update, so not looked at: policy of rights." in done.stdout


def test_a_preview_with_errors_may_lack_resources_and_fails(tmp_path: Path) -> None:
    errors = [{"severity": "error", "message": "<{%red%}>error: no `luck`<{%reset%}>\n"}]
    done = command(tmp_path, document(step("create", "a", sqsManagedSseEnabled=True), diagnostics=errors))
    assert done.returncode == 2
    assert done.stdout.endswith("The preview told of an error, so resources may be missing: `error: no 'luck'`.\n")
    assert command(tmp_path, document(step("create", "a"), diagnostics=errors)).returncode == 1


def test_no_preview_is_neither_good_nor_bad(tmp_path: Path) -> None:
    done = command(tmp_path, "error: it failed")
    assert (done.returncode, done.stdout) == (2, "")
    assert "preview.json: it is no JSON" in done.stderr
    assert not (tmp_path / "policy.md").exists()


def test_a_name_is_text_in_markdown(tmp_path: Path) -> None:
    command(tmp_path, document(step("create", "a|`<img src=x>` @all")))
    assert f"| `{QUEUE} a/'<img src=x>' @all` |" in (tmp_path / "policy.md").read_text()
