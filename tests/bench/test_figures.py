"""Figures are medians over runs, and ratios of medians."""

from bench.figures import MEASURES, Measure, Program, Run, State, growth, medians, ratios, result


def run(program: Program, state: State, wall: float, **others: float) -> Run:
    values: dict[Measure, float] = {measure: others.get(measure, 1.0) for measure in MEASURES}
    return Run(program, state, {**values, "wall": wall})


def test_a_figure_is_the_median_over_one_programs_runs_from_one_state() -> None:
    runs = [
        *(run("everpull", "due", wall) for wall in (0.9, 30.0, 1.1)),
        run("everpull", "fresh", 0.2),
        run("peer", "due", 7.0),
    ]
    assert medians(runs, "everpull")["wall_due"] == 1.1
    assert medians(runs, "everpull")["wall_fresh"] == 0.2
    assert medians(runs, "peer")["wall_due"] == 7.0
    assert "wall_new" not in medians(runs, "peer")


def test_a_ratio_is_ours_by_theirs_and_none_where_theirs_is_nothing() -> None:
    ours = {"wall_due": 1.0, "writes_fresh": 0.0, "aws_calls_fresh": 1.0}
    theirs = {"wall_due": 4.0, "writes_fresh": 500.0, "aws_calls_fresh": 0.0}
    assert ratios(ours, theirs) == {"wall_due": 0.25, "writes_fresh": 0.0, "aws_calls_fresh": None}


def test_the_result_names_size_repetitions_and_every_run() -> None:
    runs = [run(program, "new", wall) for wall in (1.0, 3.0) for program in ("everpull", "peer")]
    found = result(50, runs)
    assert (found["namespaces"], found["repetitions"]) == (50, 2)
    assert found["everpull"]["wall_new"] == 2.0
    assert found["ratios"]["wall_new"] == 1.0
    assert [entry["wall"] for entry in found["runs"]] == [1.0, 1.0, 3.0, 3.0]
    assert set(found["units"]) == set(MEASURES)


def test_growth_is_what_one_namespace_more_costs_between_sizes() -> None:
    assert growth([(50, 1.0), (500, 5.5), (2000, 20.5)]) == [0.01, 0.01]
    assert growth([(50, 1.0)]) == []
