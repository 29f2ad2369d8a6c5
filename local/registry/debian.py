"""A root file system with Debian's Python and nothing that installs packages, out of this machine's own package sources.

Like `mmdebstrap --variant=extract`, by apt and dpkg alone: apt works out and fetches the packages as for an empty
machine, with this machine's sources, keys, proxies and pins; then they are only unpacked. No script of theirs runs.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO

# `python3` is these two and tools for packaging.
PYTHON = ("python3-minimal", "libpython3-stdlib")
# The oldest Python that everpull runs on.
_OLDEST = (3, 11)
# Wanted by maintainers' scripts alone.
_UNNEEDED = ("dpkg", "tar")
_LEFT_OUT = ("./usr/share/doc", "./usr/share/man", "./usr/share/locale", "./usr/share/lintian", "./usr/lib/*/gconv")
# Debian 12's packages still hold files below these, Debian 13's rely on the links.
_MERGED = ("bin", "sbin", "lib", "lib64")


class DebianError(Exception):
    """Packages could not be fetched or unpacked; the text is the program's own."""


def obstacle() -> str:
    """Why there are no Debian packages to be had on this machine; empty when there are."""
    lacking = [name for name in ("apt-get", "dpkg-deb", "tar") if shutil.which(name) is None]
    return f"no {lacking[0]} on this machine" if lacking else ""


def python_root(folder: Path, scratch: Path) -> tuple[int, int]:
    """Make `folder` a root file system with Python; gives Python's version. `scratch` is for the packages.

    Needs root for the files' owners. What it runs is `usr/bin/python3`.

    Raises:
        DebianError: apt or dpkg failed, or the Python is too old for everpull.
    """
    for package in fetch(PYTHON, scratch):
        if package.name.partition("_")[0] not in _UNNEEDED:
            _unpack(package, folder)
    program = (folder / "usr/bin/python3").readlink().name
    found = re.fullmatch(r"python(\d+)\.(\d+)", program)
    if found is None or (version := (int(found[1]), int(found[2]))) < _OLDEST:
        wanted = ".".join(map(str, _OLDEST))
        raise DebianError(f"this machine's package sources have {program}; the refresher needs {wanted} or later")
    # It keeps pip from installing beside apt's packages, of which there are none.
    for marker in folder.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        marker.unlink()
    return version


def fetch(names: Sequence[str], scratch: Path) -> list[Path]:
    """Fetch packages and all they depend on, as for an empty machine. Raises DebianError."""
    (scratch / "partial").mkdir(parents=True)
    nothing = scratch / "status"
    nothing.touch()
    settings = {
        "Dir::State::status": nothing,
        "Dir::Cache::archives": scratch,
        # What apt keeps of this machine's state must not become the empty machine's.
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "Debug::NoLocking": "true",
        "APT::Install-Recommends": "false",
        # The folder is ours alone, so the user that apt fetches as could not write to it.
        "APT::Sandbox::User": "root",
    }
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    install = ["apt-get", "--quiet", "--yes", *options, "--download-only", "install", *names]
    try:
        _run(install)
    except DebianError:
        # Lists that are missing or name versions which are gone by now.
        _run(["apt-get", "--quiet", "-o", "DPkg::Lock::Timeout=120", "update"])
        _run(install)
    return sorted(scratch.glob("*.deb"))


def _unpack(package: Path, folder: Path) -> None:
    for name in _MERGED:
        (folder / "usr" / name).mkdir(parents=True, exist_ok=True)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"usr/{name}")
    # `dpkg-deb --extract` would put folders in the links' places.
    excluded = [f"--exclude={pattern}" for pattern in _LEFT_OUT]
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as source:
        _run(["tar", "--extract", "--keep-directory-symlink", *excluded, "--directory", str(folder)], source.stdout)
    if source.returncode:
        raise DebianError(f"{package.name} is no whole package")


def _run(command: Sequence[str], source: IO[bytes] | int | None = subprocess.DEVNULL) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command,
        env=environment,
        stdin=source,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        words = "\n".join(done.stdout.splitlines()[-8:])
        raise DebianError(f"`{' '.join(command[:1])}` ended with status {done.returncode}\n{words}")
