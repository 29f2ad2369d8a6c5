"""The house rules hold in this tree, and each rule finds what it is there to find."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.house import rules

ROOT = Path(__file__).resolve().parent.parent.parent

RULES: tuple[Callable[[rules.Tree], Iterator[str]], ...] = (
    rules.too_long,
    rules.unfinished,
    rules.elsewhere,
    rules.wrong_imports,
    rules.undocumented,
    rules.skips,
    rules.stray_tests,
    rules.unpinned,
)

# For each rule, trees that break it in one way each, and what it must say.
BROKEN: list[tuple[Callable[[rules.Tree], Iterator[str]], rules.Tree, str]] = [
    (rules.too_long, {"local/big.py": "\n" * 401}, "local/big.py: 401 lines, more than 400"),
    (rules.unfinished, {"README.md": "fine\nTO" + "DO: more"}, "README.md:2: TO" + "DO"),
    (rules.elsewhere, {"Makefile": "x https://pypi" + ".org/simple"}, "Makefile:1: pypi" + ".org"),
    (rules.elsewhere, {"a.txt": "https://files.pythonhosted" + ".org"}, "a.txt:1: files.pythonhosted" + ".org"),
    (rules.elsewhere, {"a.txt": "GOPROXY=proxy." + "golang.org"}, "a.txt:1: proxy." + "golang.org"),
    (rules.elsewhere, {"a.py": "p = '/ro" + "ot/go/pkg'"}, "a.py:1: /ro" + "ot/go"),
    (rules.elsewhere, {"a.py": "p = '/ho" + "me/me'"}, "a.py:1: /ho" + "me/me"),
    (rules.wrong_imports, {"helper.py": ""}, "helper.py: is in no layer"),
    (rules.wrong_imports, {"settings/a.py": "import local.env"}, "settings/a.py:1: settings may not import local"),
    (rules.wrong_imports, {"cluster/a.py": "from local import env"}, "cluster/a.py:1: cluster may not import local"),
    (
        rules.wrong_imports,
        {"__main__.py": "def f():\n    import local"},
        "__main__.py:2: __main__ may not import local",
    ),
    (rules.wrong_imports, {"local/a.py": "import tests.x"}, "local/a.py:1: local may not import tests"),
    (
        rules.wrong_imports,
        {"components/a.py": "from settings import load"},
        "components/a.py:1: components may not import settings",
    ),
    (
        rules.wrong_imports,
        {"components/a.py": "import cluster"},
        "components/a.py:1: components may not import cluster",
    ),
    (
        rules.wrong_imports,
        {"lambda_src/refresher/a.py": "import pulumi"},
        "lambda_src/refresher/a.py:1: pulumi is not in Lambda's Python runtime",
    ),
    (rules.undocumented, {"cluster/a.py": "x = 1"}, "cluster/a.py: the module has no docstring"),
    (rules.undocumented, {"settings/a.py": '"""A."""\ndef f(): ...'}, "settings/a.py:2: f has no docstring"),
    (rules.undocumented, {"components/a.py": '"""A."""\nclass F: ...'}, "components/a.py:2: F has no docstring"),
    (rules.skips, {"tests/test_a.py": "@pytest.mark.skip\ndef test_a(): ..."}, "tests/test_a.py:1: a test that"),
    (rules.skips, {"tests/test_a.py": "from pytest import importorskip"}, "tests/test_a.py:1: a test that"),
    (rules.stray_tests, {"tests/__init__.py": "", "tests/a/test_a.py": ""}, "tests/a: no __init__.py"),
    (
        rules.stray_tests,
        {"tests/__init__.py": "", "tests/a_test.py": "def test_a(): ..."},
        "tests/a_test.py: has tests, but its name does not begin with test_",
    ),
    (rules.unpinned, {"requirements.txt": "boto3>=1\n"}, "requirements.txt:1: boto3>=1 is not pinned to one version"),
    (rules.unpinned, {"local/requirements.txt": "# a\nboto3"}, "local/requirements.txt:2: boto3 is not pinned"),
]


@pytest.fixture(scope="module")
def tree() -> rules.Tree:
    """Every text file that is, or is about to be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, str] = {}
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.is_file():
            found[name] = path.read_text(encoding="utf-8")
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_its_rules(rule: Callable[[rules.Tree], Iterator[str]], tree: rules.Tree) -> None:
    found = list(rule(tree))
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("rule", "broken", "said"), BROKEN, ids=[f"{rule.__name__}: {said}" for rule, _, said in BROKEN]
)
def test_a_broken_rule_is_seen(rule: Callable[[rules.Tree], Iterator[str]], broken: rules.Tree, said: str) -> None:
    found = list(rule(broken))
    assert len(found) == 1
    assert found[0].startswith(said)


def test_every_rule_has_been_seen_to_fail() -> None:
    assert {rule for rule, _, _ in BROKEN} == set(RULES)


def test_no_reason_is_kept_for_a_file_that_is_short_or_gone(tree: rules.Tree) -> None:
    for path in rules.LONG_FILES:
        assert tree.get(path, "").count("\n") > rules.LONGEST_FILE, path


def test_the_houses_map_says_what_every_folder_is_for(tree: rules.Tree) -> None:
    folders = {name.split("/")[0] for name in tree if "/" in name}
    told = {
        line.split("`")[1].rstrip("/")
        for line in tree["CONTRIBUTING.md"].splitlines()
        if line.startswith("| `") and "/`" in line
    }
    assert folders <= told, "CONTRIBUTING.md, The house's map"
