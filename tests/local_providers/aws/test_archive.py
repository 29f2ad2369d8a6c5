"""Archives become zip files with the same bytes whenever their content is the same."""

import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from local.providers.aws.archive import zip_bytes
from local.providers.common.provider import ProviderError
from local.providers.common.values import Archive, Asset


def _names(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return {info.filename: packed.read(info) for info in packed.infolist()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "code"
    (root / "pkg").mkdir(parents=True)
    (root / ".pulumi").mkdir()
    (root / ".pulumi" / "x").write_text("no")
    (root / "main.py").write_text("print(1)")
    (root / "pkg" / "__init__.py").write_text("")
    return root


def test_a_folder_is_packed_whole_with_its_modules_on_top(folder: Path):
    packed = _names(zip_bytes(Archive(path=str(folder))))
    assert packed == {"main.py": b"print(1)", "pkg/__init__.py": b""}


def test_times_and_order_on_disk_do_not_change_a_byte(folder: Path):
    first = zip_bytes(Archive(path=str(folder)))
    os.utime(folder / "main.py", (1000000000, 1000000000))
    os.utime(folder, (1000000000, 1000000000))
    (folder / "pkg" / "__init__.py").unlink()
    (folder / "pkg" / "__init__.py").write_text("")
    assert zip_bytes(Archive(path=str(folder))) == first
    (folder / "main.py").write_text("print(2)")
    assert zip_bytes(Archive(path=str(folder))) != first


def test_programs_stay_executable(folder: Path):
    (folder / "main.py").chmod(0o755)
    with zipfile.ZipFile(io.BytesIO(zip_bytes(Archive(path=str(folder))))) as packed:
        modes = {info.filename: info.external_attr >> 16 for info in packed.infolist()}
    assert modes == {"main.py": 0o100755, "pkg/__init__.py": 0o100644}


def test_assets_and_archives_are_put_together(folder: Path):
    tree = Archive(
        assets={
            "lib": Archive(path=str(folder)),
            "text.py": Asset(text="pass"),
            "file.py": Asset(path=str(folder / "main.py")),
            "uri.py": Asset(uri=(folder / "main.py").as_uri()),
        }
    )
    assert _names(zip_bytes(tree)) == {
        "file.py": b"print(1)",
        "lib/main.py": b"print(1)",
        "lib/pkg/__init__.py": b"",
        "text.py": b"pass",
        "uri.py": b"print(1)",
    }


def test_a_zip_file_is_taken_as_it_is_and_a_tar_file_is_repacked(folder: Path, tmp_path: Path):
    ready = tmp_path / "ready.zip"
    ready.write_bytes(zip_bytes(Archive(path=str(folder))))
    assert zip_bytes(Archive(path=str(ready))) == ready.read_bytes()
    tar = tmp_path / "code.tgz"
    with tarfile.open(tar, "w:gz") as packed:
        packed.add(folder / "main.py", "./main.py")
    assert _names(zip_bytes(Archive(path=str(tar)))) == {"main.py": b"print(1)"}


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (Archive(path="/nowhere/at-all"), "cannot read"),
        (Archive(uri="https://example.com/x.zip"), "code from https:// is not supported"),
        (Archive(), "without content"),
        (Archive(assets={"a": Asset()}), "without content"),
    ],
)
def test_what_cannot_be_packed_is_refused(archive: Archive, reason: str):
    with pytest.raises(ProviderError, match=reason):
        zip_bytes(archive)


def test_a_file_that_is_no_archive_is_refused(folder: Path):
    with pytest.raises(ProviderError, match="neither a folder nor a zip or tar archive"):
        zip_bytes(Archive(path=str(folder / "main.py")))
