"""What the rules found, for people: lines for a terminal, and Markdown for a pull request."""

from collections.abc import Iterator, Sequence

from .resources import Stack, unseen
from .rules import RULES, Violation


def text(stack: Stack, found: Sequence[Violation]) -> str:
    """A paragraph for each violation, and how much was looked at."""
    lines = [
        f"{violation.rule.name}: {violation.resource}: {violation.sentence}.\n  {violation.rule.fix}"
        for violation in found
    ]
    return "\n".join([*lines, *_sums(stack, found)]) + "\n"


def markdown(stack: Stack, broken: Sequence[Violation]) -> str:
    """The same as a table, and nothing in it that the reader's browser would take for more than text."""
    cells = [
        (found.rule.name, _code(found.resource), _code(found.sentence), found.rule.fix.replace("|", "\\|"))
        for found in broken
    ]
    rows = ["| " + " | ".join(row) + " |\n" for row in cells]
    table = "| rule | resource | what is wrong | how to mend it |\n|---|---|---|---|\n" + "".join(rows) + "\n"
    return (table if rows else "") + "\n".join(_sums(stack, broken)) + "\n"


def _sums(stack: Stack, found: Sequence[Violation]) -> Iterator[str]:
    names = ", ".join(sorted({violation.rule.name for violation in found}))
    told = f"{len(found)} {'violation' if len(found) == 1 else 'violations'} of {names}" if found else "no violation"
    yield f"{len(RULES)} rules, {len(stack.resources)} resources: {told}."
    for error in stack.errors:
        yield f"The preview told of an error, so resources may be missing: {_code(error)}."
    later = [f"{key} of {resource.name}" for resource in stack.resources for key in unseen(resource)]
    if later:
        yield (
            f"Not known before the update, so not looked at: {', '.join(later)}. "
            "Preview again after it, or use the policy pack, which is asked while things are made."
        )


def _code(value: str) -> str:
    """As code, which Markdown takes literally but for what would end it or the table's cell."""
    return "`" + " ".join(value.replace("`", "'").replace("|", "/").split()) + "`"
