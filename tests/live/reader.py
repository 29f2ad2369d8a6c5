"""Somebody who has everpull checked out and types what a page says into a shell, word for word."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from lightkube import Client

from local import apt, env, paths
from local.driver import workloads
from local.state import PlatformState
from tests.docs.pages import blocks, commands, said, text_of

# What the pages call the stack, and the namespace that it serves.
STACK, NAMESPACE = "dev", "team-a"

# What a block may say and nobody types here, and why not. Nothing else is left out.
NOT_TYPED = {
    "make test": "it is what runs this",
    "make down": "stops the platform that these tests run on",
    "python -m local down": "the same",
}
_SECONDS = 600
_SETUP_VARIABLES = ("AWS_", "PULUMI_", "KUBE", "PYTHON", "VIRTUAL_ENV", "PYTEST")


@dataclass
class Reader:
    """`folder` is where they work. `environment` is that of each shell, which none of them changes.

    What the pages call `team-a` they call `namespace`. Each needs a stack of a name of its own.
    """

    state: PlatformState
    folder: Path
    environment: dict[str, str]
    stack: str = STACK
    namespace: str = NAMESPACE
    # The stack's configuration at the last `pulumi up` that was asked for, or None where it is not known.
    deployed: dict[str, Any] | None = field(default=None)

    def types(
        self,
        page: str,
        number: int,
        *,
        instead: Mapping[str, str] | None = None,
        registries: bool = False,
    ) -> str:
        """Types the page's block of that number (from 1) and gives what it printed. `instead` has what is put in for what the
        page names by example; with `registries` the shell reaches registries by their own names, and nothing else by HTTPS.

        Raises AssertionError where a command fails.
        """
        block = blocks(text_of(page))[number - 1]
        typed = "\n".join(line for line in block.splitlines() if what(line) not in NOT_TYPED)
        for word, ours in (instead or {}).items():
            assert word in typed, f"{page} {number} does not say {word}"
            typed = typed.replace(word, ours)
        return self._typed(typed, registries=registries)

    def says(self, page: str, beginning: str) -> str:
        """Types the one command that a sentence of the page says in full and that begins so, and gives what it printed."""
        # What a command is told of another one's output is for the shell; other words are as they are.
        quoted = [f'"{word}"' if word.startswith("$(") else shlex.quote(word) for word in said(page, beginning)]
        return self._typed(" ".join(quoted))

    def pulls(self, kube: Client, image: str, secret: str | None) -> None:
        """Raises AssertionError where a pod with that pull secret, if any, does not pull the image."""
        pull = workloads.pull(kube, self.namespace, "reader", image, secret)
        assert pull.pulled, pull.message

    def _typed(self, script: str, *, registries: bool = False) -> str:
        if "pulumi up" in script:
            self.deployed = None
        return self.run(script.replace(NAMESPACE, self.namespace), registries=registries)

    def run(self, script: str, *, registries: bool = False) -> str:
        """Anything else in the same shell."""
        environment = {**self.environment, **(env.registries(self.state) if registries else {})}
        done = subprocess.run(
            ["sh", "-eu", "-c", script],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
        assert done.returncode == 0, f"ended with {done.returncode}:\n{script}\n{done.stdout}"
        return done.stdout

    def output(self, name: str) -> str:
        return self.run(f"pulumi stack output {name}").strip()

    @property
    def pull_secret(self) -> str:
        return f"everpull-{self.stack}"

    @property
    def system_namespace(self) -> str:
        return f"everpull-{self.stack}"

    @property
    def config(self) -> dict[str, Any]:
        """The stack's keys, as they are in its file now."""
        return yaml.safe_load(self._file.read_text(encoding="utf-8"))["config"]

    def configure(self, keys: Mapping[str, Any]) -> None:
        """Replaces the keys; what the engine keeps in the file stays."""
        kept = yaml.safe_load(self._file.read_text(encoding="utf-8"))
        self._file.write_text(yaml.safe_dump({**kept, "config": dict(keys)}), encoding="utf-8")

    def stands(self, keys: Mapping[str, Any]) -> None:
        """Has the stack be deployed with these keys, and no others."""
        self.configure(keys)
        if self.deployed != keys:
            self.run("pulumi up --skip-preview")
            self.deployed = dict(keys)

    @property
    def _file(self) -> Path:
        return self.folder / f"Pulumi.{self.stack}.yaml"


@contextmanager
def settled(state: PlatformState, folder: Path, stack: str) -> Iterator[Reader]:
    """Somebody who has a stack, of another name than the pages', that is not deployed; it is destroyed at last.

    Their packages are the tests' own.
    """
    checkout = repository(folder / "everpull")
    (checkout / ".venv").symlink_to(sys.prefix)
    made = Reader(state, checkout, shell(state, folder / "home", checkout), stack, f"{stack}-a")
    made.run(f"kubectl config use-context my-cluster; pulumi stack init {stack}")
    made.configure({"aws:region": state.region})
    try:
        yield made
    finally:
        made.run(f"pulumi stack select {stack}; pulumi destroy --skip-preview")


def what(line: str) -> str:
    """A line's command, without what is said of it."""
    return " ".join(" ".join(words) for words in commands(line)) if not line.rstrip().endswith("\\") else line


def shell(state: PlatformState, home: Path, checkout: Path) -> dict[str, str]:
    """The environment of somebody with a profile for AWS, contexts for the cluster, a state of their own, and a checkout."""
    folders = paths.current()
    (home / "bin").mkdir(parents=True)
    (home / ".aws").mkdir()
    (home / ".pulumi").mkdir()
    (home / "state").mkdir()
    if (folders.pulumi_home / "plugins").is_dir():
        (home / ".pulumi" / "plugins").symlink_to(folders.pulumi_home / "plugins")
    key = f"aws_access_key_id={state.aws_access_key_id}\naws_secret_access_key={state.aws_secret_access_key}\n"
    (home / ".aws" / "credentials").write_text(f"[default]\n{key}[my-profile]\n{key}")
    (home / "kubeconfig").write_text(yaml.safe_dump(_contexts(state, "my-cluster", "cluster-a")))
    apt.install([apt.AWS_CLI], folders.log / "apt.log")
    _write_program(home / "bin" / "aws", f'exec {apt.AWS_CLI.witness} --endpoint-url "$AWS_ENDPOINT_URL" "$@"')
    # The language host is of an older release than its engine, and is not told of Pulumi.yaml's `virtualenv`.
    virtualenv = checkout / ".venv" / "bin"
    first = [str(virtualenv), str(home / "bin"), str(folders.bin), str(folders.plugins)]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_SETUP_VARIABLES)}
    return {
        **inherited,
        "PATH": os.pathsep.join([*first, os.environ["PATH"]]),
        "HOME": str(home),
        # Packages are downloaded once.
        "PIP_CACHE_DIR": os.environ.get("PIP_CACHE_DIR", str(Path.home() / ".cache" / "pip")),
        "KUBECONFIG": str(home / "kubeconfig"),
        "AWS_ENDPOINT_URL": state.aws_endpoint,
        "AWS_REGION": state.region,
        "AWS_PAGER": "",
        "AWS_EC2_METADATA_DISABLED": "true",
        "PULUMI_BACKEND_URL": (home / "state").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "a passphrase",
        # They have read the preview.
        "PULUMI_SKIP_CONFIRMATIONS": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


def repository(folder: Path) -> Path:
    """What can be cloned: this checkout as it is, committed or not."""
    folder.mkdir()
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (paths.ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(paths.ROOT / name, folder / name)
    who = ["-c", "user.name=everpull", "-c", "user.email=everpull@example.com"]
    for command in (["init", "--quiet"], ["add", "--all"], [*who, "commit", "--quiet", "--message", "as it is"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def _contexts(state: PlatformState, *names: str) -> dict[str, Any]:
    """The administrator's kubeconfig with contexts of these names; none is chosen."""
    known = yaml.safe_load(Path(state.kubeconfig).read_text(encoding="utf-8"))
    (context,) = known["contexts"]
    known["contexts"] = [{**context, "name": name} for name in names]
    return {**known, "current-context": ""}


def _write_program(file: Path, line: str) -> None:
    file.write_text(f"#!/bin/sh\n{line}\n")
    file.chmod(0o755)
