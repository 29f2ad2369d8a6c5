"""One Pulumi stack of everpull, run by the real CLI and engine against the local platform."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from local import env, paths
from local.state import PlatformState

# Resources that the engine keeps for itself.
_ENGINE_TYPES = ("pulumi:pulumi:Stack", "pulumi:providers:")


class PulumiError(Exception):
    """The CLI failed; the text is what it printed."""


@dataclass(frozen=True)
class Result:
    """What one run of the CLI printed and did. `changes` maps each touched resource's name to its operation."""

    output: str
    changes: dict[str, str] = field(default_factory=dict)


class Stack:
    """A stack with its own configuration file, so that no file of the checkout is touched."""

    def __init__(
        self,
        state: PlatformState,
        name: str,
        config: Mapping[str, object] | Path,
        *,
        environment: Mapping[str, str] | None = None,
        project: Path = paths.ROOT,
    ) -> None:
        """`config` is a stack file, or the keys of one that is made. `environment` is added to the platform's."""
        self.name = name
        self._project = project
        inherited = {key: value for key, value in os.environ.items() if key not in env.UNSET}
        # Makes the CLI know --event-log, as the Automation API does.
        self._environment = {
            **inherited,
            **env.environment(state),
            "PULUMI_DEBUG_COMMANDS": "true",
            **(environment or {}),
        }
        self._folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=paths.current().pulumi))
        if isinstance(config, Path):
            self.config_file = config
        else:
            self.config_file = self._folder / f"Pulumi.{name}.yaml"
            self.configure(config)

    def configure(self, config: Mapping[str, object]) -> None:
        """Replaces the stack's keys; what the engine keeps in the file (its salt) stays."""
        kept: dict[str, Any] = {}
        if self.config_file.exists():
            kept = yaml.safe_load(self.config_file.read_text(encoding="utf-8")) or {}
        self.config_file.write_text(yaml.safe_dump({**kept, "config": dict(config)}), encoding="utf-8")

    def exists(self) -> bool:
        """Whether somebody has made the stack, deployed or not."""
        return self.name in {item["name"] for item in json.loads(self._run(["stack", "ls", "--json"]).output)}

    def init(self) -> None:
        """Makes the stack if it is not there yet, and frees it of an update that was killed."""
        if self.exists():
            self._run(["cancel", "--yes", "--stack", self.name])
        else:
            # It writes a salt into the stack file beside the project file it finds, so it is shown one of our own.
            shutil.copy(self._project / "Pulumi.yaml", self._folder)
            init = ["stack", "init", self.name, "--no-select", "--secrets-provider", "passphrase"]
            self._run([*init, "--cwd", str(self._folder)])

    def up(self, *options: str) -> Result:
        return self._update(["up", "--yes", "--skip-preview", *options])

    def preview(self, *options: str) -> Result:
        return self._update(["preview", "--diff", *options])

    def refresh(self) -> Result:
        return self._update(["refresh", "--yes", "--skip-preview"])

    def destroy(self) -> Result:
        return self._update(["destroy", "--yes", "--skip-preview"])

    def remove(self) -> None:
        """Forgets a destroyed stack."""
        self._run(["stack", "rm", self.name, "--yes", "--preserve-config"])

    def outputs(self) -> dict[str, Any]:
        return json.loads(self._run(["stack", "output", "--json", "--stack", self.name]).output)

    def export(self) -> str:
        """The state file, secrets encrypted, as text."""
        return self._run(["stack", "export", "--stack", self.name]).output

    def resource_count(self) -> int:
        """Resources in the state, the engine's own left out."""
        resources = json.loads(self.export())["deployment"].get("resources") or []
        return sum(not item["type"].startswith(_ENGINE_TYPES) for item in resources)

    def _update(self, command: Sequence[str]) -> Result:
        log = self._folder / "events.json"
        log.unlink(missing_ok=True)
        options = ["--stack", self.name, "--config-file", str(self.config_file), "--event-log", str(log)]
        result = self._run([*command, *options])
        return Result(result.output, _changes(log))

    def _run(self, command: Sequence[str]) -> Result:
        done = subprocess.run(
            ["pulumi", *command, "--non-interactive", "--color", "never"],
            cwd=self._project,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if command[0] in ("up", "preview", "refresh", "destroy") else subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise PulumiError(f"pulumi {command[0]} failed:\n{done.stdout}\n{done.stderr or ''}")
        return Result(done.stdout)


def _changes(log: Path) -> dict[str, str]:
    """Operations by resource name, without those that leave a resource as it is."""
    changes: dict[str, str] = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        metadata = (event.get("resOutputsEvent") or event.get("resourcePreEvent") or {}).get("metadata")
        if not metadata or metadata["op"] in ("same", "read", "refresh") or metadata["type"].startswith(_ENGINE_TYPES):
            continue
        changes[metadata["urn"].rsplit("::", 1)[1]] = metadata["op"]
    return changes
