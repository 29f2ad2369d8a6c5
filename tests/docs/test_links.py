"""Every page is found from the README, and every link leads somewhere."""

import re
from pathlib import PurePosixPath
from posixpath import normpath

import pytest

from tests.docs.pages import LINKED, PAGES, ROOT, anchors, links, text_of


def target_of(page: str, link: str) -> tuple[str, str]:
    """The path in this repository that a page's link leads to, and the anchor there; the path is empty for other sites."""
    if re.match(r"[a-z]+:", link):
        return "", ""
    path, _, anchor = link.partition("#")
    return (normpath(PurePosixPath(page).parent / path) if path else page), anchor


@pytest.mark.parametrize("page", LINKED)
def test_every_link_leads_to_something_that_is_there(page: str) -> None:
    for link in links(text_of(page)):
        path, anchor = target_of(page, link)
        assert not path or (ROOT / path).exists(), link
        assert not anchor or anchor in anchors(text_of(path)), link


def test_every_page_is_found_from_the_readme() -> None:
    found, waiting = set[str](), ["README.md"]
    while waiting:
        page = waiting.pop()
        found.add(page)
        for link in links(text_of(page)):
            path, _ = target_of(page, link)
            if (ROOT / path).is_dir():
                waiting += [name for name in PAGES if name.startswith(f"{path}/") and name not in found]
            elif path.endswith(".md") and path not in found:
                waiting.append(path)
    assert {*PAGES} <= found


def test_links_are_looked_for_outside_of_code_only() -> None:
    text = "# A `b`: c's\n[`x`](docs/a.md#d)\n![p](q.svg)\n```sh\n[no](such)\n```\n"
    assert links(text) == ["docs/a.md#d", "q.svg"]
    assert anchors(text) == {"a-b-cs"}
