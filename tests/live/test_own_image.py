"""image/Dockerfile built by buildah, with Debian's Python in place of its base image, and run on the node."""

import ast
import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lightkube import Client

from local import apt, paths
from local.registry import busybox, debian, images, pins, refresher
from local.registry.images import File, push_image
from local.state import PlatformState
from tests.live import one_shot

NAMESPACE = "image-tests"
REPOSITORY = "tests/own-image"
_SITE_PACKAGES = "/usr/lib/python3/dist-packages"
_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


@pytest.fixture(scope="module")
def base(platform: PlatformState, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image with what the Dockerfile expects of its base: Python, pip, a shell, authorities' certificates."""
    folder = tmp_path_factory.mktemp("base")
    debian.python_root(folder / "root", folder / "packages")
    pip = Path(str(importlib.metadata.distribution("pip").locate_file("pip")))
    files = {
        **images.tree(folder / "root"),
        **{f"{_SITE_PACKAGES}/pip{name}": file for name, file in images.tree(pip).items()},
        # /bin is a link to /usr/bin in there.
        **{f"/usr{name}": file for name, file in busybox.files(busybox.find()).items()},
        _AUTHORITIES: File(Path(_AUTHORITIES)),
    }
    pushed = push_image(
        platform.backend_registry,
        f"{REPOSITORY}-base",
        "1",
        files,
        entrypoint=["python3"],
        environment={"PATH": "/bin"},
    )
    return pushed.reference


@pytest.fixture(scope="module")
def pip_configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """How pip reaches the package index from this machine, as a pip.conf."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    ).stdout
    settings: dict[str, str] = {}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        settings[name.rpartition(".")[2]] = ast.literal_eval(value)
    # A folder of this machine is not in the image.
    settings.pop("find-links", None)
    if "cert" in settings:
        settings["cert"] = _AUTHORITIES
    file = tmp_path_factory.mktemp("pip") / "pip.conf"
    file.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
    return file


@pytest.fixture(scope="module")
def built(
    platform: PlatformState, base: str, pip_configuration: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """The image by digest, and its configuration."""
    apt.install([apt.BUILDAH], paths.current().log / "apt.log")
    folder = tmp_path_factory.mktemp("buildah")
    # Nothing of a user's own images is touched, and no file system is mounted.
    store = [f"--root={folder / 'root'}", f"--runroot={folder / 'run'}", "--storage-driver=vfs"]

    def buildah(command: str, *arguments: str) -> str:
        done = subprocess.run(
            ["buildah", *store, command, *arguments], capture_output=True, text=True, check=False, cwd=paths.ROOT
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    target = f"{platform.backend_registry.removeprefix('http://')}/{REPOSITORY}"
    settings = [f"--build-arg=BASE={base}", f"--build-arg=SITE_PACKAGES={_SITE_PACKAGES}"]
    how = ["--isolation=chroot", "--tls-verify=false", f"--secret=id=pip.conf,src={pip_configuration}"]
    buildah("build", *how, *settings, "--tag", target, "image")
    buildah("push", "--tls-verify=false", f"--digestfile={folder / 'digest'}", target)
    yield f"{target}@{(folder / 'digest').read_text()}", buildah("inspect", "--type=image", target)
    buildah("rmi", "--all", "--force")


def test_it_runs_as_nobody_on_a_read_only_root_and_has_the_programs_boto3(kube: Client, built: tuple[str, str]) -> None:
    outcome = one_shot.run(
        kube, NAMESPACE, "own-image", built[0], "import boto3; print(boto3.__version__, boto3.__file__)"
    )
    boto3 = pins.boto3_pin((paths.ROOT / "requirements.txt").read_text()).partition("==")[2]
    assert outcome.output == f"{boto3} {_SITE_PACKAGES}/boto3/__init__.py\n"


def test_its_user_is_not_root_and_the_package_indexs_configuration_is_not_in_it(
    kube: Client, built: tuple[str, str]
) -> None:
    image, configuration = built
    assert json.loads(configuration)["OCIv1"]["config"]["User"] == f"{refresher.USER}:{refresher.USER}"
    outcome = one_shot.run(
        kube,
        NAMESPACE,
        "own-image",
        image,
        "import os; print(*map(os.path.exists, ['/etc/pip.conf', '/packages.txt']))",
    )
    assert outcome.output == "False False\n"
