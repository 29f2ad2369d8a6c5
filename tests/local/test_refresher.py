"""When the refresher's image is made anew, and what is said when it can't be; tests/live has the image itself."""

import platform
from pathlib import Path

import pytest

from local.registry import pins, refresher
from local.registry.refresher import RefresherImageError


def test_other_packages_another_system_or_another_authority_are_another_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = tmp_path / "ca.crt"
    authority.write_text("one")
    before = refresher.made_of(authority)
    assert refresher.made_of(authority) == before
    other = tmp_path / "packages.txt"
    other.write_text(pins.PACKAGES.read_text().replace("boto3==1", "boto3==2"))
    with monkeypatch.context() as patched:
        patched.setattr(pins, "PACKAGES", other)
        assert refresher.made_of(authority) != before
    newer = {**platform.freedesktop_os_release(), "VERSION_ID": "99"}
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: newer)
    assert refresher.made_of(authority) != before
    monkeypatch.undo()
    assert refresher.made_of(authority) == before
    authority.write_text("another")
    assert refresher.made_of(authority) != before


def test_a_wheel_with_another_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = tmp_path / "packages.txt"
    changed.write_text(f"six==1.17.0 --hash=sha256:{'0' * 64}\n")
    monkeypatch.setattr(pins, "PACKAGES", changed)
    with pytest.raises(RefresherImageError, match="DO NOT MATCH THE HASHES"):
        refresher._install_boto3(tmp_path / "target", (3, 11))
    assert not (tmp_path / "target").exists()


def test_a_package_without_a_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loose = tmp_path / "packages.txt"
    loose.write_text("six==1.17.0\n")
    monkeypatch.setattr(pins, "PACKAGES", loose)
    with pytest.raises(RefresherImageError, match="Hashes are required"):
        refresher._install_boto3(tmp_path / "target", (3, 11))


def test_a_python_that_does_not_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(RefresherImageError, match=r"(?s)`chroot .*python3.*` ended with status 127"):
        refresher._compile(tmp_path)
