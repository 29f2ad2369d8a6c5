"""The pages for people, taken apart: blocks of commands, commands in sentences, headings and links."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (
    *("README.md", "CONTRIBUTING.md", "bench/README.md", "local/README.md"),
    *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md")),
)
# Those that link beside them, to what is there.
LINKED = (*PAGES, "image/README.md", "local/aws/README.md", "local/providers/aws/README.md")

_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"(?<!!)\[(?:[^\]`]|`[^`]*`)+\]\(([^)\s]+)\)")
_PICTURE = re.compile(r"!\[[^\]]+\]\(([^)\s]+)\)")


def text_of(page: str) -> str:
    """All of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(text: str) -> list[str]:
    """What is in the `sh` blocks."""
    return [content for language, content in _FENCE.findall(text) if language == "sh"]


def commands(block: str) -> list[list[str]]:
    """The words of each command of a block, those before and after `&&` each for itself, without files that are written."""
    lines = block.replace("\\\n", " ").splitlines()
    parts = [part for line in lines for part in _parts(shlex.split(line, comments=True)) if part]
    return [part[: part.index(">")] if ">" in part else part for part in parts]


def spoken(text: str, programs: tuple[str, ...]) -> list[list[str]]:
    """Commands of those programs in the text's sentences, as words. A program's name alone is none."""
    spans = (" ".join(span.split()) for span in _SPAN.findall(_FENCE.sub("", text)))
    return [shlex.split(span) for span in spans if span.startswith(tuple(f"{program} " for program in programs))]


def said(page: str, beginning: str) -> list[str]:
    """The words of the one command in the sentences of a page that begins so. Raises ValueError: none does, or several."""
    found = {tuple(words) for words in spoken(text_of(page), (beginning.partition(" ")[0],))}
    (words,) = (words for words in found if " ".join(words).startswith(beginning))
    return [*words]


def links(text: str) -> list[str]:
    """What the text links to or shows, outside of code."""
    plain = _FENCE.sub("", text)
    return [*_LINK.findall(plain), *_PICTURE.findall(plain)]


def anchors(text: str) -> set[str]:
    """By what the headings can be linked to (GitHub Docs, Basic writing and formatting syntax, Section links)."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def _parts(words: list[str]) -> Iterator[list[str]]:
    part: list[str] = []
    for word in words:
        if word == "&&":
            yield part
            part = []
        else:
            part.append(word)
    yield part
