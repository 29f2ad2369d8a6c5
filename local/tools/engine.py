"""The Pulumi engine: the user's own where there is one, else ours."""

import os
import shutil
from pathlib import Path

from local.paths import Paths
from local.tools import build
from local.tools.families import PULUMI, PULUMI_LANGUAGE_PYTHON

_OURS = (PULUMI_LANGUAGE_PYTHON, PULUMI)


def own(folders: Paths, search: str) -> Path | None:
    """The user's own `pulumi` on the PATH `search`; None without it or without its Python language host."""
    elsewhere = os.pathsep.join(folder for folder in search.split(os.pathsep) if Path(folder) != folders.bin)
    found = shutil.which("pulumi", path=elsewhere)
    return Path(found) if found and shutil.which("pulumi-language-python", path=elsewhere) else None


def ensure(folders: Paths, search: str | None = None) -> str:
    """Build ours, or take it away where the user has one, because our folder comes first on the PATH we give.

    Raises:
        BuildError: no usable Go, or the build failed.
    """
    if own(folders, os.environ.get("PATH", os.defpath) if search is None else search):
        for family in _OURS:
            build.remove(family, folders)
        return "kept"
    words = [build.build(family, folders) for family in _OURS]
    return "kept" if set(words) == {"kept"} else "built"
