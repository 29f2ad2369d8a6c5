"""Runs the real Pulumi engine on a program, with the stand-in as its aws plugin and all state in a temporary folder."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.local_aws.platform import ADMIN, REGION, ROOT, Stand

PROGRAM = Path(__file__).parent / "program"
PASSPHRASE = "tests"


def tools() -> Path:
    """The folder of the engine and its Python language host; an error naming the command that builds them."""
    folder = Path(os.environ.get("EVERPULL_LOCAL_DIR") or ROOT / ".local") / "bin"
    for name in ("pulumi", "pulumi-language-python", "pulumi-language-python-exec"):
        if not (folder / name).is_file():
            raise RuntimeError(f"{name} is missing: run `python -m local.tools pulumi pulumi-language-python`")
    return folder


def plugin(folder: Path) -> Path:
    """A folder with the plugin under the name that the engine looks for."""
    folder.mkdir(parents=True, exist_ok=True)
    wrapper = folder / "pulumi-resource-aws"
    program = f'exec {shlex.quote(sys.executable)} -m local.providers.aws "$@"'
    wrapper.write_text(f"#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} {program}\n")
    wrapper.chmod(0o755)
    return folder


@dataclass
class Outcome:
    """What one command did: its text, and per step (operation, type, name) with the properties that differ."""

    code: int
    text: str
    steps: dict[tuple[str, str], str] = field(default_factory=dict)
    differing: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def only(self, *operations: str) -> dict[tuple[str, str], str]:
        """The steps of resources that the operations touched, by (type's last part, logical name)."""
        return {at: op for at, op in self.steps.items() if op in operations}

    @property
    def changes(self) -> dict[tuple[str, str], str]:
        """The steps that weren't `same`."""
        quiet = ("same", "refresh", "read")
        return {at: op for at, op in self.steps.items() if op not in quiet and not at[0].startswith("Stack")}


class Stack:
    """One stack of one program."""

    def __init__(
        self, folder: Path, stand: Stand, program: Path = PROGRAM, name: str = "test", **environment: str
    ) -> None:
        self.folder = folder
        self.work = folder / "program"
        shutil.copytree(program, self.work)
        for part in ("home", "state"):
            (folder / part).mkdir()
        self.environment = {
            "PATH": os.pathsep.join(
                [str(Path(sys.executable).parent), str(tools()), str(plugin(folder / "bin")), "/usr/bin", "/bin"]
            ),
            "HOME": str(folder / "home"),
            "AWS_ENDPOINT_URL": stand.endpoint,
            "AWS_ACCESS_KEY_ID": ADMIN[0],
            "AWS_SECRET_ACCESS_KEY": ADMIN[1],
            "AWS_REGION": REGION,
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": (folder / "state").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DEBUG_COMMANDS": "true",
            **environment,
        }
        self.run("stack", "init", name)

    def run(self, *arguments: str, variant: dict[str, Any] | None = None, fails: bool = False) -> Outcome:
        """One command; fails the test when its exit code isn't what was expected."""
        environment = {**self.environment, "VARIANT": json.dumps(variant or {})}
        result = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.work,
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        outcome = Outcome(result.returncode, result.stdout + result.stderr)
        assert (result.returncode != 0) == fails, outcome.text
        return outcome

    def _operate(self, *arguments: str, variant: dict[str, Any] | None, fails: bool) -> Outcome:
        log = self.folder / "events.json"
        log.unlink(missing_ok=True)
        outcome = self.run(*arguments, "--event-log", str(log), variant=variant, fails=fails)
        for line in log.read_text().splitlines():
            event = json.loads(line)
            done = event.get("resOutputsEvent") or event.get("resourcePreEvent")
            if done:
                self._note(outcome, done["metadata"])
        return outcome

    @staticmethod
    def _note(outcome: Outcome, metadata: dict[str, Any]) -> None:
        at = (metadata["type"].rsplit(":", 1)[1], metadata["urn"].rsplit("::", 1)[1])
        if metadata["op"] in ("create-replacement", "delete-replaced"):
            return
        outcome.steps[at] = metadata["op"]
        if metadata.get("detailedDiff"):
            outcome.differing[at] = sorted(metadata["detailedDiff"])

    def preview(self, variant: dict[str, Any] | None = None, *, fails: bool = False) -> Outcome:
        return self._operate("preview", variant=variant, fails=fails)

    def up(self, variant: dict[str, Any] | None = None, *extra: str, fails: bool = False) -> Outcome:
        return self._operate("up", "--yes", "--skip-preview", *extra, variant=variant, fails=fails)

    def refresh(self, variant: dict[str, Any] | None = None) -> Outcome:
        return self._operate("refresh", "--yes", "--skip-preview", variant=variant, fails=False)

    def destroy(self, *, fails: bool = False) -> Outcome:
        return self._operate("destroy", "--yes", "--skip-preview", variant=None, fails=fails)

    def export(self) -> str:
        """The whole state as the backend keeps it."""
        return self.run("stack", "export").text

    def state(self) -> dict[tuple[str, str], dict[str, Any]]:
        """The resources in state by (type's last part, logical name)."""
        resources = json.loads(self.export())["deployment"].get("resources", [])
        return {(r["type"].rsplit(":", 1)[1], r["urn"].rsplit("::", 1)[1]): r for r in resources}

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, secrets in the clear."""
        return json.loads(self.run("stack", "output", "--json", "--show-secrets").text)
