"""What image/Dockerfile says. That it builds and runs is shown in tests/live/test_own_image.py."""

import re
from pathlib import Path

import pytest

from local.registry import refresher
from local.registry.pins import PACKAGES

DOCKERFILE = PACKAGES.with_name("Dockerfile")


@pytest.fixture
def instructions() -> list[list[str]]:
    """The Dockerfile's instructions in words, lines that go on put together."""
    text = DOCKERFILE.read_text().replace("\\\n", " ")
    return [line.split() for line in text.splitlines() if line and not line.startswith("#")]


def argument(instructions: list[list[str]], name: str) -> str:
    """The default of a build argument."""
    return next(words[1] for words in instructions if words[0] == "ARG" and words[1].startswith(f"{name}=")).partition(
        "="
    )[2]


def test_the_base_is_pinned_by_digest_and_named_with_its_registry(instructions: list[list[str]]) -> None:
    assert re.fullmatch(r"docker\.io/library/python:3\.\d+-slim@sha256:[0-9a-f]{64}", argument(instructions, "BASE"))


def test_packages_go_where_the_bases_python_looks(instructions: list[list[str]]) -> None:
    version = re.search(r"python:([\d.]+)-", argument(instructions, "BASE"))
    assert version is not None
    assert argument(instructions, "SITE_PACKAGES") == f"/usr/local/lib/python{version[1]}/site-packages"


def test_what_is_run_is_run_on_the_building_machine_and_only_copied_for_each_architecture(
    instructions: list[list[str]],
) -> None:
    stages = [words for words in instructions if words[0] == "FROM"]
    assert stages == [["FROM", "--platform=$BUILDPLATFORM", "$BASE", "AS", "packages"], ["FROM", "$BASE"]]
    last = instructions[instructions.index(stages[-1]) + 1 :]
    assert last == [
        ["ARG", "SITE_PACKAGES"],
        ["COPY", "--from=packages", "/packages", "$SITE_PACKAGES"],
        ["USER", "65532:65532"],
    ]


def test_the_user_is_the_local_images_too() -> None:
    assert f"USER {refresher.USER}:{refresher.USER}\n" in DOCKERFILE.read_text()


def test_pip_installs_nothing_without_a_hash_and_builds_nothing(instructions: list[list[str]]) -> None:
    (run,) = (words for words in instructions if words[0] == "RUN")
    assert " ".join(run[run.index("python3") :]).startswith("python3 -m pip install ")
    assert "--require-hashes" in run
    assert run[run.index("--only-binary") + 1] == ":all:"
    assert run[run.index("--requirement") + 1] == "/packages.txt"
    assert ["COPY", "packages.txt", "/"] in instructions


def test_the_readme_names_no_file_that_is_not_there() -> None:
    named = re.findall(r"^\| `([\w.]+)`", DOCKERFILE.with_name("README.md").read_text(), re.MULTILINE)
    assert sorted([*named, "README.md"]) == sorted(path.name for path in Path(DOCKERFILE.parent).iterdir())
