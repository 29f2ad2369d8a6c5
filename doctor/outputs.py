"""What the Pulumi CLI knows of the stack: its outputs and its configuration."""

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from settings import ConfigurationError, Settings, parse

Run = Callable[[Sequence[str]], str]
"""Runs the CLI with those arguments and gives its standard output. Raises NotKnown."""

_SECONDS = 120
_INSTALL = "install the Pulumi CLI (www.pulumi.com/docs/install), or put it on the PATH"
# How the CLI words what a caller can mend; its exit status tells nothing of it.
_HINTS = (
    ("PULUMI_ACCESS_TOKEN", "pulumi login"),
    ("not logged in", "pulumi login"),
    ("no stack named", "pulumi stack ls"),
    ("passphrase must be set", "set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE"),
    ("no Pulumi.yaml project file", "run it in the checkout of everpull"),
)
# Encrypted or not, these decide where to look.
_WHERE = ("kubernetes:kubeconfig", "kubernetes:context", "aws:profile", "aws:region")


class NotKnown(Exception):
    """The stack can't be asked for. The text says why, `fix` what to do; neither holds anything of the configuration."""

    def __init__(self, text: str, fix: str) -> None:
        super().__init__(text)
        self.fix = fix


def run_pulumi(arguments: Sequence[str]) -> str:
    """A Run, with the caller's environment."""
    try:
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
    except FileNotFoundError:
        raise NotKnown("the Pulumi CLI is not installed", _INSTALL) from None
    except subprocess.TimeoutExpired:
        raise NotKnown(f"the Pulumi CLI did not answer within {_SECONDS} s", "pulumi whoami") from None
    if done.returncode:
        raise _failure(arguments, done.stderr)
    return done.stdout


def read_outputs(stack: str, run: Run) -> Mapping[str, Any]:
    """The stack's outputs. Raises NotKnown, also where it has none because it is not deployed."""
    outputs = cast(Mapping[str, Any], json.loads(run(["stack", "output", "--json", "--stack", stack])))
    if not outputs.get("registries"):
        raise NotKnown(f"stack {stack} has no outputs: it is not deployed", f"pulumi up --stack {stack}")
    return outputs


def read_settings(stack: str, config_file: str | None, run: Run) -> Settings:
    """The stack's settings. Raises NotKnown."""
    where = ["--stack", stack, *(["--config-file", config_file] if config_file else [])]
    found = cast(Mapping[str, Mapping[str, object]], json.loads(run(["config", "--json", *where])))
    config = {key: str(entry["value"]) for key, entry in found.items() if entry.get("value") is not None}
    for key in _WHERE:
        if found.get(key, {}).get("secret"):
            config[key] = run(["config", "get", key, *where]).removesuffix("\n")
    secret = [key for key, entry in found.items() if entry.get("secret")]
    try:
        return parse(config, stack.rpartition("/")[2], secret)
    except ConfigurationError as error:
        raise NotKnown(f"the stack's configuration is not sound: {error}", f"pulumi preview --stack {stack}") from None


def _failure(arguments: Sequence[str], said: str) -> NotKnown:
    for words, fix in _HINTS:
        if words in said:
            return NotKnown(_told(said), fix)
    return NotKnown(f"pulumi {arguments[0]} failed: {_told(said)}", f"pulumi {' '.join(arguments)}")


def _told(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1].removeprefix("error: ") if lines else "it said nothing"
