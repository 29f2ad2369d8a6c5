"""The refresher's source files, as they are shipped."""

import hashlib
from pathlib import Path

SOURCE = Path("lambda_src")
PACKAGE = "refresher"


def source_files() -> list[str]:
    """The refresher's files, relative to `lambda_src`, sorted; caches are left out or every run would look changed."""
    return sorted(path.relative_to(SOURCE).as_posix() for path in (SOURCE / PACKAGE).rglob("*.py"))


def source_texts() -> dict[str, str]:
    """The text of each of them."""
    return {path: (SOURCE / path).read_text(encoding="utf-8") for path in source_files()}


def source_hash() -> str:
    """A hash of the refresher's code that does not depend on file times, as an archive's would."""
    digest = hashlib.sha256()
    for path, text in source_texts().items():
        digest.update(f"{path}\0{text}\0".encode())
    return digest.hexdigest()
