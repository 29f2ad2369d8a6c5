"""The report's line: what it tells, and that it stays short enough to be a pod's termination message."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refresher.errors import ApiCallError, DeniedError, ImagesRefusedError, RefreshError
from refresher.images import STATUSES, Verdict, parse_image
from refresher.ports import Outcome
from refresher.refresh import Report
from refresher.summary import LONGEST_LINE, LONGEST_MESSAGE, error_fields, failures, summary

from tests.refresher.fakes import FRANKFURT, LIFE, NOW

DOWN = ApiCallError("down")
DENIED = DeniedError("ecr:GetAuthorizationToken was denied to arn:aws:iam::1:user/x")


def outcomes(*names: str, status: Any = "refreshed", failure: RefreshError | None = None) -> tuple[Outcome, ...]:
    return tuple(Outcome(name, status, NOW + LIFE, failure) for name in names)


def summed(
    *parts: tuple[Outcome, ...],
    unavailable: RefreshError | None = None,
    retired: Any = (),
    verdicts: Sequence[Verdict] = (),
    error: RefreshError | None = None,
    reason: str = "schedule",
    longest: int = LONGEST_LINE,
) -> dict[str, Any]:
    report = Report(tuple(outcome for part in parts for outcome in part), unavailable=unavailable)
    return summary(report, retired, verdicts, error or unavailable, reason, NOW, longest)


def test_a_run_that_served_some_and_left_others_as_they_were_counts_them() -> None:
    assert summed(
        outcomes("a", "b"),
        outcomes("c", status="fresh"),
        (Outcome("d", "left out", note="x"),),
        retired=(Outcome("e", "removed"),),
    ) == {
        "status": "refreshed",
        "reason": "schedule",
        "expiresAt": "2026-11-24T00:00:00Z",
        "secondsLeft": 43200,
        "served": 2,
        "unchanged": 1,
        "failed": 0,
        "leftOut": 1,
        "removed": 1,
        "leftOutNamespaces": ["d"],
    }


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ((), "fresh"),
        ((outcomes("a", status="fresh"),), "fresh"),
        ((outcomes("a", status="left out"),), "fresh"),
        ((outcomes("a"), outcomes("b", status="fresh")), "refreshed"),
        ((outcomes("a"), outcomes("b", status="failed", failure=DOWN)), "incomplete"),
        ((outcomes("a", status="fresh"), outcomes("b", status="failed", failure=DOWN)), "incomplete"),
        ((outcomes("a", status="incomplete", failure=DOWN),), "incomplete"),
        ((outcomes("a"), outcomes("b", status="incomplete", failure=DOWN)), "incomplete"),
        (
            (outcomes("a", status="incomplete", failure=DOWN), outcomes("b", status="failed", failure=DOWN)),
            "incomplete",
        ),
        ((outcomes("b", status="failed", failure=DOWN),), "failed"),
    ],
)
def test_the_status_says_how_it_went_on_the_whole(parts: tuple[tuple[Outcome, ...], ...], status: str) -> None:
    assert summed(*parts)["status"] == status


def test_the_first_login_to_die_counts_whoever_holds_it() -> None:
    early = Outcome("old", "failed", NOW + timedelta(hours=1), DOWN)
    assert summed(outcomes("a"), (early,))["expiresAt"] == "2026-11-23T13:00:00Z"
    assert "expiresAt" not in summed((Outcome("none", "failed", failure=DOWN),))


def test_logins_that_were_not_to_be_had_are_one_error_and_not_one_of_each_namespace() -> None:
    failed = outcomes("a", "b", status="failed", failure=DENIED)
    other = outcomes("c", status="failed", failure=DOWN)
    found = summed(failed, other, unavailable=DENIED)
    assert (found["errorType"], found["error"], found["failed"]) == ("DeniedError", str(DENIED), 3)
    assert found["failures"] == [{"reason": "down", "namespaces": ["c"], "count": 1}]
    assert failures(Report((*failed, *other), unavailable=DENIED), ()) == list(other)


def test_a_namespace_that_lacks_some_of_its_logins_was_served_all_the_same() -> None:
    found = summed(outcomes("a", "b", status="incomplete", failure=DENIED), outcomes("c"), unavailable=DENIED)
    assert (found["served"], found["failed"], found["error"], "failures" in found) == (3, 0, str(DENIED), False)


def test_what_failed_in_the_same_way_is_told_once_most_frequent_first() -> None:
    rare = outcomes("z", status="failed", failure=DOWN)
    names = [f"team-{number:02}" for number in range(20)]
    often = outcomes(*reversed(names), status="failed", failure=ApiCallError("refused"))
    assert summed(rare, often)["failures"] == [
        {"reason": "refused", "namespaces": names[:5], "count": 20},
        {"reason": "down", "namespaces": ["z"], "count": 1},
    ]


def test_what_could_not_be_taken_back_counts_as_failed() -> None:
    found = summed(outcomes("a"), retired=outcomes("b", status="failed", failure=DOWN))
    assert (found["status"], found["failed"], found["failures"][0]["namespaces"]) == ("incomplete", 1, ["b"])


def test_few_of_those_left_out_are_named_in_their_order_and_none_where_there_is_no_room() -> None:
    names = [f"team-{number:02}" for number in range(20)]
    found = summed(outcomes(*reversed(names), status="left out"))
    assert (found["leftOut"], found["leftOutNamespaces"]) == (20, names[:5])
    assert "leftOutNamespaces" not in summed(outcomes("a"))
    long = summed(outcomes(*("x" * 300 for _ in range(5)), status="left out"), unavailable=DeniedError("y" * 1000))
    assert "leftOutNamespaces" not in long
    assert long["leftOut"] == 5


def test_more_reasons_than_fit_in_are_counted() -> None:
    many = [
        outcome
        for number in range(200)
        for outcome in outcomes(f"team-{number}", status="failed", failure=ApiCallError(f"{number} " + "x" * 150))
    ]
    found = summed(tuple(many))
    assert len(json.dumps(found)) <= LONGEST_LINE
    assert 5 < len(found["failures"]) < 20
    assert found["failuresLeftOut"] == 200 - len(found["failures"])


def verdicts(*statuses: Any, detail: str = "why") -> list[Verdict]:
    return [
        Verdict(parse_image(f"{FRANKFURT}/app:{number}"), status, None if status == "pulls" else detail)
        for number, status in enumerate(statuses)
    ]


def test_images_are_told_with_the_worst_first() -> None:
    found = summed(outcomes("a"), verdicts=verdicts("pulls", "empty", "refused", "pulls", "unreachable"))
    assert [(entry["image"][-1], entry["status"]) for entry in found["images"]] == [
        ("2", "refused"),
        ("4", "unreachable"),
        ("1", "empty"),
        ("0", "pulls"),
        ("3", "pulls"),
    ]
    assert "imagesLeftOut" not in found
    assert "images" not in summed(outcomes("a"))


def test_a_refused_image_is_the_error_of_a_run_whose_logins_are_good() -> None:
    found = summed(outcomes("a"), error=ImagesRefusedError(["x: why"], 2, rights_missing=True))
    assert (found["status"], found["errorType"]) == ("refreshed", "ImagesRefusedError")
    assert found["error"] == "1 of 2 images can't be pulled: x: why"


def test_images_leave_room_for_namespaces_and_the_message_has_more_of_both() -> None:
    failed = outcomes("team-a", status="failed", failure=ApiCallError("x" * 300))
    many = verdicts(*["refused"] * 50, detail="y" * 200)
    line, message = summed(failed, verdicts=many), summed(failed, verdicts=many, longest=LONGEST_MESSAGE)
    for found, longest in ((line, LONGEST_LINE), (message, LONGEST_MESSAGE)):
        assert len(json.dumps(found)) <= longest
        assert found["failures"][0]["count"] == 1
        assert len(found["images"]) + found["imagesLeftOut"] == 50
    assert 2 < len(line["images"]) < len(message["images"])


# Any text, and text that takes twelve bytes a character in JSON.
texts = st.text(max_size=300) | st.integers(0, 5000).map(lambda size: "\N{GRINNING FACE}" * size)


@given(
    reasons=st.lists(texts, max_size=30),
    names=st.lists(st.text(st.characters(codec="ascii"), min_size=1, max_size=63), min_size=1, max_size=30),
    error=st.none() | texts,
    reason=texts,
    tried=st.lists(st.sampled_from(STATUSES), max_size=30),
    detail=texts,
    longest=st.sampled_from([LONGEST_LINE, LONGEST_MESSAGE]),
)
def test_the_report_is_never_longer_than_a_termination_message(
    reasons: list[str], names: list[str], error: str | None, reason: str, tried: list[Any], detail: str, longest: int
) -> None:
    many = tuple(
        Outcome(name, "failed", failure=ApiCallError(reason))
        for reason, name in zip(reasons, names * len(reasons), strict=False)
    )
    left_out = outcomes(*names, status="left out")
    found = summed(
        many,
        left_out,
        unavailable=None if error is None else DeniedError(error),
        reason=reason,
        verdicts=verdicts(*tried, detail=detail),
        longest=longest,
    )
    assert len(json.dumps(found)) <= longest
    assert len(found.get("images", [])) + found.get("imagesLeftOut", 0) == len(tried)
    told = sum(entry["count"] for entry in found.get("failures", []))
    assert told + found.get("failuresLeftOut", 0) == len(many)


@pytest.mark.parametrize("text", ["x" * 1200, "\N{GRINNING FACE}" * 100, '"' * 700])
def test_a_long_error_loses_its_end_and_little_more(text: str) -> None:
    told = error_fields(DeniedError(text))["error"]
    assert isinstance(told, str)
    assert told.endswith("...")
    assert 900 < len(json.dumps(told)) <= 1000
    assert text.startswith(told[:-3])
