"""The package runs where nothing is installed but boto3 and what boto3 brings."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import refresher

FOLDER = Path(refresher.__file__).parent
MODULES = sorted(FOLDER.rglob("*.py"))
ALLOWED = {"boto3", "botocore", "urllib3", *sys.stdlib_module_names}


def imported(path: Path) -> set[str]:
    """First names of all that a module imports absolutely, wherever in its code."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(str(node.module).partition(".")[0])
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_imports_only_what_the_lambda_runtime_has(path: Path) -> None:
    assert imported(path) <= ALLOWED


# Lambda's runtimes may still have urllib3 1.26, which lacks much of what 2 has.
IN_BOTH = {
    *("urllib3.PoolManager", "urllib3.ProxyManager", "urllib3.Timeout", "urllib3.make_headers"),
    *("urllib3.exceptions.HTTPError", "urllib3.util.parse_url"),
}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_takes_nothing_from_urllib3_that_only_its_second_version_has(path: Path) -> None:
    nodes = [*ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    taken = [node for node in nodes if isinstance(node, ast.ImportFrom) and str(node.module).startswith("urllib3")]
    assert {f"{node.module}.{alias.name}" for node in taken for alias in node.names} <= IN_BOTH
    assert not [node for node in nodes if isinstance(node, ast.Import) and node.names[0].name.startswith("urllib3")]


ON_AWS = {
    *("assumed_roles", "aws_calls", "aws_clients", "aws_logins", "ecr", "handler", "secrets_manager"),
    *("registry_http", "rotation_step", "verification"),
}
PURE = (
    "core",
    "credentials",
    "denials",
    "document",
    "images",
    "kubernetes_errors",
    "lifetimes",
    "ownership",
    "pull_secret",
    "pulling",
    "registries",
    "rotation",
    "shapes",
    "shortfall",
    "summary",
    "tally",
    "targets",
    "wanted",
)


@pytest.mark.parametrize("module", sorted({path.stem for path in MODULES} - ON_AWS - {"__init__"}))
def test_all_but_the_aws_adapters_import_nothing_but_the_standard_library(module: str) -> None:
    code = f"import sys, refresher.{module}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=FOLDER.parent, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert "refresher" in loaded
    assert not loaded & {"boto3", "botocore", "urllib3", "pulumi"}


@pytest.mark.parametrize("module", PURE)
def test_the_rules_import_nothing_that_reads_or_writes(module: str) -> None:
    assert not imported(FOLDER / f"{module}.py") & {
        "logging",
        "os",
        "pathlib",
        "socket",
        "ssl",
        "sys",
        "threading",
        "time",
    }


def test_everything_lies_in_one_folder_because_a_config_map_knows_none() -> None:
    assert {path.parent for path in MODULES} == {FOLDER}
