"""The workflows' scripts, with `gh` and `pulumi` that write down what they are asked."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
COMMENT = ROOT / ".github" / "comment.sh"
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
if [ "$1" = "$FAILS" ]; then echo "it failed" >&2; exit 3; fi
echo "+ create"
cat "$KUBECONFIG" >> "$ASKED"
echo "content: $KUBECONFIG_CONTENT" >> "$ASKED"
"""


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
        return subprocess.run([script], env=environment, capture_output=True, text=True, check=False)

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


def comment(github: Bench, text: str | None = "+ create\n", comments: str = "") -> None:
    file = github.folder / "pulumi.txt"
    if text is not None:
        file.write_text(text)
    variables = {
        "STACK": "dev",
        "FILE": str(file),
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
    assert "Cut after 60000 characters" in github.body


def test_a_diff_cannot_end_its_own_block(github: Bench) -> None:
    comment(github, text=f"a\n{'`' * 12}\n<script>\n")
    assert github.body.count("`" * 12) == 2


def test_text_of_a_diff_is_not_run(github: Bench) -> None:
    comment(github, text="$(touch run) `touch run` ${HOME}\n")
    assert "$(touch run) `touch run` ${HOME}" in github.body


@pytest.mark.parametrize("text", ["", None])
def test_a_job_that_stops_before_pulumi_says_where_to_look(github: Bench, text: str | None) -> None:
    comment(github, text=text)
    assert "Nothing was previewed; the job's log says why." in github.body


def run(pulumi: Bench, command: str, fails: str = "") -> subprocess.CompletedProcess[str]:
    variables = {
        "COMMAND": command,
        "STACK": "dev",
        "RUNNER_TEMP": str(pulumi.folder),
        "KUBECONFIG_CONTENT": "kind: Config",
        "FAILS": fails,
    }
    return pulumi.run(RUN, variables)


@pytest.mark.parametrize(("command", "more"), [("preview", ""), ("up", " --yes")])
def test_the_stack_is_named_and_nothing_is_asked(pulumi: Bench, command: str, more: str) -> None:
    assert run(pulumi, command).returncode == 0
    flags = "--stack dev --diff --non-interactive --color never --suppress-progress"
    assert f"{command} {flags}{more}" in pulumi.asked


def test_the_kubeconfig_is_a_file_for_pulumi_alone_and_goes_afterwards(pulumi: Bench) -> None:
    run(pulumi, "preview")
    assert "kind: Config" in pulumi.asked
    assert "content: " in pulumi.asked
    assert not (pulumi.folder / "kubeconfig").exists()


@pytest.mark.parametrize("fails", ["install", "preview"])
def test_a_failure_is_the_scripts_own(pulumi: Bench, fails: str) -> None:
    assert run(pulumi, "preview", fails).returncode == 3
    assert not (pulumi.folder / "kubeconfig").exists()


def test_what_a_failed_preview_says_is_kept_for_the_comment(pulumi: Bench) -> None:
    run(pulumi, "preview", "preview")
    assert (pulumi.folder / "pulumi.txt").read_text() == "it failed\n"


def test_other_commands_are_refused(pulumi: Bench) -> None:
    assert run(pulumi, "destroy").returncode == 2
    assert not (pulumi.folder / "asked").exists()
