"""Gives the engine its provider plugins: the user's real ones where installed, else our stand-ins by the same name."""

import importlib.metadata
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from local.paths import Paths


@dataclass(frozen=True)
class Plugin:
    """A provider plugin, the Python SDK whose version it must have, and the module of its stand-in."""

    name: str
    sdk: str
    module: str

    @property
    def version(self) -> str:
        return importlib.metadata.version(self.sdk)

    @property
    def program(self) -> str:
        return f"pulumi-resource-{self.name}"


PLUGINS = (
    Plugin("aws", "pulumi-aws", "local.providers.aws"),
    Plugin("kubernetes", "pulumi-kubernetes", "local.providers.kubernetes"),
)


def user_plugin_folder() -> Path:
    """Where a user's own `pulumi` keeps plugins."""
    return Path(os.environ.get("EVERPULL_USER_PULUMI_HOME") or Path.home() / ".pulumi") / "plugins"


def ensure(folders: Paths, installed: Path | None = None) -> str:
    """Set up every plugin; gives which are real and which stand-ins."""
    installed = installed or user_plugin_folder()
    words = [_ensure_one(plugin, folders, installed) for plugin in PLUGINS]
    return ", ".join(words)


def _ensure_one(plugin: Plugin, folders: Paths, installed: Path) -> str:
    name = f"resource-{plugin.name}-v{plugin.version}"
    real, ours = installed / name, folders.pulumi_home / "plugins" / name
    wrapper = folders.plugins / plugin.program
    if (real / plugin.program).is_file():
        # A folder of links and not a link to the folder: the engine skips what is no folder itself.
        ours.mkdir(parents=True, exist_ok=True)
        for file in real.iterdir():
            link = ours / file.name
            link.unlink(missing_ok=True)
            link.symlink_to(file)
        wrapper.unlink(missing_ok=True)
        return f"{plugin.name}: real {plugin.version}"
    if ours.is_dir():
        for link in ours.iterdir():
            link.unlink()
        ours.rmdir()
    script = (
        "#!/bin/sh\n"
        f"# The stand-in of {plugin.program}: see local/README.md.\n"
        f'PYTHONPATH={shlex.quote(str(folders.root))} exec {shlex.quote(sys.executable)} -m {plugin.module} "$@"\n'
    )
    if not wrapper.exists() or wrapper.read_text() != script:
        part = wrapper.with_name(f".{wrapper.name}")
        part.write_text(script)
        part.chmod(0o755)
        part.replace(wrapper)
    return f"{plugin.name}: stand-in"
