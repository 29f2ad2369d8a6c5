"""What was measured, as tables for people; `bench/README.md` holds the last of them."""

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from bench.figures import MEASURES, STATES, Measure, State, growth

HEADS: Mapping[Measure, str] = {
    "wall": "wall time",
    "cpu": "CPU time",
    "memory": "peak memory",
    "requests": "API requests",
    "aws_calls": "AWS calls",
    "writes": "Secrets written",
}
_STATES: Mapping[State, str] = {"new": "none there yet", "due": "all due", "fresh": "nothing due"}
_FORMATS: Mapping[Measure, str] = {"wall": "{:.2f} s", "cpu": "{:.2f} s", "memory": "{:.0f} MiB"}


class MarkersMissing(ValueError):
    """The text has no place for the figures; the message names the markers."""


def rows(result: Mapping[str, Any]) -> list[list[str]]:
    """For each state a row: everpull's value, the peer's, and the ratio, of each measure."""
    found: list[list[str]] = []
    for state in STATES:
        cells = [_cell(result, measure, state) for measure in MEASURES]
        found.append([str(result["namespaces"]), _STATES[state], *cells])
    return found


def head() -> list[str]:
    """The columns of `rows`."""
    return ["namespaces", "Secrets", *HEADS.values()]


def markdown(document: Mapping[str, Any]) -> str:
    """Everything between the markers of bench/README.md, out of latest.json."""
    sizes: Sequence[Mapping[str, Any]] = document["sizes"]
    facts = "".join(f"- {name}: {value}\n" for name, value in document["facts"].items())
    body = [row for result in sizes for row in rows(result)]
    return (
        f"{facts}- medians of {sizes[0]['repetitions']} runs each\n\n"
        f"Cells are everpull / k8s-ecr-login-renew (ratio).\n\n{table(head(), body)}\n"
        f"What one namespace more costs, all due:\n\n{table(*_growth(sizes))}"
    )


def renewed(text: str, name: str, content: str) -> str:
    """The README's text with `content` between the markers of that name. Raises MarkersMissing."""
    begin, end = f"<!-- {name} -->", f"<!-- end: {name} -->"
    pattern = re.compile(f"({re.escape(begin)}\n).*?({re.escape(end)})", re.DOTALL)
    made, found = pattern.subn(lambda match: match[1] + content + match[2], text)
    if found != 1:
        raise MarkersMissing(f"expected one pair of {begin} and {end}, found {found}")
    return made


def _cell(result: Mapping[str, Any], measure: Measure, state: State) -> str:
    name = f"{measure}_{state}"
    form = _FORMATS.get(measure, "{:.0f}")
    ours, theirs, ratio = result["everpull"][name], result["peer"][name], result["ratios"][name]
    told = "-" if ratio is None else f"{ratio:.2f}"
    return f"{form.format(ours)} / {form.format(theirs)} ({told})"


def _growth(sizes: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    counts = [result["namespaces"] for result in sizes]
    heads = ["", *(f"from {of} to {to}" for of, to in itertools.pairwise(counts))]
    body: list[list[str]] = []
    for program, name in (("everpull", "everpull"), ("peer", "k8s-ecr-login-renew")):
        points = [(result["namespaces"], result[program]["wall_due"]) for result in sizes]
        body.append([f"{name}, wall time", *(f"{1000 * step:.2f} ms" for step in growth(points))])
        points = [(result["namespaces"], result[program]["memory_due"]) for result in sizes]
        body.append([f"{name}, peak memory", *(f"{1024 * step:.1f} KiB" for step in growth(points))])
    return heads, body


def table(heads: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    return "".join("| " + " | ".join(line) + " |\n" for line in [heads, ["---"] * len(heads), *body])
