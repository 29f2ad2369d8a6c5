"""The workflows' scripts, with `gh` and `pulumi` that write down what they are asked."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
COMMENT = ROOT / ".github" / "comment.sh"
LOCALLY = ROOT / ".github" / "locally.sh"
RUN = ROOT / ".github" / "actions" / "pulumi" / "run.sh"

# Asked for the comments, `gh` prints what --jq would leave of them: their ids.
GH = """#!/bin/sh
echo "$@" >> "$ASKED"
case "$*" in
*--paginate*) printf '%s' "$COMMENTS" ;;
*) cat > "$BODY" ;;
esac
"""
PULUMI = """#!/bin/sh
echo "$@" >> "$ASKED"
case "$*" in
"$FAILS"*) echo "it failed" >&2; exit 3 ;;
*--json*) printf '%s' "$PREVIEW" ;;
*) echo "+ create" ;;
esac
cat "$KUBECONFIG" >> "$ASKED"
echo "content: $KUBECONFIG_CONTENT" >> "$ASKED"
"""


def preview_of(**inputs: object) -> str:
    """What the engine tells programs of a stack with one queue."""
    urn = "urn:pulumi:dev::everpull::aws:sqs/queue:Queue::letters"
    state = {"urn": urn, "type": "aws:sqs/queue:Queue", "inputs": inputs}
    return json.dumps({"steps": [{"op": "create", "urn": urn, "newState": state}]})


GOOD, BAD = preview_of(sqsManagedSseEnabled=True), preview_of()


class Bench:
    """A folder with the program in it, and what it was asked."""

    def __init__(self, folder: Path, program: str, source: str) -> None:
        self.folder = folder
        (folder / program).write_text(source)
        (folder / program).chmod(0o755)

    def run(self, script: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "ASKED": str(self.folder / "asked"),
            "BODY": str(self.folder / "body"),
            **variables,
        }
        return subprocess.run([script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    @property
    def asked(self) -> list[str]:
        return (self.folder / "asked").read_text().splitlines()

    @property
    def body(self) -> str:
        return (self.folder / "body").read_text()


@pytest.fixture
def github(tmp_path: Path) -> Bench:
    return Bench(tmp_path, "gh", GH)


@pytest.fixture
def pulumi(tmp_path: Path) -> Bench:
    return Bench(tmp_path, "pulumi", PULUMI)


def comment(github: Bench, text: str | None = "+ create\n", comments: str = "", **files: str) -> None:
    told = {"pulumi.txt": text, **{f"{name}.md": content for name, content in files.items()}}
    for name, content in told.items():
        if content is not None:
            (github.folder / name).write_text(content)
    variables = {
        "STACK": "dev",
        "FOLDER": str(github.folder),
        "OUTCOME": "success",
        "REPOSITORY": "acme/everpull",
        "PULL_REQUEST": "7",
        "COMMENTS": comments,
    }
    done = github.run(COMMENT, variables)
    assert done.returncode == 0, done.stderr


def test_a_first_preview_makes_a_comment(github: Bench) -> None:
    comment(github)
    assert github.asked[-1] == "api --silent --method POST repos/acme/everpull/issues/7/comments --field body=@-"
    assert github.body.startswith("<!-- everpull preview dev -->\n### Preview of `dev`: success\n")
    assert "diff\n+ create\n```" in github.body


def test_a_later_preview_changes_its_own_comment(github: Bench) -> None:
    comment(github, comments="41\n42\n")
    assert github.asked[-1] == "api --silent --method PATCH repos/acme/everpull/issues/comments/41 --field body=@-"


def test_its_own_comment_is_looked_for_among_all_by_author_and_stack(github: Bench) -> None:
    comment(github)
    assert "--paginate" in github.asked[0]
    assert json.dumps("github-actions[bot]") in github.asked[0]
    assert json.dumps("<!-- everpull preview dev -->") in github.asked[0]


def test_a_long_diff_is_cut_to_what_github_takes_and_says_so(github: Bench) -> None:
    comment(github, text="x" * 70_000)
    assert len(github.body) < 65_536
    assert "Cut after 50000 characters" in github.body


def test_a_diff_cannot_end_its_own_block(github: Bench) -> None:
    comment(github, text=f"a\n{'`' * 12}\n<script>\n")
    assert github.body.count("`" * 12) == 2


def test_text_of_a_diff_is_not_run(github: Bench) -> None:
    comment(github, text="$(touch run) `touch run` ${HOME}\n")
    assert "$(touch run) `touch run` ${HOME}" in github.body


@pytest.mark.parametrize("text", ["", None])
def test_a_job_that_stops_before_pulumi_says_where_to_look(github: Bench, text: str | None) -> None:
    comment(github, text=text)
    for told in ("Nothing was previewed", "Not looked at", "Not estimated"):
        assert f"{told}; the job's log says why." in github.body


def test_policies_and_cost_follow_the_diff(github: Bench) -> None:
    comment(github, policy="| rule |\n|---|\n| `x` |\n\n1 violation.\n", costs="About $0.42 a month.\n")
    _, after = github.body.split("</details>")
    assert "#### Policies\n\n| rule |\n|---|\n| `x` |\n\n1 violation.\n" in after
    assert "#### Estimated cost\n\nAbout $0.42 a month.\n" in after


def test_many_violations_are_cut_at_a_lines_end_and_leave_room_for_the_rest(github: Bench) -> None:
    row = "| " + "x" * 90 + " |\n"
    comment(github, text="x" * 70_000, policy=row * 200, costs="About $0.42 a month.\n")
    assert len(github.body) < 65_536
    rows = [line for line in github.body.splitlines() if line.startswith("| ")]
    assert set(rows) == {row.strip()}
    assert "Cut after 10000 characters" in github.body
    assert github.body.rstrip().endswith("About $0.42 a month.")


def run(pulumi: Bench, command: str, fails: str = "none", preview: str = GOOD) -> subprocess.CompletedProcess[str]:
    variables = {
        "COMMAND": command,
        "STACK": "dev",
        "RUNNER_TEMP": str(pulumi.folder),
        "KUBECONFIG_CONTENT": "kind: Config",
        "FAILS": fails,
        "PREVIEW": preview,
    }
    return pulumi.run(RUN, variables)


def test_the_stack_is_named_and_nothing_is_asked(pulumi: Bench) -> None:
    assert run(pulumi, "preview").returncode == 0
    flags = "--stack dev --non-interactive --color never"
    assert f"preview {flags} --diff --suppress-progress" in pulumi.asked
    assert f"preview {flags} --json --show-sames" in pulumi.asked
    assert not any(line.startswith("up") for line in pulumi.asked)


def test_a_deployment_is_confirmed_and_previews_nothing(pulumi: Bench) -> None:
    assert run(pulumi, "up").returncode == 0
    assert "up --stack dev --diff --yes --non-interactive --color never --suppress-progress" in pulumi.asked
    assert not any(line.startswith("preview") for line in pulumi.asked)


@pytest.mark.parametrize("command", ["preview", "up"])
def test_the_kubeconfig_is_a_file_for_pulumi_alone_and_goes_afterwards(pulumi: Bench, command: str) -> None:
    run(pulumi, command)
    assert "kind: Config" in pulumi.asked
    assert "content: " in pulumi.asked
    assert not (pulumi.folder / "kubeconfig").exists()


@pytest.mark.parametrize("fails", ["install", "preview"])
def test_a_failure_is_the_scripts_own(pulumi: Bench, fails: str) -> None:
    assert run(pulumi, "preview", fails).returncode == 3
    assert not (pulumi.folder / "kubeconfig").exists()


def test_what_a_failed_preview_says_is_kept_for_the_comment_and_nothing_of_an_earlier_one(pulumi: Bench) -> None:
    run(pulumi, "preview")
    assert {path.name for path in pulumi.folder.glob("*.md")} == {"policy.md", "costs.md"}
    run(pulumi, "preview", "preview")
    assert (pulumi.folder / "pulumi.txt").read_text() == "it failed\n"
    assert list(pulumi.folder.glob("*.md")) == []


def test_a_broken_rule_fails_the_job_and_is_kept_for_the_comment_with_the_cost(pulumi: Bench) -> None:
    done = run(pulumi, "preview", preview=BAD)
    assert done.returncode == 1
    assert "encryption: aws:sqs/queue:Queue letters: it keeps messages in plain text." in done.stdout
    assert "| encryption |" in (pulumi.folder / "policy.md").read_text()
    assert "a month in mode `lambda`" in (pulumi.folder / "costs.md").read_text()


def test_a_preview_that_says_nothing_to_programs_fails_the_job(pulumi: Bench) -> None:
    done = run(pulumi, "preview", preview="")
    assert done.returncode == 2
    assert "it is no JSON" in done.stderr


def test_a_second_preview_that_fails_says_why(pulumi: Bench) -> None:
    (pulumi.folder / "pulumi").write_text(
        PULUMI.replace("*--json*) printf '%s' \"$PREVIEW\" ;;", "*--json*) exit 4 ;;")
    )
    done = run(pulumi, "preview")
    assert done.returncode != 0
    assert "policy: " in done.stderr


def test_other_commands_are_refused(pulumi: Bench) -> None:
    assert run(pulumi, "destroy").returncode == 2
    assert not (pulumi.folder / "asked").exists()


@pytest.mark.parametrize(("preview", "outcome", "status"), [(GOOD, "success", 0), (BAD, "failure", 1)])
def test_locally_the_comment_is_all_of_stdout(pulumi: Bench, preview: str, outcome: str, status: int) -> None:
    (pulumi.folder / "config").write_text("kind: Config\n")
    temporary = pulumi.folder / "temporary"
    temporary.mkdir()
    variables = {"STACK": "dev", "PREVIEW": preview, "FAILS": "none", "KUBECONFIG": str(pulumi.folder / "config")}
    done = pulumi.run(LOCALLY, {**variables, "TMPDIR": str(temporary)})
    assert done.returncode == status
    assert done.stdout.startswith(f"<!-- everpull preview dev -->\n### Preview of `dev`: {outcome}\n")
    assert ("| encryption |" in done.stdout) == bool(status)
    assert "a month in mode `lambda`" in done.stdout
    assert list(temporary.iterdir()) == []
