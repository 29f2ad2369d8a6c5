"""House rules, each a function from the tree (path to text) to the faults it finds, one line each."""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

Tree = Mapping[str, str]

LONGEST_FILE = 400
# Path to the reason why it may be longer.
LONG_FILES: dict[str, str] = {}
# Written by Go.
GENERATED = ("go.mod", "go.sum")

# What each part of the product may import of the others; `__main__.py` is the part `__main__`. Everything may import itself.
LAYERS: dict[str, frozenset[str]] = {
    "__main__": frozenset({"settings", "modes", "components", "cluster", "lambda_src"}),
    "settings": frozenset({"lambda_src"}),
    "kube": frozenset(),
    "modes": frozenset({"settings", "components", "cluster"}),
    "components": frozenset({"kube"}),
    "cluster": frozenset({"settings", "kube"}),
    "lambda_src": frozenset(),
    "checks": frozenset({"settings", "modes", "components", "cluster", "policy"}),
    "policy": frozenset(),
    "doctor": frozenset({"settings", "modes", "components", "cluster", "kube", "lambda_src"}),
    "local": frozenset({"settings", "components", "lambda_src"}),
    "bench": frozenset({"settings", "components", "cluster", "lambda_src", "checks", "local"}),
}
# What Lambda's Python runtime has by itself.
LAMBDA_RUNTIME = frozenset({"boto3", "botocore", "urllib3"})

_SKIPS = frozenset({"skip", "skipif", "importorskip", "xfail", "skipTest", "skipIf", "skipUnless", "expectedFailure"})
# Put together from parts, so that this file does not hold what it looks for.
_UNFINISHED = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b")
_ELSEWHERE = re.compile(
    r"(?:[\w.-]+\.)?(?:pypi|pythonhosted|npmjs)\.(?:org|com)|(?:proxy|sum)\.golang\.org|(?:deb|security)\.debian\.org"
    # The homes and workplaces of whoever wrote it. What programs own under / (/etc, /usr, /var, /tmp) is meant.
    r"|(?<![\w.~}/-])/(?:root|home|work|Users)/[\w.-]+"
)


def too_long(tree: Tree) -> Iterator[str]:
    """Files of more than LONGEST_FILE lines that LONG_FILES gives no reason for."""
    for path, text in tree.items():
        count = text.count("\n")
        if count > LONGEST_FILE and path not in LONG_FILES and PurePosixPath(path).name not in GENERATED:
            yield f"{path}: {count} lines, more than {LONGEST_FILE}"


def unfinished(tree: Tree) -> Iterator[str]:
    """Notes of things left to do."""
    yield from _found(tree, _UNFINISHED)


def elsewhere(tree: Tree) -> Iterator[str]:
    """Package registries' hosts and paths of one machine; both belong to a user's own configuration."""
    yield from _found(tree, _ELSEWHERE)


def wrong_imports(tree: Tree) -> Iterator[str]:
    """Imports against LAYERS, and of anything but the Lambda runtime's own in the refresher."""
    for path, module in _modules(tree):
        part = _part(path)
        if part == "tests":
            continue
        if part not in LAYERS:
            yield f"{path}: is in no layer"
            continue
        for line, name in _imports(module):
            top = name.partition(".")[0]
            ours = top in LAYERS or top == "tests"
            if ours and top != part and top not in LAYERS[part]:
                yield f"{path}:{line}: {part} may not import {top}"
            known = top == "refresher" or top in LAMBDA_RUNTIME or top in sys.stdlib_module_names
            if part == "lambda_src" and not ours and not known:
                yield f"{path}:{line}: {top} is not in Lambda's Python runtime"


def undocumented(tree: Tree) -> Iterator[str]:
    """Public modules, classes and functions of the product without a docstring."""
    for path, module in _modules(tree):
        if _part(path) in ("tests", "local"):
            continue
        if not ast.get_docstring(module):
            yield f"{path}: the module has no docstring"
        for node in module.body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            if not node.name.startswith("_") and not ast.get_docstring(node):
                yield f"{path}:{node.lineno}: {node.name} has no docstring"


def skips(tree: Tree) -> Iterator[str]:
    """Ways for a test not to run."""
    for path, module in _modules(tree):
        if not path.startswith("tests/"):
            continue
        for node in ast.walk(module):
            named = isinstance(node, ast.Attribute) and node.attr in _SKIPS
            imported = isinstance(node, ast.ImportFrom) and any(alias.name in _SKIPS for alias in node.names)
            if named or imported:
                yield f"{path}:{node.lineno}: a test that may not run"


def stray_tests(tree: Tree) -> Iterator[str]:
    """Tests in files that pytest does not look into, and folders of tests that are no packages.

    Two files of one name in folders that are no packages hide each other.
    """
    folders: set[PurePosixPath] = set()
    for path, module in _modules(tree):
        name = PurePosixPath(path)
        if name.parts[0] != "tests":
            continue
        if name.name.startswith("test_"):
            folders.update(folder for folder in name.parents if folder.parts)
        elif any(function.name.startswith("test_") for function in _functions(module)):
            yield f"{path}: has tests, but its name does not begin with test_"
    for folder in sorted(folders):
        if f"{folder}/__init__.py" not in tree:
            yield f"{folder}: no __init__.py"


def unpinned(tree: Tree) -> Iterator[str]:
    """Requirements without an exact version."""
    for path, text in tree.items():
        if not PurePosixPath(path).match("requirements*.txt"):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            entry = line.partition("#")[0].strip()
            if entry and not entry.startswith("-r ") and not re.fullmatch(r"[\w.-]+(?:\[[\w,-]+\])?==[\w.]+", entry):
                yield f"{path}:{number}: {entry} is not pinned to one version"


def _found(tree: Tree, pattern: re.Pattern[str]) -> Iterator[str]:
    for path, text in tree.items():
        if PurePosixPath(path).name in GENERATED:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if match := pattern.search(line):
                yield f"{path}:{number}: {match[0]}"


def _modules(tree: Tree) -> Iterator[tuple[str, ast.Module]]:
    for path, text in tree.items():
        if path.endswith(".py"):
            yield path, ast.parse(text, path)


def _functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _imports(module: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module


def _part(path: str) -> str:
    return PurePosixPath(path).parts[0].removesuffix(".py")
