import json

import pytest

from components.aws_reads import Denied, Missing
from doctor.link import Fault, Findings, Link, State, examine
from doctor.report import as_json, as_text, exit_status, first_fault


def link(name: str, *states: State) -> Link:
    return Link(name, tuple(Fault(state, f"{name} is {state}", f"mend {name}") for state in states), "seen")


@pytest.mark.parametrize(
    ("states", "status", "named"),
    [
        (["ok", "ok"], 0, None),
        (["ok", "warning"], 0, "b"),
        (["unknown", "warning"], 3, "a"),
        (["unknown", "breaking"], 2, "b"),
        (["breaking", "broken"], 1, "b"),
        (["broken", "broken"], 1, "a"),
        (["breaking", "breaking"], 2, "a"),
    ],
)
def test_the_worst_link_decides_and_of_several_the_first(states: list[State], status: int, named: str | None) -> None:
    links = [link(name, *([] if state == "ok" else [state])) for name, state in zip("ab", states, strict=True)]
    first = first_fault(links)
    assert (exit_status(links), first and first.name) == (status, named)


def test_the_text_names_the_first_fault_and_gives_a_line_a_link_and_two_a_fault() -> None:
    assert as_text("dev", [link("one"), link("other", "broken", "warning")]).splitlines() == [
        "stack dev: other is broken: other is broken",
        "one    ok        seen",
        "other  broken    other is broken",
        "                 -> mend other",
        "       warning   other is warning",
        "                 -> mend other",
    ]


def test_a_sound_stack_is_called_so() -> None:
    assert as_text("dev", [link("one")]).startswith("stack dev: every link holds\n")


def test_json_has_a_sentence_and_a_command_for_each_fault() -> None:
    assert json.loads(as_json([link("one"), link("other", "broken", "warning")])) == [
        {"name": "one", "state": "ok", "detail": "seen", "fix": ""},
        {"name": "other", "state": "broken", "detail": "other is broken\nother is warning", "fix": "mend other"},
    ]


@pytest.mark.parametrize("error", [Missing("NoSuchEntity"), KeyError("canary"), TypeError("canary")])
def test_an_answer_that_is_not_understood_stops_nothing_and_is_not_quoted(error: Exception) -> None:
    def odd(found: Findings) -> None:
        raise error

    found = examine("link", odd, lambda found: found.broken("gone", "make it"))
    assert [fault.state for fault in found.faults] == ["broken", "unknown"]
    assert "canary" not in found.detail


def test_a_part_that_may_not_be_looked_at_keeps_no_other_from_it() -> None:
    def denied(found: Findings) -> None:
        raise Denied("iam:GetRole")

    found = examine("link", denied, denied, lambda found: found.broken("gone", "make it"))
    assert [fault.state for fault in found.faults] == ["broken", "unknown"]
    assert found.fix == "make it\nallow iam:GetRole (docs/iam/doctor.json)"
