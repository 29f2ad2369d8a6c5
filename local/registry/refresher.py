"""The image in which the refresher's CronJob runs here: Debian's Python and boto3, made without Docker.

Everywhere else it is a public image, or one built of image/Dockerfile. The code is in none of them, it is mounted.
"""

import hashlib
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from local.apt import SYSTEM_PATH
from local.paths import Paths
from local.registry import debian, images, pins
from local.registry.images import File, Pushed, push_image
from local.tunnel.routes import trust_variables

REPOSITORY = "everpull/refresher"
# Debian's Python looks here, whatever its version.
_SITE_PACKAGES = "usr/lib/python3/dist-packages"
# Who vouches for AWS's host names here. On a machine of its own an image trusts the public authorities instead.
_AUTHORITY = Path("/etc/ssl/certs/everpull-local.pem")
# Nobody on any machine; the CronJob says the same.
USER = 65532


class RefresherImageError(Exception):
    """boto3 could not be put into the image; the text is pip's or Python's."""


def made_of(authority: Path) -> str:
    """Names everything that the image is made of, the certificate `authority` too, the versions of Debian's packages aside.

    Those change with every security fix, and asking apt for them takes longer than all else that `up` does when there
    is nothing to do.
    """
    digest = hashlib.sha256()
    for source in (pins.PACKAGES, Path(__file__), Path(debian.__file__), Path(images.__file__), authority):
        digest.update(source.read_bytes())
    system = platform.freedesktop_os_release()
    digest.update(repr((system.get("ID"), system.get("VERSION_ID"), platform.machine())).encode())
    return digest.hexdigest()


def push(folders: Paths, registry_url: str) -> Pushed:
    """Make the image and push it.

    Raises:
        debian.DebianError, RefresherImageError: it could not be made.
        images.PushError: the registry refused it, or is not there.
    """
    with tempfile.TemporaryDirectory(prefix="refresher-image-", dir=folders.data) as name:
        root = Path(name) / "root"
        version = debian.python_root(root, Path(name) / "packages")
        _install_boto3(root / _SITE_PACKAGES, version)
        _compile(root)
        return push_image(
            registry_url,
            REPOSITORY,
            "local",
            {
                **images.tree(root),
                "/etc/passwd": File(f"nonroot:x:{USER}:{USER}::/:/none\n".encode()),
                str(_AUTHORITY): File(folders.authority),
            },
            entrypoint=["python3"],
            environment={"PATH": "/usr/bin", **trust_variables(_AUTHORITY)},
            user=f"{USER}:{USER}",
        )


def _install_boto3(target: Path, version: tuple[int, int]) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", str(target)]
    python = ["--python-version", ".".join(map(str, version))]
    _run([*pip, *pins.PURE, *python, "--require-hashes", "--requirement", str(pins.PACKAGES)])
    # Commands, which name the Python of this machine.
    for command in (target / "bin").iterdir():
        command.unlink()


def _compile(root: Path) -> None:
    """Compile everything by the image's own Python: where the root is read-only, nothing could keep it later.

    With the sources' hashes in place of their times, which differ from build to build (PEP 552).
    """
    python = ["chroot", str(root), "/usr/bin/python3", "-m", "compileall"]
    _run([*python, "-q", "--invalidation-mode", "unchecked-hash", "/usr/lib"], {"PATH": SYSTEM_PATH})


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise RefresherImageError(f"`{' '.join(command)}` ended with status {done.returncode}\n{done.stdout[-2000:]}")
