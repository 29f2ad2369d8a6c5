"""image/packages.txt: boto3 of requirements.txt and all it needs, by hash."""

import importlib.metadata
import re

import pytest

from local.paths import ROOT
from local.registry import pins
from local.registry.pins import PACKAGES, PinsError

LINE = re.compile(r"([a-z0-9-]+)==([\w.]+) --hash=sha256:[0-9a-f]{64}")


def pinned() -> dict[str, str]:
    """Versions by package."""
    lines = [line for line in PACKAGES.read_text().splitlines() if not line.startswith("#")]
    found = [LINE.fullmatch(line) for line in lines]
    assert None not in found, lines
    return {match[1]: match[2] for match in found if match}


def needed_by(package: str) -> set[str]:
    """Names of what an installed package needs, without what it only needs for its extras."""
    requirements = importlib.metadata.requires(package) or []
    names = [re.match(r"[\w-]+", line) for line in requirements if "extra ==" not in line]
    return {match[0].lower() for match in names if match}


def test_boto3_is_that_of_the_program() -> None:
    wanted = pins.boto3_pin((ROOT / "requirements.txt").read_text())
    assert f"boto3=={pinned()['boto3']}" == wanted, "run `python -m local.registry.pins`"


def test_all_that_boto3_needs_is_there_and_nothing_else() -> None:
    found: set[str] = set()
    waiting = {"boto3"}
    while waiting:
        package = waiting.pop()
        found.add(package)
        waiting |= needed_by(package) - found
    assert set(pinned()) == found


def test_every_package_has_its_version_and_hash_in_the_file() -> None:
    item = {
        "metadata": {"name": "six", "version": "1.2"},
        "download_info": {"archive_info": {"hashes": {"sha256": "ab"}}},
    }
    other = {**item, "metadata": {"name": "boto3", "version": "3"}}
    lines = pins.render({"install": [item, other]}).splitlines()
    assert lines[-2:] == ["boto3==3 --hash=sha256:ab", "six==1.2 --hash=sha256:ab"]
    assert all(line.startswith("#") for line in lines[:-2])


@pytest.mark.parametrize("text", ["", "boto3>=1\n", "pulumi==3\n", "aioboto3==1.2\n"])
def test_requirements_without_a_pin_of_boto3_are_refused(text: str) -> None:
    with pytest.raises(PinsError, match=r"requirements\.txt pins no boto3"):
        pins.boto3_pin(text)


def test_what_pip_cannot_find_is_told_in_its_words() -> None:
    with pytest.raises(PinsError, match=r"(?s)No matching distribution found for boto3==0\.0\.0"):
        pins.resolve("boto3==0.0.0")
