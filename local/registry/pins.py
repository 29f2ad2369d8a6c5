"""`python -m local.registry.pins` writes image/packages.txt: boto3 of requirements.txt and all it needs, by hash.

The image that people build and the one of this platform are both made of exactly these wheels. To be run again when
requirements.txt names another boto3.
"""

import json
import re
import subprocess
import sys
import tempfile
from typing import Any

from local import paths

PACKAGES = paths.ROOT / "image" / "packages.txt"
# Wheels of pure Python alone: the same file for every architecture and every Python.
PURE = ("--only-binary", ":all:", "--implementation", "py", "--abi", "none", "--platform", "any")
_HEAD = (
    "# boto3 of requirements.txt and all it needs, one wheel of pure Python each.\n"
    "# Written by `python -m local.registry.pins`.\n"
)


class PinsError(Exception):
    """There is no pin of boto3, or pip could not resolve it; the text is pip's."""


def boto3_pin(requirements: str) -> str:
    """The line of a requirements file that pins boto3. Raises PinsError."""
    found = re.search(r"^boto3==[\w.]+$", requirements, re.MULTILINE)
    if found is None:
        raise PinsError("requirements.txt pins no boto3")
    return found[0]


def render(report: dict[str, Any]) -> str:
    """The text of packages.txt out of pip's installation report (its format version 1)."""
    lines = [
        f"{item['metadata']['name']}=={item['metadata']['version']}"
        f" --hash=sha256:{item['download_info']['archive_info']['hashes']['sha256']}\n"
        for item in report["install"]
    ]
    return _HEAD + "".join(sorted(lines))


def resolve(pin: str) -> dict[str, Any]:
    """pip's report of what installing `pin` would install. Raises PinsError."""
    with tempfile.TemporaryDirectory() as nowhere:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        command = [*pip, *PURE, "--target", nowhere, "--report", "-", pin]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PinsError(done.stderr.strip())
    return json.loads(done.stdout)


def main() -> int:
    """Gives the exit status."""
    try:
        pin = boto3_pin((paths.ROOT / "requirements.txt").read_text())
        PACKAGES.write_text(render(resolve(pin)))
    except PinsError as error:
        print(error, file=sys.stderr)
        return 1
    print(PACKAGES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
