"""Pulumi archives as zip files whose bytes depend on their content alone, so that equal code has an equal hash."""

import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from local.providers.common.provider import ProviderError
from local.providers.common.values import Archive, Asset

_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest a zip file can say
_BOOKKEEPING = ".pulumi"  # the engine leaves this folder out of archives


def _local_path(path: str | None, uri: str | None) -> Path | None:
    if path is not None:
        return Path(path)
    if uri is None:
        return None
    parts = urlsplit(uri)
    if parts.scheme != "file":
        raise ProviderError(f"code from {parts.scheme}:// is not supported by the local stand-in for the aws provider")
    return Path(unquote(parts.path))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ProviderError(f"cannot read {path}: {error.strerror}") from None


def _asset(asset: Asset) -> bytes:
    if asset.text is not None:
        return asset.text.encode()
    path = _local_path(asset.path, asset.uri)
    if path is None:
        raise ProviderError("an asset without content can't be put into an archive")
    return _read(path)


def _tree(folder: Path) -> Iterator[tuple[str, bytes, bool]]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and _BOOKKEEPING not in inside.parts:
            yield inside.as_posix(), _read(path), bool(path.stat().st_mode & 0o100)


def _packed(path: Path) -> Iterator[tuple[str, bytes, bool]]:
    data = io.BytesIO(_read(path))
    if zipfile.is_zipfile(data):
        with zipfile.ZipFile(data) as packed:
            for info in packed.infolist():
                if not info.is_dir():
                    yield info.filename, packed.read(info), bool(info.external_attr >> 16 & 0o100)
        return
    data.seek(0)
    try:
        with tarfile.open(fileobj=data) as packed:
            for member in packed.getmembers():
                content = packed.extractfile(member) if member.isfile() else None
                if content:
                    yield member.name.removeprefix("./"), content.read(), bool(member.mode & 0o100)
    except tarfile.TarError:
        raise ProviderError(f"{path} is neither a folder nor a zip or tar archive") from None


def entries(archive: Archive) -> Iterator[tuple[str, bytes, bool]]:
    """(path inside, content, executable) of each file of the archive; raises ProviderError for what can't be read."""
    if archive.assets is not None:
        for name, item in sorted(archive.assets.items()):
            if isinstance(item, Asset):
                yield name, _asset(item), False
            else:
                for inner, content, executable in entries(item):
                    yield f"{name}/{inner}", content, executable
        return
    path = _local_path(archive.path, archive.uri)
    if path is None:
        raise ProviderError("an archive without content can't be uploaded")
    if path.is_dir():
        yield from _tree(path)
    else:
        yield from _packed(path)


def zip_bytes(archive: Archive) -> bytes:
    """The archive as a zip file. One that already is a zip file is taken as it is, as the real provider does."""
    path = _local_path(archive.path, archive.uri) if archive.assets is None else None
    if path is not None and path.is_file() and zipfile.is_zipfile(path):
        return _read(path)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, content, executable in sorted(entries(archive)):
            info = zipfile.ZipInfo(name, _TIME)
            info.external_attr = (0o100755 if executable else 0o100644) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(info, content)
    return out.getvalue()
