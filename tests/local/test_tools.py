"""Tools are built when their pins change, and only then."""

import dataclasses
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from local.paths import Paths, current
from local.tools import build, engine
from local.tools.build import BuildError
from local.tools.families import ALL, HELM, KUBERNETES, Family, Taken

_MAIN = """package main

var Version string

func main() { print(Version) }
"""


@dataclasses.dataclass(frozen=True)
class Here(Family):
    """A family whose module is in a folder of the test's."""

    folder: Path = Path()

    @property
    def module(self) -> Path:
        return self.folder


@pytest.fixture
def family(tmp_path: Path) -> Here:
    """A module with one program, `hello`, that prints its version."""
    folder = tmp_path / "module"
    (folder / "hello").mkdir(parents=True)
    (folder / "go.mod").write_text("module example.test/tools\n\ngo 1.21\n")
    (folder / "go.sum").write_text("")
    (folder / "hello" / "main.go").write_text(_MAIN)
    return Here("sample", ("example.test/tools/hello",), (("main.Version", "v7"),), folder=folder)


def test_a_family_is_built_with_its_version_and_then_kept(family: Here, folders: Paths) -> None:
    assert build.build(family, folders) == "built"
    program = folders.bin / "hello"
    assert subprocess.run([program], capture_output=True, text=True, check=True).stderr == "v7"
    before = program.stat().st_mtime_ns
    assert build.build(family, folders) == "kept"
    assert program.stat().st_mtime_ns == before


@pytest.mark.parametrize("name", ["go.mod", "go.sum"])
def test_changed_pins_are_another_stamp(family: Here, name: str) -> None:
    before = build.stamp(family)
    with (family.module / name).open("a") as file:
        file.write("\n")
    assert build.stamp(family) != before


@pytest.mark.parametrize(
    "changes", [{"variables": (("main.Version", "v8"),)}, {"packages": ("example.test/tools/other",)}, {"static": True}]
)
def test_changed_flags_are_another_stamp(family: Here, changes: dict[str, object]) -> None:
    assert build.stamp(dataclasses.replace(family, **changes)) != build.stamp(family)  # pyright: ignore


def test_a_missing_program_is_built_again(family: Here, folders: Paths) -> None:
    build.build(family, folders)
    (folders.bin / "hello").unlink()
    assert build.build(family, folders) == "built"


def test_a_program_can_be_rebuilt_while_it_is_open(family: Here, folders: Paths) -> None:
    build.build(family, folders)
    with (folders.bin / "hello").open("rb") as running:
        before = running.read()
        build.build(dataclasses.replace(family, variables=(("main.Version", "v8"),)), folders)
        running.seek(0)
        assert running.read() == before
    assert (folders.bin / "hello").read_bytes() != before


def test_a_failed_build_keeps_the_old_program_and_quotes_the_compiler(family: Here, folders: Paths) -> None:
    build.build(family, folders)
    (family.module / "hello" / "main.go").write_text("package main\n\nfunc main() { nonsense() }\n")
    changed = dataclasses.replace(family, variables=())
    with pytest.raises(BuildError, match=r"(?s)building sample failed.*undefined: nonsense"):
        build.build(changed, folders)
    assert (folders.bin / "hello").exists()
    assert not build.is_built(changed, folders)
    assert [path.name for path in folders.bin.iterdir()] == ["hello"]


def test_removed_programs_leave_nothing(family: Here, folders: Paths) -> None:
    build.build(family, folders)
    build.remove(family, folders)
    assert list(folders.bin.iterdir()) == []
    assert not build.is_built(family, folders)


def test_without_go_the_error_says_what_to_install(family: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BuildError, match=r"`go` is not on PATH: install Go 1\.21 or newer"):
        build.check_go(family)


def fake_go(folder: Path, version: str, toolchain: str) -> str:
    program = folder / "go"
    program.write_text(f"#!/bin/sh\nprintf '%s\\n%s\\n' {version} {toolchain}\n")
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize(("version", "toolchain"), [("go1.19.8", "local"), ("go1.20", "auto"), ("go1.24.1", "local")])
def test_a_go_that_is_too_old_is_refused(tmp_path: Path, version: str, toolchain: str) -> None:
    go = fake_go(tmp_path, version, toolchain)
    with pytest.raises(BuildError, match=rf"is {version}, kubernetes needs 1\.26\.0: install Go"):
        build.check_go(ALL["kubernetes"], go)


@pytest.mark.parametrize(("version", "toolchain"), [("go1.24.1", "auto"), ("go1.26.0", "local"), ("go1.27.2", "local")])
def test_a_new_enough_go_or_one_that_fetches_a_newer_is_taken(tmp_path: Path, version: str, toolchain: str) -> None:
    go = fake_go(tmp_path, version, toolchain)
    assert build.check_go(ALL["kubernetes"], go) == go


@pytest.mark.parametrize("family", ALL.values(), ids=ALL.keys())
def test_every_family_pins_the_modules_its_programs_come_from(family: Family) -> None:
    text = (family.module / "go.mod").read_text()
    for package in family.packages:
        assert package in text.partition("require")[0], "go.mod names no such tool"
    assert (family.module / "go.sum").stat().st_size > 0


@pytest.mark.parametrize("family", [family for family in ALL.values() if family.variables], ids=lambda f: f.name)
def test_programs_are_told_the_version_that_is_pinned(family: Family) -> None:
    pins = re.findall(r"^\s(\S+) (v\S+)", (family.module / "go.mod").read_text(), re.MULTILINE)
    (told,) = {value for _, value in family.variables if value.startswith("v")}
    for package in family.packages:
        (pinned,) = {version for module, version in pins if f"{package}/".startswith(f"{module}/")}
        assert told == pinned


def test_kubectl_says_the_api_servers_version() -> None:
    answer = subprocess.run(
        [current().bin / "kubectl", "version", "--client", "--output=json"], capture_output=True, text=True, check=True
    )
    told = json.loads(answer.stdout)["clientVersion"]
    expected = {name.rpartition(".")[2]: value for name, value in KUBERNETES.variables}
    assert {"gitVersion": told["gitVersion"], "gitMajor": told["major"], "gitMinor": told["minor"]} == expected


def test_helm_says_the_version_that_is_pinned() -> None:
    told = subprocess.run([current().bin / "helm", "version"], capture_output=True, text=True, check=True).stdout
    assert f'Version:"{dict(HELM.variables)["helm.sh/helm/v3/internal/version.version"]}"' in told


def test_a_file_is_taken_out_of_a_required_module(folders: Paths) -> None:
    go = shutil.which("go")
    assert go is not None
    family = ALL["actionlint"]
    assert (build.module_folder(go, family, "github.com/rhysd/actionlint") / "LICENSE.txt").is_file()


@pytest.fixture
def taking() -> Family:
    """A family that builds nothing and takes a folder."""
    return dataclasses.replace(
        ALL["actionlint"], packages=(), taken=(Taken("github.com/rhysd/actionlint", "man", "share/page"),)
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_is_taken_as_it_is_and_can_be_changed(taking: Family, folders: Paths) -> None:
    assert build.build(taking, folders) == "built"
    go = shutil.which("go")
    assert go is not None
    taken = folders.share / "page"
    assert contents(taken) == contents(build.module_folder(go, taking, "github.com/rhysd/actionlint") / "man")
    assert all(path.stat().st_mode & 0o200 for path in [taken, *taken.rglob("*")])
    assert build.build(taking, folders) == "kept"


def test_what_is_taken_now_takes_the_place_of_what_was(taking: Family, folders: Paths) -> None:
    build.build(taking, folders)
    before, page = contents(folders.share / "page"), folders.share / "page"
    for path in ("playground", "LICENSE.txt", "playground"):
        item = dataclasses.replace(taking.taken[0], path=path, executable=path == "LICENSE.txt")
        other = dataclasses.replace(taking, taken=(item,))
        assert build.build(other, folders) == "built"
        assert page.is_file() == item.executable
        assert before.keys().isdisjoint(contents(page))
        assert page.is_dir() or (page.stat().st_mode & 0o777 == 0o755 and "MIT" in page.read_text())
        build.build(taking, folders)
        assert contents(page) == before
    build.remove(taking, folders)
    assert list(folders.share.iterdir()) == []


def test_what_was_taken_half_is_taken_again_also_by_the_first_pins(
    taking: Family, folders: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    build.build(taking, folders)

    def interrupted(source: Path, target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfile", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build.build(dataclasses.replace(taking, static=True), folders)
    assert not build.is_built(taking, folders)
    assert build.build(taking, folders) == "built"
    assert contents(folders.share / "page")


def install(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return folder


def test_the_users_own_engine_is_used_and_ours_taken_out_of_its_way(folders: Paths, tmp_path: Path) -> None:
    ours = [folders.bin / "pulumi", folders.bin / "pulumi-language-python", folders.bin / "pulumi-language-python-exec"]
    for program in ours:
        program.write_text("")
        program.chmod(0o755)
    theirs = install(tmp_path / "theirs", "pulumi", "pulumi-language-python")
    assert engine.ensure(folders, f"{folders.bin}:{theirs}") == "kept"
    assert [program.exists() for program in ours] == [False, False, False]


def test_an_engine_without_a_language_host_or_our_own_is_not_the_users(folders: Paths, tmp_path: Path) -> None:
    lonely = install(tmp_path / "lonely", "pulumi")
    assert engine.own(folders, str(lonely)) is None
    for name in ("pulumi", "pulumi-language-python"):
        (folders.bin / name).write_text("")
        (folders.bin / name).chmod(0o755)
    assert engine.own(folders, str(folders.bin)) is None


def test_without_the_users_engine_ours_is_built(
    folders: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[str] = []

    def note(family: Family, folders: Paths) -> str:
        built.append(family.name)
        return "built"

    monkeypatch.setattr(build, "build", note)
    assert engine.ensure(folders, str(tmp_path)) == "built"
    assert built == ["pulumi-language-python", "pulumi"]
