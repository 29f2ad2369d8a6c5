"""After the examples of the CloudWatch User Guide, Configuring how CloudWatch alarms treat missing data."""

import pytest

from local.aws.alarm_state import ALARM, OK, UNKNOWN, Terms, state

GOOD, BAD = 0.0, 9.0
MISSING = ("missing", "ignore", "breaching", "notBreaching")


def told(points: str, missing: str, needed: int = 3, before: str = UNKNOWN) -> str:
    """The state by five data points, oldest first: 0 is good, X breaches, - is missing."""
    found = {"0": GOOD, "X": BAD, "-": None}
    terms = Terms(3, needed, "GreaterThanThreshold", 1.0, missing)
    return state(terms, [found[point] for point in reversed(points)], before)


@pytest.mark.parametrize(
    ("points", "states"),
    [
        ("0-X-X", (OK, OK, OK, OK)),
        ("-----", (UNKNOWN, UNKNOWN, ALARM, OK)),
        ("0XX-X", (ALARM, ALARM, ALARM, ALARM)),
        ("00000", (OK, OK, OK, OK)),
    ],
)
def test_three_of_three(points: str, states: tuple[str, ...]) -> None:
    for missing, expected in zip(MISSING, states, strict=True):
        assert told(points, missing) == expected, missing


@pytest.mark.parametrize("missing", MISSING)
def test_two_of_three_are_enough_if_they_are_asked_for(missing: str) -> None:
    assert told("00X-X", missing, needed=2) == ALARM
    assert told("0XXX0", missing, needed=3) == OK


def test_a_good_point_counts_before_those_that_are_missing_until_it_is_out_of_range() -> None:
    assert told("0----", "breaching") == OK
    assert told("-----", "breaching") == ALARM


def test_what_is_missing_counts_as_it_was_said_to_where_too_little_is_there() -> None:
    assert told("----X", "breaching") == ALARM
    assert told("----X", "notBreaching") == OK


@pytest.mark.parametrize("before", [OK, ALARM])
def test_nothing_new_changes_nothing_if_that_is_to_be_ignored(before: str) -> None:
    assert told("-----", "ignore", before=before) == before
    assert told("----0", "ignore", before=before) == before


@pytest.mark.parametrize(
    ("comparison", "breaching"),
    [
        ("GreaterThanOrEqualToThreshold", (False, True, True)),
        ("GreaterThanThreshold", (False, False, True)),
        ("LessThanThreshold", (True, False, False)),
        ("LessThanOrEqualToThreshold", (True, True, False)),
    ],
)
def test_comparisons(comparison: str, breaching: tuple[bool, ...]) -> None:
    terms = Terms(1, 1, comparison, 1.0, "missing")
    assert tuple(state(terms, [point], OK) == ALARM for point in (0.0, 1.0, 2.0)) == breaching


def test_a_comparison_of_another_kind_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="LessThanLowerThreshold"):
        state(Terms(1, 1, "LessThanLowerThreshold", 1.0, "missing"), [1.0], OK)
