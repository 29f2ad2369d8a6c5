"""Real provider plugins before stand-ins."""

import os
import subprocess
from pathlib import Path

from local import plugins
from local.paths import Paths


def install_real(folder: Path, plugin: plugins.Plugin, version: str | None = None) -> Path:
    made = folder / f"resource-{plugin.name}-v{version or plugin.version}"
    made.mkdir(parents=True)
    program = made / plugin.program
    program.write_text("#!/bin/sh\necho real\n")
    program.chmod(0o755)
    return program


def test_without_real_plugins_the_engine_finds_the_stand_ins(folders: Paths, tmp_path: Path) -> None:
    assert plugins.ensure(folders, tmp_path / "none") == "aws: stand-in, kubernetes: stand-in"
    for name in ("pulumi-resource-aws", "pulumi-resource-kubernetes"):
        assert os.access(folders.plugins / name, os.X_OK)


def test_a_wrapper_hands_its_arguments_on(folders: Paths, tmp_path: Path) -> None:
    plugins.ensure(folders, tmp_path / "none")
    wrapper = folders.plugins / "pulumi-resource-aws"
    text = wrapper.read_text().replace("-m local.providers.aws", "-c 'import sys; print(sys.argv[1:])'")
    wrapper.write_text(text)
    out = subprocess.run([wrapper, "a b", "127.0.0.1:1"], capture_output=True, text=True, check=True).stdout
    assert out == "['a b', '127.0.0.1:1']\n"


def test_a_real_plugin_of_the_sdks_version_is_used_instead(folders: Paths, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    plugins.ensure(folders, installed)
    real = install_real(installed, plugins.PLUGINS[0])
    assert plugins.ensure(folders, installed) == f"aws: real {plugins.PLUGINS[0].version}, kubernetes: stand-in"
    ours = folders.pulumi_home / "plugins" / real.parent.name
    # The engine skips entries that are links instead of folders.
    assert not ours.is_symlink()
    assert (ours / real.name).resolve() == real
    assert not (folders.plugins / real.name).exists()


def test_a_real_plugin_of_another_version_is_not_used(folders: Paths, tmp_path: Path) -> None:
    install_real(tmp_path, plugins.PLUGINS[0], "1.2.3")
    assert plugins.ensure(folders, tmp_path).startswith("aws: stand-in")


def test_when_the_real_plugin_is_gone_the_stand_in_is_back(folders: Paths, tmp_path: Path) -> None:
    real = install_real(tmp_path, plugins.PLUGINS[0])
    plugins.ensure(folders, tmp_path)
    real.unlink()
    assert plugins.ensure(folders, tmp_path).startswith("aws: stand-in")
    assert not (folders.pulumi_home / "plugins" / real.parent.name).exists()
    assert (folders.plugins / real.name).exists()
