"""Each block of commands on the pages is typed by a test, or a test runs the same in another way."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, blocks, commands, text_of
from tests.live.reader import NOT_TYPED
from tests.live.test_pages import PREVIEWED

WALKS = ("test_pages.py", "test_pages_of_modes.py", "test_migrations.py", "test_developers_pages.py")
# The file that runs the same, and by which words of it that is seen.
ELSEWHERE = {
    ("README.md", 7): ("tests/local/test_chart_repository.py", 'blocks(text_of("README.md"))[6]'),
    ("CONTRIBUTING.md", 1): (".ci/run", "make test"),
    # The local language host can't start a pack as it lies there.
    ("docs/policies.md", 2): ("tests/policy/test_pack.py", '"--policy-pack"'),
    ("bench/README.md", 1): ("tests/bench/test_fanout.py", '"-m", "bench", "fanout", "--json"'),
}


def typed(file: Path) -> Iterator[tuple[str, int]]:
    """The blocks that a file's tests type: arguments of `types`, which are literals or the file's own constants."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    constants = {
        target.id: value.value
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        for target, value in _pairs(statement)
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="types"), args=[page, ast.Constant(value=int(number))]):
                yield (page.value if isinstance(page, ast.Constant) else constants[page.id]), number
            case _:
                pass


def _pairs(statement: ast.Assign) -> Iterator[tuple[ast.expr, ast.expr]]:
    (target,) = statement.targets
    if isinstance(target, ast.Tuple) and isinstance(statement.value, ast.Tuple):
        yield from zip(target.elts, statement.value.elts, strict=True)
    else:
        yield target, statement.value


WALKED = {block for name in WALKS for block in typed(ROOT / "tests" / "live" / name)}
BLOCKS = {(page, number) for page in PAGES for number in range(1, len(blocks(text_of(page))) + 1)}


def test_each_block_is_typed_and_nothing_is_said_of_blocks_that_are_not_there() -> None:
    previewed = {(page, number) for page, number, *_ in PREVIEWED}
    assert WALKED | previewed | {*ELSEWHERE} == BLOCKS


@pytest.mark.parametrize(("file", "words"), ELSEWHERE.values())
def test_what_is_run_elsewhere_is(file: str, words: str) -> None:
    assert words in (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("command", NOT_TYPED)
def test_what_nobody_types_is_on_a_page(command: str) -> None:
    assert any(command.split() in commands(block) for page, _ in WALKED for block in blocks(text_of(page)))
