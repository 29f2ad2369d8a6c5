"""Every command of the documentation can be typed: what it names is there, and what it sets is accepted."""

import json
import re
from collections.abc import Iterator, Mapping

import pytest

from settings import ConfigurationError, parse, schema
from settings.reader import as_text
from tests.docs.pages import PAGES, blocks, commands, spoken, text_of
from tests.docs.programs import PROGRAMS, UnknownCommand, check, outputs
from tests.modes.test_modes import OUTPUTS
from tests.settings.bad_configurations import GOOD

BLOCKS = [(page, number, block) for page in PAGES for number, block in enumerate(blocks(text_of(page)), 1)]
IDS = [f"{page} {number}" for page, number, _ in BLOCKS]
SPOKEN = [(page, " ".join(words), words) for page in PAGES for words in spoken(text_of(page), tuple(PROGRAMS))]

# What a page has said before of keys whose blocks stand by themselves.
_GIVEN: dict[str, Mapping[str, object]] = {
    "createOidcProvider": {"identity": "irsa", "eksCluster": "main"},
    "verifyImages": {
        "repositories": ["team-a/app"],
        "registries": ["123456789012.dkr.ecr.eu-central-1.amazonaws.com"],
    },
}


def settings_of(block: str) -> Iterator[dict[str, str]]:
    """The configurations that the block's `config set` lines make, of each stack that it makes: all of them together, and each
    line the last once, since a block may set a key in two ways."""
    stacks: list[list[tuple[str, str]]] = [[]]
    for words in commands(block):
        if words[:3] == ["pulumi", "stack", "init"]:
            stacks.append([])
        elif words[:3] == ["pulumi", "config", "set"]:
            stacks[-1].append((words[-2], words[-1]))
    for pairs in stacks:
        for at in range(len(pairs)):
            yield _config([*pairs[:at], *pairs[at + 1 :], pairs[at]])


def _config(pairs: list[tuple[str, str]]) -> dict[str, str]:
    values: dict[str, object] = {}
    items: dict[str, dict[int, str]] = {}
    for full, value in pairs:
        item = re.fullmatch(r"(.+)\[(\d+)\]", full)
        if item is None:
            values[full] = value
        else:
            items.setdefault(item[1], {})[int(item[2])] = value
    values |= {full: [value for _, value in sorted(listed.items())] for full, listed in items.items()}
    keys = [full.partition(":")[2] for full in values]
    given = {f"{schema.PROJECT}:{name}": found for key in keys for name, found in _GIVEN.get(key, {}).items()}
    return {full: as_text(value) for full, value in {**GOOD, **given, **values}.items()}


@pytest.mark.parametrize(("page", "number", "block"), BLOCKS, ids=IDS)
def test_every_command_of_a_block_is_known_and_what_it_names_is_there(page: str, number: int, block: str) -> None:
    for words in commands(block):
        check(words)


@pytest.mark.parametrize(("page", "number", "block"), BLOCKS, ids=IDS)
def test_what_a_block_sets_is_a_configuration_that_is_accepted(page: str, number: int, block: str) -> None:
    for config in settings_of(block):
        parse(config, "dev")


@pytest.mark.parametrize(("page", "said", "words"), SPOKEN, ids=[f"{page}: {said}" for page, said, _ in SPOKEN])
def test_every_command_that_a_sentence_names_is_known(page: str, said: str, words: list[str]) -> None:
    check(words, whole=False)


@pytest.mark.parametrize("page", PAGES)
def test_every_key_that_a_page_names_is_there(page: str) -> None:
    # The others are tags, and the beginning of types.
    named = {*re.findall(rf"\b{schema.PROJECT}:(\w+)", text_of(page))} - {"owner", "stack", "index"}
    assert named <= schema.KEYS.keys()


def test_the_outputs_are_those_of_the_modes() -> None:
    for names in OUTPUTS.values():
        assert names <= outputs()
    assert "nobody" not in outputs()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("terraform apply", "terraform is no program of the documentation"),
        ("pulumi config set everpull:mod lambda", "there is no key everpull:mod"),
        ("pulumi config set everpull:mode", "is told 1 things"),
        ("pulumi config rm everpull:modes[0]", "there is no key"),
        ("pulumi up --refreshed", "there is no --refreshed"),
        ("pulumi watch", "is no command of pulumi's"),
        ("pulumi stack output nobody", "no mode has an output nobody"),
        ("make everything", "there is no target everything"),
        ("make doctor", "not told one"),
        ("make test STACK=dev", "where there is none to tell"),
        ("kubectl explode pod a", "is no command of kubectl's"),
        ("kubectl delete pods a", "pods is no kind"),
        ("kubectl delete pod a --now", "there is no --now"),
        ("kubectl --namespace a delete pod", "names no object"),
        ("aws nothing at-all", "AWS has no service nothing"),
        ("aws iam delete-nothing", "iam has no operation delete-nothing"),
        ("aws iam delete-access-key --user-name a", "lacks --access-key-id"),
        ("aws iam delete-access-key --access-key-id a --username b", "there is no --username"),
        ('aws sqs purge-queue --queue-url "$(pulumi stack output nobody)"', "no mode has an output nobody"),
        ("helm install a", "is no command of helm's"),
        ("helm uninstall a --force", "there is no --force"),
        ("git push", "is none of the forms"),
        (".venv/bin/pip install everpull", "installs anything but"),
        (".venv/bin/python -m nobody", "is no module"),
        (".venv/bin/python -m doctor --stacks dev", "there is no --stacks"),
        (".venv/bin/python -m pytest tests/nobody.py", "is no module"),
        (".venv/bin/python -m bench nothing", "--help failed"),
        (".venv/bin/python -m bench fanout --nothing", "there is no --nothing"),
        ('eval "$(python -m local env --nothing)"', "there is no --nothing"),
    ],
)
def test_a_command_that_can_not_be_typed_is_refused(typed: str, said: str) -> None:
    (words,) = commands(typed)
    with pytest.raises(UnknownCommand, match=re.escape(said)):
        check(words)


def test_a_value_that_would_be_refused_is_refused_here() -> None:
    for line in (
        "pulumi config set everpull:mode lambada",
        "pulumi config set --path 'everpull:namespaces[0]' Team_A",
        "pulumi config set everpull:mode node-role\npulumi config set everpull:adopt true",
    ):
        *_, config = settings_of(line)
        with pytest.raises(ConfigurationError):
            parse(config, "dev")


def test_what_a_block_sets_is_put_together_as_pulumi_does() -> None:
    block = (
        "pulumi config set --path 'everpull:namespaces[0]' a\npulumi config set --path 'everpull:namespaces[1]' b # c"
    )
    assert [json.loads(config["everpull:namespaces"]) for config in settings_of(block)] == [["a", "b"]] * 2


def test_each_stack_of_a_block_has_its_own_configuration() -> None:
    block = "pulumi config set a:b 1\npulumi stack init c\npulumi config set a:d 2"
    assert [[key for key in config if key.startswith("a:")] for config in settings_of(block)] == [["a:b"], ["a:d"]]


def test_a_block_is_taken_apart_as_a_shell_does() -> None:
    assert commands("a > b && c") == [["a"], ["c"]]
    assert commands("a 'b c' \\\n  d   # e\n# f\n\ng && h") == [["a", "b c", "d"], ["g"], ["h"]]
