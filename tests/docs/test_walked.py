"""Each block of commands on the pages is typed by a test, or a test runs the same in another way."""

import ast
import inspect
from collections.abc import Iterator
from types import ModuleType

import pytest

from tests.docs.pages import PAGES, ROOT, blocks, commands, said, spoken, text_of
from tests.docs.programs import PROGRAMS, UnknownCommand, check
from tests.live import test_developers_pages, test_migrations, test_pages, test_pages_of_modes
from tests.live.reader import NOT_TYPED

WALKS = (test_pages, test_pages_of_modes, test_migrations, test_developers_pages)
# The file that runs the same, and by which words of it that is seen.
ELSEWHERE = {
    ("README.md", 7): ("tests/local/test_chart_repository.py", 'blocks(text_of("README.md"))[6]'),
    ("CONTRIBUTING.md", 1): (".ci/run", "make test"),
    # The local language host can't start a pack as it lies there.
    ("docs/policies.md", 2): ("tests/policy/test_pack.py", '"--policy-pack"'),
    ("bench/README.md", 1): ("tests/bench/test_fanout.py", '"-m", "bench", "fanout", "--json"'),
}
# The same for what a sentence says in full.
SAID_ELSEWHERE = {
    "pulumi destroy --run-program": ("tests/local_providers/aws/test_node_access.py", '"--run-program"'),
    "pulumi refresh --clear-pending-creates": ("tests/cluster/test_leftovers_for_real.py", '"--clear-pending-creates"'),
    "pulumi stack export --file state.json": ("tests/modes/test_identities_for_real.py", '"export", "--file"'),
    "pulumi stack import --file state.json": ("tests/modes/test_identities_for_real.py", '"import", "--file"'),
    "pulumi stack output imagesVerified": ("tests/live/test_reach.py", '"imagesVerified"'),
    "pulumi stack output pullerPolicies": ("tests/live/test_shared_repository.py", '"pullerPolicies"'),
    "python -m checks.pictures": ("Makefile", "$(PYTHON) -m checks.pictures"),
    "python -m local.tools NAME": ("Makefile", "$(PYTHON) -m local.tools external-secrets-next"),
}
# And why nobody types the rest.
NOT_SAID = {
    "python -m doctor": "the program's name; docs/troubleshooting.md has a block with it",
    "python -m policy": "the program's name; docs/policies.md has a block with it",
    "pulumi config set KEY VALUE": "a form; the blocks are full of it",
    "pulumi config set --path KEY[0] VALUE": "the same",
    "kubectl create secret docker-registry": "what somebody else's CronJob runs",
    "minikube addons disable registry-creds": "there is no minikube here",
    "pulumi login s3://STATE-BUCKET": "the engine has no bucket here",
    "pulumi stack init dev --secrets-provider awskms:///arn:aws:kms:REGION:ACCOUNT:key/STATE-KEY?region=REGION": "the same",
}


def told(module: ModuleType, method: str) -> Iterator[tuple[str, str | int]]:
    """What a file's tests give that method of a reader first: a page, literally or by a constant, and a literal."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        match node:
            case ast.Call(func=ast.Attribute(attr=name), args=[page, ast.Constant(value=which)]) if name == method:
                yield page.value if isinstance(page, ast.Constant) else getattr(module, page.id), which
            case _:
                pass


WALKED = {block for module in WALKS for block in told(module, "types")}
SAID = {*test_pages_of_modes.SAID} | {found for module in WALKS for found in told(module, "says")}
BLOCKS = {(page, number) for page in PAGES for number in range(1, len(blocks(text_of(page))) + 1)}


def test_each_block_is_typed_and_nothing_is_said_of_blocks_that_are_not_there() -> None:
    previewed = {(page, number) for page, number, *_ in test_pages.PREVIEWED}
    assert WALKED | previewed | {*ELSEWHERE} == BLOCKS


def in_full() -> set[str]:
    """Commands that sentences say in full and no block has."""
    in_blocks = [words for page in PAGES for block in blocks(text_of(page)) for words in commands(block)]
    named = [words for page in PAGES for words in spoken(text_of(page), tuple(PROGRAMS)) if words not in in_blocks]
    return {" ".join(words) for words in named if is_whole(words)}


def is_whole(words: list[str]) -> bool:
    try:
        check(words)
    except UnknownCommand:
        return False
    return True


def test_each_command_that_a_sentence_says_in_full_is_typed() -> None:
    typed = {" ".join(said(page, beginning)) for page, beginning in SAID}
    assert typed | {*SAID_ELSEWHERE} | {*NOT_SAID} == in_full()


@pytest.mark.parametrize(("file", "words"), [*ELSEWHERE.values(), *SAID_ELSEWHERE.values()])
def test_what_is_run_elsewhere_is(file: str, words: str) -> None:
    assert words in (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("command", NOT_TYPED)
def test_what_nobody_types_is_on_a_page(command: str) -> None:
    assert any(command.split() in commands(block) for page, _ in WALKED for block in blocks(text_of(page)))
