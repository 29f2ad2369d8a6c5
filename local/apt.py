"""The system packages that the platform takes from Debian, installed where we may, named where we may not."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

# Where system programs are, whether or not the user's PATH has the sbin folders.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class MissingPackagesError(Exception):
    """Programs are missing and can't be installed from here; the text lists all of them and what to run."""


@dataclass(frozen=True)
class Package:
    """A Debian package and one program (or file, when absolute) by which its presence is seen."""

    name: str
    witness: str
    for_node: bool = False

    def is_present(self) -> bool:
        if self.witness.startswith("/"):
            return Path(self.witness).exists()
        return shutil.which(self.witness, path=SYSTEM_PATH) is not None or shutil.which(self.witness) is not None


PACKAGES = (
    Package("etcd-server", "etcd"),
    Package("docker-registry", "docker-registry"),
    Package("containerd", "containerd", for_node=True),
    Package("runc", "runc", for_node=True),
    Package("busybox-static", "/bin/busybox", for_node=True),
    Package("ca-certificates", "/etc/ssl/certs/ca-certificates.crt", for_node=True),
)
# What image/Dockerfile is tried with; the platform itself does without.
BUILDAH = Package("buildah", "buildah")
# Version 2, which the pages mean, wherever a Python's own `aws` is on PATH.
AWS_CLI = Package("awscli", "/usr/bin/aws")


def missing(*, node: bool) -> list[Package]:
    """Packages that are not here; `node` says whether those for a node count."""
    return [package for package in PACKAGES if (node or not package.for_node) and not package.is_present()]


def ensure(
    *, node: bool, log_file: Path, run: Callable[[list[str], Path], int] | None = None, may_install: bool | None = None
) -> str:
    """Install what is missing; gives "kept" or what was installed.

    Raises:
        MissingPackagesError: not root on Debian, or apt failed.
    """
    lacking = missing(node=node)
    if not lacking:
        return "kept"
    if not (can_install() if may_install is None else may_install):
        raise MissingPackagesError(advice(missing(node=True)))
    return install(lacking, log_file, run)


def install(lacking: Sequence[Package], log_file: Path, run: Callable[[list[str], Path], int] | None = None) -> str:
    """Install what is missing of these; gives "kept" or what was installed.

    One process after the other: `apt-get update` gives up where another one holds its lists.

    Raises:
        MissingPackagesError: apt failed, or installed no program.
    """
    with log_file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _install([package for package in lacking if not package.is_present()], log_file, run or _run)


def _install(lacking: Sequence[Package], log_file: Path, execute: Callable[[list[str], Path], int]) -> str:
    if not lacking:
        return "kept"
    names = [package.name for package in lacking]
    get = ["apt-get", "--quiet", "--yes", "-o", "DPkg::Lock::Timeout=120"]
    # A first try with the lists at hand would fail on most fresh machines and half succeed on stale ones.
    for command in ([*get, "update"], [*get, "install", "--no-install-recommends", *names]):
        if status := execute(command, log_file):
            tail = log_file.read_text(errors="replace").splitlines()[-8:] if log_file.exists() else []
            raise MissingPackagesError(
                f"`{' '.join(command)}` ended with status {status} (all of it: {log_file})\n" + "\n".join(tail)
            )
    if still := [package for package in lacking if not package.is_present()]:
        raise MissingPackagesError(f"apt-get installed {' '.join(names)}, yet there is still no " + _programs(still))
    return f"installed {' '.join(names)}"


def node_obstacle() -> str:
    """Why no node can run for want of programs that can't be installed from here; empty when it can."""
    lacking = [package for package in missing(node=True) if package.for_node]
    return "" if not lacking or can_install() else f"missing on this machine: {_programs(lacking)}"


def can_install() -> bool:
    return os.geteuid() == 0 and Path("/etc/debian_version").exists() and shutil.which("apt-get") is not None


def advice(lacking: Iterable[Package]) -> str:
    """One message for all that is missing."""
    lacking = list(lacking)
    names = " ".join(package.name for package in lacking)
    return (
        f"missing on this machine: {_programs(lacking)}\n"
        f"on Debian or Ubuntu run: sudo apt-get update && sudo apt-get install --no-install-recommends {names}\n"
        "elsewhere install these programs by your system's own means"
    )


def _programs(lacking: Iterable[Package]) -> str:
    return ", ".join(f"{package.witness} ({package.name})" for package in lacking)


def _run(command: list[str], log_file: Path) -> int:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with log_file.open("a") as log:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, check=False
        )
    return done.returncode
