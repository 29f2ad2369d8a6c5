"""Makes container images without Docker and pushes them over the distribution API.

Formats: OCI image specification 1.1 (layer tar, config, manifest) and OCI distribution specification 1.1 (blobs by
POST then PUT, manifest by PUT).
"""

import hashlib
import http.client
import io
import json
import os
import platform
import stat
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import quote, urljoin, urlsplit

_LAYER = "application/vnd.oci.image.layer.v1.tar"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class PushError(Exception):
    """The registry refused something or was not there."""


@dataclass(frozen=True)
class File:
    """A file of an image: its content, a file of this machine that holds it, or the target of a symbolic link."""

    content: bytes | Path | None = None
    mode: int = 0o644
    link: str | None = None


@dataclass(frozen=True)
class Pushed:
    """`reference` is HOST:PORT/REPOSITORY@DIGEST, by which containerd pulls exactly this image."""

    digest: str
    reference: str


def architecture() -> str:
    """This machine's architecture by Go's names, which images use."""
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def push_image(
    registry_url: str,
    repository: str,
    tag: str,
    files: Mapping[str, File],
    *,
    entrypoint: Sequence[str],
    environment: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    user: str = "",
) -> Pushed:
    """Make a one-layer image out of `files` (by absolute path) and push it to an open registry.

    The same input gives the same digest: times and owners in the layer are zero. The layer isn't compressed, because
    it never leaves the machine.

    Raises:
        PushError: the registry refused, or cannot be reached.
        OSError: a file of this machine cannot be read.
    """
    parts = urlsplit(registry_url)
    if parts.scheme != "http" or parts.hostname is None:
        raise PushError(f"{registry_url!r}: an address like http://127.0.0.1:5000 is needed")
    with tempfile.TemporaryFile() as layer:
        _write_layer(layer, files)
        layer_digest, layer_size = _digest(layer)
        config = json.dumps(
            {
                "architecture": architecture(),
                "os": "linux",
                "config": {
                    "Entrypoint": list(entrypoint),
                    "Env": [f"{name}={value}" for name, value in (environment or {}).items()],
                    "Labels": dict(labels or {}),
                    "User": user,
                },
                "rootfs": {"type": "layers", "diff_ids": [layer_digest]},
            },
            sort_keys=True,
        ).encode()
        config_digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": {"mediaType": _CONFIG, "digest": config_digest, "size": len(config)},
                "layers": [{"mediaType": _LAYER, "digest": layer_digest, "size": layer_size}],
            },
            sort_keys=True,
        ).encode()
        connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=120)
        try:
            _push_blob(connection, repository, layer, layer_digest, layer_size)
            _push_blob(connection, repository, io.BytesIO(config), config_digest, len(config))
            _expect(
                (201,),
                *_send(connection, "PUT", f"/v2/{repository}/manifests/{tag}", manifest, {"Content-Type": _MANIFEST}),
            )
        except (OSError, http.client.HTTPException) as error:
            raise PushError(f"pushing {repository}:{tag} to {registry_url}: {error}") from error
        finally:
            connection.close()
    digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    return Pushed(digest, f"{parts.netloc}/{repository}@{digest}")


def push_once(
    note: Path, made_of: str, registry_url: str, repository: str, push: Callable[[], Pushed]
) -> tuple[Pushed, str]:
    """Push an image unless that was done before; gives it and "kept" or "pushed".

    `note` is the file that remembers what it was made of and its digest. Raises PushError and whatever `push` does.
    """
    known = note.read_text().split() if note.exists() else []
    if len(known) == 2 and known[0] == made_of and has_image(registry_url, repository, known[1]):
        return Pushed(known[1], f"{urlsplit(registry_url).netloc}/{repository}@{known[1]}"), "kept"
    pushed = push()
    note.write_text(f"{made_of} {pushed.digest}")
    return pushed, "pushed"


def tree(folder: Path) -> dict[str, File]:
    """The files and links of a root file system that lies in `folder`. Folders come by their files alone."""
    found: dict[str, File] = {}
    for parent, folders, names in os.walk(folder):
        for path in (Path(parent, name) for name in (*folders, *names)):
            inside = f"/{path.relative_to(folder)}"
            if path.is_symlink():
                found[inside] = File(link=str(path.readlink()))
            elif path.is_file():
                found[inside] = File(path, stat.S_IMODE(path.stat().st_mode))
    return found


def has_image(registry_url: str, repository: str, reference: str) -> bool:
    """Whether the registry has an image of that tag or digest. Raises PushError when it cannot be reached."""
    parts = urlsplit(registry_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=30)
    try:
        path = f"/v2/{repository}/manifests/{reference}"
        answer, _ = _send(connection, "HEAD", path, None, {"Accept": _MANIFEST})
    except (OSError, http.client.HTTPException) as error:
        raise PushError(f"asking {registry_url} for {repository}: {error}") from error
    finally:
        connection.close()
    return answer.status == 200


def _write_layer(target: BinaryIO, files: Mapping[str, File]) -> None:
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        folders = {str(parent) for path in files for parent in PurePosixPath(path).parents} - {"/", "."}
        for folder in sorted(folders):
            entry = tarfile.TarInfo(folder.lstrip("/"))
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for path, file in sorted(files.items()):
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.mode = file.mode
            if file.link is not None:
                entry.type, entry.linkname = tarfile.SYMTYPE, file.link
                archive.addfile(entry)
            elif isinstance(file.content, Path):
                entry.size = file.content.stat().st_size
                with file.content.open("rb") as source:
                    archive.addfile(entry, source)
            else:
                content = file.content or b""
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))


def _digest(file: BinaryIO) -> tuple[str, int]:
    file.seek(0)
    digest = hashlib.sha256()
    size = 0
    while piece := file.read(1024 * 1024):
        digest.update(piece)
        size += len(piece)
    return f"sha256:{digest.hexdigest()}", size


def _push_blob(
    connection: http.client.HTTPConnection, repository: str, content: BinaryIO, digest: str, size: int
) -> None:
    answer, _ = _send(connection, "HEAD", f"/v2/{repository}/blobs/{digest}")
    if answer.status == 200:
        return
    path = f"/v2/{repository}/blobs/uploads/"
    answer, text = _send(connection, "POST", path)
    _expect((202,), answer, text)
    # Relative or absolute, and perhaps with a query of its own.
    place = urlsplit(urljoin(path, answer.headers["Location"]))
    query = f"{place.query}&" if place.query else ""
    content.seek(0)
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
    _expect((201,), *_send(connection, "PUT", f"{place.path}?{query}digest={quote(digest)}", content, headers))


def _send(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | BinaryIO | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[http.client.HTTPResponse, bytes]:
    connection.request(method, path, body, dict(headers or {}))
    answer = connection.getresponse()
    return answer, answer.read()


def _expect(statuses: Sequence[int], answer: http.client.HTTPResponse, text: bytes) -> None:
    if answer.status not in statuses:
        raise PushError(f"the registry answered {answer.status}: {text[:300].decode(errors='replace')}")
