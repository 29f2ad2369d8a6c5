"""Builds families of Go programs into the state folder, again only when their pins or flags change."""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from local.paths import Paths
from local.tools.families import Family

_FLAGS = ("-trimpath", "-buildvcs=false")


class BuildError(Exception):
    """A program could not be built; the text says what to install or where the compiler's words are."""


def stamp(family: Family) -> str:
    """Names everything that the built programs depend on."""
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        digest.update((family.module / name).read_bytes())
    taken = [(item.module, item.path, item.target) for item in family.taken]
    digest.update(json.dumps([family.packages, family.variables, taken, family.static, _FLAGS]).encode())
    return digest.hexdigest()


def is_built(family: Family, folders: Paths) -> bool:
    """Whether the family's programs and files are there and of the current pins."""
    file = folders.stamps / f"{family.name}.sha256"
    targets = [
        *(folders.bin / name for name in family.programs),
        *(folders.home / item.target for item in family.taken),
    ]
    return file.exists() and file.read_text() == stamp(family) and all(target.exists() for target in targets)


def required_go(module: Path) -> tuple[int, ...]:
    """The Go version that a module's go.mod asks for."""
    found = re.search(r"^go (\d+(?:\.\d+)*)", (module / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise BuildError(f"{module}/go.mod names no Go version")
    return tuple(int(number) for number in found[1].split("."))


def check_go(family: Family, go: str | None = None) -> str:
    """The `go` program to build with.

    Raises:
        BuildError: it is missing or too old and can't fetch a newer one by itself; with what to install.
    """
    needed = required_go(family.module)
    wanted = ".".join(map(str, needed))
    how = f"install Go {wanted} or newer (https://go.dev/doc/install) and put it on PATH"
    go = go or shutil.which("go")
    if go is None:
        raise BuildError(f"{family.name} is built from source and `go` is not on PATH: {how}")
    answer = subprocess.run(
        [go, "env", "GOVERSION", "GOTOOLCHAIN"], capture_output=True, text=True, check=False, cwd=Path(go).parent
    )
    version, _, toolchain = answer.stdout.strip().partition("\n")
    found = re.match(r"go(\d+(?:\.\d+)*)", version)
    if answer.returncode != 0 or found is None:
        raise BuildError(f"{go} does not work ({answer.stderr.strip() or version}): {how}")
    have = tuple(int(number) for number in found[1].split("."))
    # From 1.21 on, unless told to stay local, go fetches the toolchain that a module asks for.
    if have < needed and (have < (1, 21) or toolchain.startswith("local")):
        raise BuildError(f"{go} is {version}, {family.name} needs {wanted}: {how}")
    return go


def build(family: Family, folders: Paths) -> str:
    """Build the family if its pins changed; gives "built" or "kept".

    Raises:
        BuildError: no usable Go, or the build failed.
    """
    with (folders.stamps / f"{family.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another command may be building the same
        if is_built(family, folders):
            return "kept"
        _build(family, folders, check_go(family))
    return "built"


def _build(family: Family, folders: Paths, go: str) -> None:
    # What is interrupted from here on is half new.
    (folders.stamps / f"{family.name}.sha256").unlink(missing_ok=True)
    if family.packages:
        _compile(go, family, folders)
    for item in family.taken:
        source, target = module_folder(go, family, item.module) / item.path, folders.home / item.target
        _clear(target)
        # File by file, because Go keeps folders that nothing can be deleted from.
        for file in source.rglob("*") if source.is_dir() else [source]:
            if file.is_file():
                copy = target / file.relative_to(source)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)
                copy.chmod(0o755 if item.executable else 0o644)
    (folders.stamps / f"{family.name}.sha256").write_text(stamp(family))


def _compile(go: str, family: Family, folders: Paths) -> None:
    log_file = folders.log / f"build-{family.name}.log"
    variables = " ".join(f"-X {name}={value}" for name, value in family.variables)
    command = [go, "build", *_FLAGS, "-mod=readonly", "-ldflags", f"-s -w {variables}".rstrip()]
    # Beside the final place, then moved there: a running program can't be overwritten, but it can be replaced, and an
    # interrupted build leaves nothing half written.
    fresh = folders.bin / f".{family.name}"
    fresh.mkdir(parents=True, exist_ok=True)
    try:
        with log_file.open("w") as log:
            done = subprocess.run(
                [*command, "-o", f"{fresh}{os.sep}", *family.packages],
                cwd=family.module,
                env={**os.environ, **({"CGO_ENABLED": "0"} if family.static else {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode != 0:
            raise BuildError(f"building {family.name} failed:\n{_tail(log_file)}(all of it: {log_file})")
        for name in family.programs:
            (fresh / name).replace(folders.bin / name)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def remove(family: Family, folders: Paths) -> None:
    """Take away what was built, so that it doesn't stand before a user's own program on PATH."""
    for target in (*(folders.bin / name for name in family.programs), *(folders.home / t.target for t in family.taken)):
        _clear(target)
    (folders.stamps / f"{family.name}.sha256").unlink(missing_ok=True)


def _clear(target: Path) -> None:
    if target.is_dir():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)


def module_folder(go: str, family: Family, module: str) -> Path:
    """Where Go keeps the sources of a module that the family's module requires. Raises BuildError."""
    # Fetches the module where a user's vendoring or cleaning left it out.
    command = [go, "mod", "download", "-json", module]
    answer = subprocess.run(command, cwd=family.module, capture_output=True, text=True, check=False)
    try:
        return Path(json.loads(answer.stdout)["Dir"])
    except (ValueError, KeyError):
        raise BuildError(f"{' '.join(command)}: {answer.stderr.strip() or answer.stdout.strip()}") from None


def _tail(log_file: Path, count: int = 20) -> str:
    lines = log_file.read_text(errors="replace").splitlines()
    return "".join(f"  | {line}\n" for line in lines[-count:])
