"""A Pulumi stack on the real engine with the stand-in as its Kubernetes provider."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from local.paths import ROOT, current

_HEADER = """
import pulumi
import pulumi_kubernetes as k8s

NAMESPACE = pulumi.Config().require("namespace")
"""
PASSPHRASE = "test"


class PulumiError(Exception):
    """The command failed; the text is all that it wrote."""


class Stack:
    """One project folder with its own backend; `program` is written before a command."""

    def __init__(self, folder: Path, kubeconfig: Path, namespace: str) -> None:
        self._folder = folder
        for name in ("pulumi", "pulumi-language-python", "pulumi-language-python-exec"):
            if not (current().bin / name).exists() and shutil.which(name) is None:
                raise RuntimeError(f"{name} is missing: run `python -m local.tools pulumi pulumi-language-python`")
        plugins = folder / "plugins"
        plugins.mkdir()
        wrapper = plugins / "pulumi-resource-kubernetes"
        wrapper.write_text(
            f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m local.providers.kubernetes "$@"\n'
        )
        wrapper.chmod(0o755)
        (folder / "Pulumi.yaml").write_text("name: demo\nruntime: python\n")
        (folder / "state").mkdir()
        self._environment = {
            "PATH": os.pathsep.join(
                [str(plugins), str(Path(sys.executable).parent), str(current().bin), os.environ["PATH"]]
            ),
            "HOME": str(folder),
            "KUBECONFIG": str(kubeconfig),
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{folder}/state",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }
        self.run("stack", "init", "test")
        self.run("config", "set", "namespace", namespace)

    def run(self, *args: str, **environment: str) -> str:
        """What the command wrote, both streams. Raises PulumiError."""
        done = subprocess.run(
            ["pulumi", *args, "--non-interactive"],
            cwd=self._folder,
            env={**self._environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise PulumiError(done.stdout)
        return done.stdout

    def program(self, text: str) -> None:
        """The program that the next command runs; `NAMESPACE` is the test's own."""
        (self._folder / "__main__.py").write_text(_HEADER + textwrap.dedent(text))

    def up(self, text: str | None = None, *args: str) -> str:
        """`pulumi up` without a preview first."""
        if text is not None:
            self.program(text)
        return self.run("up", "--yes", "--skip-preview", *args)

    def preview(self, text: str | None = None) -> str:
        if text is not None:
            self.program(text)
        return self.run("preview", "--diff")

    def exported(self) -> dict[str, Any]:
        return json.loads(self.run("stack", "export"))

    def resource(self, name: str) -> dict[str, Any]:
        """The state's entry of one logical name."""
        found = [r for r in self.exported()["deployment"]["resources"] if r["urn"].endswith(f"::{name}")]
        assert len(found) == 1, found
        return found[0]
