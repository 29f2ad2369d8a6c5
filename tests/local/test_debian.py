"""A root file system out of Debian packages: real dpkg-deb and tar, and an apt-get that gives out packages made here."""

import subprocess
from pathlib import Path

import pytest

from local.registry import debian
from local.registry.debian import DebianError

# Notes its arguments; copies the packages to where apt was told to keep them, unless its lists are stale.
_APT = """#!/bin/sh
printf '%s\\n' "$*" >> {folder}/asked
[ "${{DEBIAN_FRONTEND-}}" = noninteractive ] || exit 9
for word; do
    case $word in
    Dir::Cache::archives=*) archives=${{word#*=}} ;;
    update) touch {folder}/updated; exit 0 ;;
    esac
done
if [ -e {folder}/stale ] && ! [ -e {folder}/updated ]; then
    echo 'E: Unable to fetch some archives'
    exit 100
fi
cp {folder}/packages/*.deb "$archives"
"""


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an apt-get that is first on PATH."""
    folder = tmp_path / "apt"
    (folder / "packages").mkdir(parents=True)
    program = folder / "apt-get"
    program.write_text(_APT.format(folder=folder))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/sbin:/usr/bin:/sbin:/bin")
    monkeypatch.delenv("DEBIAN_FRONTEND", raising=False)
    package(folder, "python3-minimal", {"usr/bin/python3.11": "python"}, {"usr/bin/python3": "python3.11"})
    return folder


def package(apt: Path, name: str, files: dict[str, str], links: dict[str, str] | None = None) -> None:
    """Have apt give out a package of these files and links."""
    root = apt / "made" / name
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN" / "control").write_text(
        f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: none\n"
    )
    (root / "DEBIAN" / "postinst").write_text("#!/bin/sh\nexit 1\n")
    (root / "DEBIAN" / "postinst").chmod(0o755)
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    for path, target in (links or {}).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).symlink_to(target)
    made = apt / "packages" / f"{name}_1_all.deb"
    subprocess.run(["dpkg-deb", "--build", root, made], check=True, capture_output=True)


def test_packages_are_unpacked_and_the_version_told(apt: Path, tmp_path: Path) -> None:
    assert debian.python_root(tmp_path / "root", tmp_path / "scratch") == (3, 11)
    assert (tmp_path / "root/usr/bin/python3").read_text() == "python"


def test_files_of_the_old_and_the_new_places_meet_in_usr(apt: Path, tmp_path: Path) -> None:
    package(apt, "old", {"lib/libold.so": "old", "bin/old": "old"})
    package(apt, "new", {"usr/lib/libnew.so": "new"})
    root = tmp_path / "root"
    debian.python_root(root, tmp_path / "scratch")
    assert (root / "lib").readlink() == Path("usr/lib")
    assert {path.name for path in (root / "usr/lib").iterdir()} == {"libold.so", "libnew.so"}
    assert (root / "usr/bin/old").exists()


def test_what_installs_packages_and_what_only_people_read_is_left_out(apt: Path, tmp_path: Path) -> None:
    package(apt, "dpkg", {"usr/bin/dpkg": ""})
    package(apt, "tar", {"usr/bin/tar": ""})
    package(
        apt, "libc6", {"usr/share/doc/libc6/copyright": "", "usr/lib/any/gconv/X.so": "", "usr/lib/any/libc.so": ""}
    )
    root = tmp_path / "root"
    debian.python_root(root, tmp_path / "scratch")
    assert not (root / "usr/bin/dpkg").exists()
    assert not (root / "usr/bin/tar").exists()
    assert not (root / "usr/share/doc").exists()
    assert [path.name for path in (root / "usr/lib/any").iterdir()] == ["libc.so"]


def test_pip_may_install_into_it(apt: Path, tmp_path: Path) -> None:
    package(apt, "stdlib", {"usr/lib/python3.11/EXTERNALLY-MANAGED": "", "usr/lib/python3.11/os.py": ""})
    debian.python_root(tmp_path / "root", tmp_path / "scratch")
    assert [path.name for path in (tmp_path / "root/usr/lib/python3.11").iterdir()] == ["os.py"]


def test_apt_is_asked_as_for_an_empty_machine_and_leaves_this_one_alone(apt: Path, tmp_path: Path) -> None:
    debian.fetch(["one", "two"], tmp_path / "scratch")
    (asked,) = (apt / "asked").read_text().splitlines()
    assert asked.endswith(" --download-only install one two")
    assert f"Dir::State::status={tmp_path}/scratch/status" in asked
    assert (tmp_path / "scratch/status").read_text() == ""
    assert "Dir::Cache::pkgcache= " in asked
    assert "Dir::Cache::srcpkgcache= " in asked


def test_stale_lists_are_updated_once(apt: Path, tmp_path: Path) -> None:
    (apt / "stale").touch()
    assert [path.name for path in debian.fetch(["any"], tmp_path / "scratch")] == ["python3-minimal_1_all.deb"]
    asked = (apt / "asked").read_text().splitlines()
    assert [line.split()[-1] for line in asked] == ["any", "update", "any"]


def test_what_apt_cannot_do_is_told_in_its_words(apt: Path, tmp_path: Path) -> None:
    (apt / "apt-get").write_text("#!/bin/sh\necho 'E: Unable to locate package'\nexit 100\n")
    with pytest.raises(DebianError, match=r"(?s)`apt-get` ended with status 100\nE: Unable to locate package"):
        debian.fetch(["any"], tmp_path / "scratch")


def test_a_broken_package_is_an_error(apt: Path, tmp_path: Path) -> None:
    broken = apt / "packages" / "broken_1_all.deb"
    broken.write_bytes(b"!<arch>\n")
    with pytest.raises(DebianError):
        debian.python_root(tmp_path / "root", tmp_path / "scratch")


def test_a_package_that_ends_too_early_is_an_error(apt: Path, tmp_path: Path) -> None:
    # What comes out of it may look like a whole archive to tar.
    (apt / "dpkg-deb").write_text('#!/bin/sh\n/usr/bin/dpkg-deb "$@"\nexit 2\n')
    (apt / "dpkg-deb").chmod(0o755)
    with pytest.raises(DebianError, match=r"python3-minimal_1_all\.deb is no whole package"):
        debian.python_root(tmp_path / "root", tmp_path / "scratch")


def test_a_python_that_is_too_old_is_refused(apt: Path, tmp_path: Path) -> None:
    (apt / "packages" / "python3-minimal_1_all.deb").unlink()
    package(apt, "old-python", {"usr/bin/python3.10": ""}, {"usr/bin/python3": "python3.10"})
    with pytest.raises(DebianError, match=r"have python3\.10; the refresher needs 3\.11 or later"):
        debian.python_root(tmp_path / "root", tmp_path / "scratch")


def test_a_machine_without_apt_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert debian.obstacle() == ""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert debian.obstacle() == "no apt-get on this machine"
