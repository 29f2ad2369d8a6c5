"""Each block of commands on the pages is typed by a test, or a test runs the same in another way."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, blocks, commands, spoken, text_of
from tests.docs.programs import PROGRAMS, UnknownCommand, check
from tests.live.reader import NOT_TYPED
from tests.live.test_pages import PREVIEWED
from tests.live.test_pages_of_modes import SAID

WALKS = ("test_pages.py", "test_pages_of_modes.py", "test_migrations.py", "test_developers_pages.py")
# The file that runs the same, and by which words of it that is seen.
ELSEWHERE = {
    ("README.md", 7): ("tests/local/test_chart_repository.py", "helm upgrade --install [^"),
    ("CONTRIBUTING.md", 1): (".ci/run", "make test"),
    # The local language host can't start a pack as it lies there.
    ("docs/policies.md", 2): ("tests/policy/test_pack.py", '"--policy-pack"'),
    ("bench/README.md", 1): ("tests/bench/test_fanout.py", '"-m", "bench", "fanout", "--json"'),
}

# What a sentence says in full and test_pages_of_modes does not type, and who does, or why nobody.
SAID_ELSEWHERE = {
    "aws secretsmanager restore-secret --secret-id ecr-login": "test_migrations.py",
    "kubectl --namespace kube-system scale deployment registry-creds --replicas 1": "test_migrations.py",
    'kubectl --namespace team-a patch cronjob ecr-login --patch {"spec": {"suspend": false}}': "test_migrations.py",
    "pulumi destroy --run-program": "tests/local_providers/aws/test_node_access.py",
    "pulumi refresh --clear-pending-creates": "tests/cluster/test_leftovers_for_real.py",
    "pulumi stack export --file state.json": "tests/modes/test_identities_for_real.py",
    "pulumi stack import --file state.json": "the same",
    "pulumi stack output imagesVerified": "tests/live/test_reach.py",
    "pulumi stack output pullerPolicies": "tests/live/test_shared_repository.py",
    "python -m checks.pictures": "make check runs it",
    "python -m doctor": "a program's name; docs/troubleshooting.md has a block with it",
    "python -m policy": "a program's name; docs/policies.md has a block with it",
    "python -m local.tools NAME": "make test runs it",
    "pulumi config set KEY VALUE": "a form; the blocks are full of it",
    "pulumi config set --path KEY[0] VALUE": "the same",
    "kubectl create secret docker-registry": "what somebody else's CronJob runs",
    "minikube addons disable registry-creds": "there is no minikube here",
    "pulumi login s3://STATE-BUCKET": "the engine has no bucket here",
    "pulumi stack init dev --secrets-provider awskms:///arn:aws:kms:REGION:ACCOUNT:key/STATE-KEY?region=REGION": "the same",
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


def in_full() -> set[str]:
    """Commands that sentences say in full and no block has."""
    in_blocks = [words for page in PAGES for block in blocks(text_of(page)) for words in commands(block)]
    said = [words for page in PAGES for words in spoken(text_of(page), tuple(PROGRAMS)) if words not in in_blocks]
    return {" ".join(words) for words in said if is_whole(words)}


def is_whole(words: list[str]) -> bool:
    try:
        check(words)
    except UnknownCommand:
        return False
    return True


def test_each_command_that_a_sentence_says_in_full_is_typed() -> None:
    assert {" ".join(words) for words in SAID} | {*SAID_ELSEWHERE} == in_full()


@pytest.mark.parametrize(("file", "words"), ELSEWHERE.values())
def test_what_is_run_elsewhere_is(file: str, words: str) -> None:
    assert words in (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("command", NOT_TYPED)
def test_what_nobody_types_is_on_a_page(command: str) -> None:
    assert any(command.split() in commands(block) for page, _ in WALKED for block in blocks(text_of(page)))
