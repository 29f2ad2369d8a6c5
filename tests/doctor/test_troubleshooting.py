"""docs/troubleshooting.md and the program tell of the same links, states and exit statuses."""

import re
from pathlib import Path

from doctor.__main__ import STACK
from doctor.link import STATES, Fault, Link
from doctor.report import exit_status
from doctor.walk import LINKS

PAGE = (Path(__file__).parents[2] / "docs" / "troubleshooting.md").read_text(encoding="utf-8")


def test_each_link_has_a_section_in_the_order_of_the_chain() -> None:
    assert re.findall(r"^## (.+)$", PAGE, re.MULTILINE) == [STACK, *LINKS]


def test_the_table_of_states_is_the_programs() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \|.*\| (\d) \|$", PAGE, re.MULTILINE))
    assert told == {state: str(exit_status([Link("a", (Fault(state, "", ""),))])) for state in STATES}


def test_what_it_points_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (Path(__file__).parents[2] / "docs" / target).exists(), target


def test_the_readme_points_to_it() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert "(docs/troubleshooting.md)" in readme
