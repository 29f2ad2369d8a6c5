"""The tables and the chart say what was measured, and the ones in the repository are those of its own figures."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bench import chart, report, stacks
from bench.__main__ import HERE, SIZES
from bench.figures import MEASURES, PROGRAMS, STATES, Run, result
from bench.machine import module_version
from bench.reach import WAYS

EMPTY = "before\n<!-- figures -->\nold\n<!-- end: figures -->\nafter\n"


def measured(namespaces: int) -> dict[str, Any]:
    runs = [
        Run(program, state, dict.fromkeys(MEASURES, namespaces * (1 + number)))
        for number, program in enumerate(PROGRAMS)
        for state in STATES
    ]
    return result(namespaces, runs)


DOCUMENT = {"facts": {"machine": "a small one"}, "sizes": [measured(10), measured(20)]}


def test_a_row_holds_both_values_and_their_ratio() -> None:
    row = report.rows(measured(10))[STATES.index("due")]
    assert row[:4] == ["10", "all due", "10.00 s / 20.00 s (0.50)", "10.00 s / 20.00 s (0.50)"]
    assert row[4:6] == ["10 MiB / 20 MiB (0.50)", "10 / 20 (0.50)"]
    assert len(row) == len(report.head())


def test_a_ratio_to_nothing_is_a_dash() -> None:
    found = measured(10)
    found["ratios"]["writes_fresh"] = None
    assert report.rows(found)[STATES.index("fresh")][-1] == "10 / 20 (-)"


def test_figures_replace_what_is_between_the_markers_and_nothing_else() -> None:
    made = report.renewed(EMPTY, "figures", report.markdown(DOCUMENT))
    assert made.startswith("before\n<!-- figures -->\n- machine: a small one\n")
    assert made.endswith("<!-- end: figures -->\nafter\n")
    assert "| everpull, wall time | 1000.00 ms |" in made
    assert report.renewed(made, "figures", report.markdown(DOCUMENT)) == made


@pytest.mark.parametrize("text", ["", EMPTY + EMPTY])
def test_markers_must_be_there_once(text: str) -> None:
    with pytest.raises(report.MarkersMissing, match="expected one pair of <!-- figures -->"):
        report.renewed(text, "figures", report.markdown(DOCUMENT))


def test_the_chart_is_svg_with_a_line_for_each_program_in_each_panel() -> None:
    root = ElementTree.fromstring(chart.draw(DOCUMENT["sizes"]))  # noqa: S314 - made here
    space = {"svg": "http://www.w3.org/2000/svg"}
    assert len(root.findall(".//svg:polyline", space)) == len(PROGRAMS) * len(chart.PANELS)
    assert (root.findtext("svg:title", "", space)).startswith("everpull and k8s-ecr-login-renew at 20 namespaces")
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    for circle in root.findall(".//svg:circle", space):
        assert 0 < float(circle.get("cx", 0)) < width
        assert 0 < float(circle.get("cy", 0)) < height


@pytest.mark.parametrize(
    ("highest", "expected"),
    [(11.1, [0, 5, 10, 15]), (54, [0, 20, 40, 60]), (0.3, [0, 0.1, 0.2, 0.3]), (1, [0, 0.2, 0.4, 0.6, 0.8, 1])],
)
def test_an_axis_has_round_steps_up_to_the_highest_value(highest: float, expected: list[float]) -> None:
    assert chart.ticks(highest) == pytest.approx(expected)


def test_the_repository_holds_one_report() -> None:
    document = json.loads((HERE / "latest.json").read_text())
    readme = (HERE / "README.md").read_text()
    assert report.renewed(readme, "figures", report.markdown(document)) == readme
    assert chart.draw(document["sizes"]) == (HERE / "fanout.svg").read_text()
    assert tuple(found["namespaces"] for found in document["sizes"]) == SIZES


def test_the_peers_version_is_the_one_that_is_built(tmp_path: Path) -> None:
    go_mod = tmp_path / "go.mod"
    go_mod.write_text("module x\n\ntool example.test/peer\n\nrequire (\n\texample.test/peer v1.2.3 // indirect\n)\n")
    assert module_version(go_mod, "example.test/peer") == "v1.2.3"


def test_the_table_of_whole_stacks_is_that_of_its_own_figures() -> None:
    document = json.loads((HERE / "reach.json").read_text(encoding="utf-8"))
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    assert report.renewed(readme, "reach", stacks.markdown(document)) == readme
    assert {stack["namespaces"] for stack in document["stacks"]} >= {50, 500}
    assert {stack["way"] for stack in document["stacks"]} == set(WAYS)


def test_a_stack_is_a_row_with_its_aws_calls() -> None:
    calls = {"ecr:GetAuthorizationToken": 1, "secretsmanager:GetSecretValue": 6}
    stack = {"namespaces": 50, "way": "listed", "up": 30.4, "filled": 4.0, "renewed": 41.6, "aws_calls": calls}
    text = stacks.markdown({"facts": {"machine": "a small one"}, "stacks": [stack]})
    row = "| 50 | listed | 30 s | 4 s | 42 s | 1 ecr:GetAuthorizationToken, 6 secretsmanager:GetSecretValue |"
    assert "- machine: a small one\n" in text
    assert row in text.splitlines()
