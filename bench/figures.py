"""From single runs to figures: medians, ratios, growth."""

import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

Program = Literal["everpull", "peer"]
# No Secret there yet; all there and past half of the login's life; all there and just renewed.
State = Literal["new", "due", "fresh"]
# CPU in user and system mode; memory is the peak of the resident size.
Measure = Literal["wall", "cpu", "memory", "requests", "aws_calls", "writes"]

PROGRAMS: tuple[Program, ...] = get_args(Program)
STATES: tuple[State, ...] = get_args(State)
MEASURES: tuple[Measure, ...] = get_args(Measure)
UNITS: dict[Measure, str] = {
    "wall": "s",
    "cpu": "s",
    "memory": "MiB",
    "requests": "requests to the API server",
    "aws_calls": "calls to AWS",
    "writes": "Secrets",
}


@dataclass(frozen=True)
class Run:
    """One run of one program."""

    program: Program
    state: State
    values: Mapping[Measure, float]


def medians(runs: Sequence[Run], program: Program) -> dict[str, float]:
    """`MEASURE_STATE` to the median over that program's runs from that state."""
    found: dict[str, float] = {}
    for state in STATES:
        own = [run for run in runs if run.program == program and run.state == state]
        if own:
            for measure in MEASURES:
                found[f"{measure}_{state}"] = statistics.median(run.values[measure] for run in own)
    return found


def ratios(ours: Mapping[str, float], theirs: Mapping[str, float]) -> dict[str, float | None]:
    """Each of ours by theirs; None where theirs is nothing, because then there is no ratio."""
    return {name: value / theirs[name] if theirs[name] else None for name, value in ours.items()}


def result(namespaces: int, runs: Sequence[Run]) -> dict[str, Any]:
    """All that one size gave, as JSON: medians of each program, the ratios of everpull's to the peer's, and all runs."""
    ours, theirs = medians(runs, "everpull"), medians(runs, "peer")
    repetitions = len([run for run in runs if run.program == "everpull" and run.state == STATES[0]])
    return {
        "namespaces": namespaces,
        "repetitions": repetitions,
        "units": UNITS,
        "everpull": ours,
        "peer": theirs,
        "ratios": ratios(ours, theirs),
        "runs": [{"program": run.program, "state": run.state, **run.values} for run in runs],
    }


def growth(points: Sequence[tuple[int, float]]) -> list[float]:
    """What one namespace more costs between each size and the next. `points` are (namespaces, value), smallest first."""
    return [(to[1] - of[1]) / (to[0] - of[0]) for of, to in itertools.pairwise(points)]
