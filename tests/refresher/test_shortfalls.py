"""Logins that are not to be had: what each place keeps and gets all the same, and what is told."""

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refresher.core import Held, Login, kept
from refresher.errors import AwsCallError, DeniedError, LoginsUnavailableError, OddAnswerError, RefreshError
from refresher.ports import Outcome
from refresher.refresh import Report, refresh
from refresher.shortfall import Shortfall, unavailable

from tests.refresher.fakes import (
    CANARY,
    FRANKFURT,
    FRANKFURT_OTHER_ACCOUNT,
    LIFE,
    NOW,
    VIRGINIA,
    Clock,
    FakeSink,
    FakeSource,
    groups,
)

ALL = (FRANKFURT, VIRGINIA, FRANKFURT_OTHER_ACCOUNT)
EUROPE, AMERICA = groups(*ALL)
HOUR = timedelta(hours=1)
DOWN = AwsCallError("down")
DIES = "2026-11-24T00:00:00Z"


def run(source: FakeSource, sink: FakeSink, *hosts: str, force: bool = False) -> Report:
    return refresh(source, sink, groups(*(hosts or ALL)), force=force, clock=source.clock)


def passwords(held: Held) -> dict[str, str]:
    return {host: login.password.removeprefix(f"{CANARY}-") for login in held.logins for host in login.registries}


def place(report: Report) -> tuple[str, datetime | None]:
    (outcome,) = report.outcomes
    assert (outcome.failure is None) is (outcome.status not in ("failed", "incomplete"))
    return outcome.status, outcome.expires_at


def without_america(clock: Clock, failure: RefreshError = DOWN) -> FakeSource:
    return FakeSource(clock, failures={"us-east-1": failure})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sink(clock: Clock) -> FakeSink:
    """One place, with all logins fetched at NOW."""
    made = FakeSink()
    run(FakeSource(clock), made)
    made.written.clear()
    return made


def test_a_region_that_fails_keeps_its_last_login_and_the_others_are_written(clock: Clock, sink: FakeSink) -> None:
    clock.now += 7 * HOUR
    report = run(without_america(clock), sink)
    assert place(report) == ("incomplete", NOW + LIFE)
    assert passwords(sink.held["one"]) == {
        FRANKFURT: "eu-central-1-1",
        FRANKFURT_OTHER_ACCOUNT: "eu-central-1-1",
        VIRGINIA: "us-east-1-2",
    }
    assert [login.expires_at for login in sink.held["one"].logins] == [NOW + 7 * HOUR + LIFE, NOW + LIFE]
    assert len(sink.written) == 1
    assert str(report.unavailable) == f"down; the last login for {VIRGINIA} lives until {DIES}"
    assert report.outcomes[0].failure is report.unavailable


def test_while_it_fails_only_the_region_that_fails_is_asked_and_nothing_is_written_again(
    clock: Clock, sink: FakeSink
) -> None:
    clock.now += 7 * HOUR
    run(without_america(clock), sink)
    held = sink.held["one"]
    clock.now += HOUR
    source = without_america(clock)
    assert place(run(source, sink)) == ("failed", NOW + LIFE)
    assert (source.asked, sink.held["one"], len(sink.written)) == (["us-east-1"], held, 1)


def test_once_it_gives_logins_again_only_its_own_is_fetched(clock: Clock, sink: FakeSink) -> None:
    clock.now += 7 * HOUR
    run(without_america(clock), sink)
    europe = sink.held["one"].logins[0]
    clock.now += HOUR
    source = FakeSource(clock, asked=["earlier"])
    assert place(run(source, sink)) == ("refreshed", NOW + 7 * HOUR + LIFE)
    assert source.asked == ["earlier", "us-east-1"]
    assert sink.held["one"].logins[0] == europe
    assert passwords(sink.held["one"])[VIRGINIA] == "us-east-1-2"
    assert place(run(source, sink)) == ("fresh", NOW + 7 * HOUR + LIFE)


def test_a_login_that_died_meanwhile_leaves_the_place(clock: Clock, sink: FakeSink) -> None:
    clock.now += 7 * HOUR
    run(without_america(clock), sink)
    clock.now = NOW + LIFE
    report = run(without_america(clock), sink)
    assert place(report) == ("incomplete", NOW + 7 * HOUR + LIFE)
    assert set(passwords(sink.held["one"])) == {FRANKFURT, FRANKFURT_OTHER_ACCOUNT}
    assert str(report.unavailable) == f"down; there is no live login for {VIRGINIA}"
    # What it left cannot leave again.
    assert place(run(without_america(clock), sink))[0] == "failed"
    assert len(sink.written) == 2


def test_a_region_that_never_gave_a_login_holds_up_no_other() -> None:
    clock, sink = Clock(), FakeSink()
    report = run(without_america(clock), sink)
    assert place(report) == ("incomplete", NOW + LIFE)
    assert set(passwords(sink.held["one"])) == {FRANKFURT, FRANKFURT_OTHER_ACCOUNT}
    assert "there is no live login for" in str(report.unavailable)


def test_when_the_main_registry_has_no_login_the_next_that_has_one_is_it() -> None:
    sink = FakeSink()
    run(without_america(Clock()), sink, VIRGINIA, FRANKFURT_OTHER_ACCOUNT, FRANKFURT)
    assert sink.held["one"].main == FRANKFURT_OTHER_ACCOUNT


def test_when_nothing_is_to_be_had_nothing_is_written(clock: Clock) -> None:
    failures: dict[str, RefreshError] = {"eu-central-1": DOWN, "us-east-1": DOWN}
    sink = FakeSink()
    report = run(FakeSource(clock, failures=failures), sink)
    assert place(report) == ("failed", None)
    assert (sink.written, sink.held) == ([], {"one": Held()})
    assert str(report.unavailable) == (
        f"2 of 2 logins were not to be had: down; there is no live login for {FRANKFURT} and 1 more; down; there is no"
        f" live login for {VIRGINIA}"
    )


def test_a_region_that_fails_does_not_make_a_fresh_place_a_failed_one(clock: Clock, sink: FakeSink) -> None:
    sink.held["new"] = Held()
    report = run(without_america(clock), sink)
    assert {outcome.place: outcome.status for outcome in report.outcomes} == {"one": "fresh", "new": "incomplete"}


def test_what_is_taken_off_the_list_goes_although_another_login_fails(clock: Clock, sink: FakeSink) -> None:
    clock.now += 7 * HOUR
    source = FakeSource(clock, failures={"us-east-1": DOWN})
    assert place(run(source, sink, VIRGINIA)) == ("incomplete", NOW + LIFE)
    assert passwords(sink.held["one"]) == {VIRGINIA: "us-east-1-2"}


@pytest.mark.parametrize("flaw", ["no login of ours", None])
def test_a_login_of_unknown_age_is_kept_until_there_is_a_new_one(clock: Clock, flaw: str | None) -> None:
    theirs = Login((VIRGINIA,), "AWS", f"{CANARY}-theirs", None)
    sink = FakeSink({"one": Held((theirs,), flaw=flaw)})
    report = run(without_america(clock), sink)
    assert passwords(sink.held["one"])[VIRGINIA] == "theirs"
    assert str(report.unavailable) == f"down; the last login for {VIRGINIA} lives for an unknown time"
    assert place(run(FakeSource(clock), sink)) == ("refreshed", NOW + LIFE)
    assert passwords(sink.held["one"])[VIRGINIA] == "us-east-1-1"


def test_nothing_is_written_for_the_sake_of_logins_of_unknown_age_alone(clock: Clock) -> None:
    theirs = Login((VIRGINIA, FRANKFURT), "AWS", f"{CANARY}-theirs", None)
    held = Held((theirs,), flaw="no login of ours")
    sink = FakeSink({"one": held})
    assert place(run(without_america(clock), sink, VIRGINIA)) == ("failed", None)
    assert (sink.held, sink.written) == ({"one": held}, [])


def test_a_place_that_could_not_be_written_has_failed_for_that_reason(clock: Clock, sink: FakeSink) -> None:
    clock.now += 7 * HOUR
    sink.unwritable = {"one": OddAnswerError("too large")}
    report = run(without_america(clock), sink)
    assert (place(report)[0], str(report.outcomes[0].failure)) == ("failed", "too large")
    assert str(report.unavailable).startswith("down")


def test_a_place_that_needs_none_any_more_is_not_one_that_lacks_some(clock: Clock) -> None:
    class Leaving(FakeSink):
        def write(self, renewals):  # pyright: ignore[reportMissingParameterType, reportUnknownParameterType, reportIncompatibleMethodOverride]
            for found, _ in renewals:
                yield Outcome(found.name, "left out", note="it is being deleted")

    report = run(without_america(clock), Leaving())
    assert report.outcomes == (Outcome("one", "left out", note="it is being deleted"),)


@pytest.mark.parametrize("order", [*itertools.permutations(["late", "early", "new"])], ids=" ".join)
def test_of_many_places_it_is_told_when_the_first_is_without(clock: Clock, order: Sequence[str]) -> None:
    sink = FakeSink({"late": Held(), "early": Held()})
    clock.now = NOW - HOUR
    run(FakeSource(clock), sink)
    early = sink.held["early"]
    clock.now = NOW
    run(FakeSource(clock), sink, force=True)
    sink.held = {name: {"late": sink.held["late"], "early": early, "new": Held()}[name] for name in order}
    clock.now = NOW + 7 * HOUR
    source = without_america(clock)
    report = run(source, sink)
    assert str(report.unavailable) == (
        f"down; the last login for {VIRGINIA} lives until 2026-11-23T23:00:00Z, but 1 of 3 places have none for {VIRGINIA}"
    )
    assert source.asked == ["eu-central-1", "us-east-1"]


def test_a_registry_that_was_just_put_on_the_list_is_told_apart_from_those_that_have_a_login(clock: Clock) -> None:
    sink = FakeSink()
    run(FakeSource(clock), sink, FRANKFURT)
    report = run(FakeSource(clock, failures={"eu-central-1": DOWN}), sink, FRANKFURT, FRANKFURT_OTHER_ACCOUNT)
    assert place(report) == ("failed", NOW + LIFE)
    assert str(report.unavailable) == (
        f"down; the last login for {FRANKFURT} lives until {DIES}, but there is none for {FRANKFURT_OTHER_ACCOUNT}"
    )


def test_a_forced_run_asks_for_every_login_and_keeps_what_is_not_to_be_had(clock: Clock, sink: FakeSink) -> None:
    source = without_america(clock)
    assert place(run(source, sink, force=True)) == ("incomplete", NOW + LIFE)
    assert source.asked == ["eu-central-1", "us-east-1"]
    assert VIRGINIA in passwords(sink.held["one"])


def test_a_single_failure_is_of_its_own_kind_and_several_may_heal_only_if_all_of_them_may() -> None:
    def failure(*failures: RefreshError) -> RefreshError | None:
        return unavailable(
            [Shortfall(group, error) for group, error in zip((EUROPE, AMERICA), failures, strict=False)], 2
        )

    assert failure() is None
    assert type(failure(DeniedError("denied"))) is DeniedError
    assert type(failure(DOWN)) is AwsCallError
    for second, awaited in ((DeniedError("denied too"), True), (DOWN, False)):
        several = failure(DeniedError("denied"), second)
        assert isinstance(several, LoginsUnavailableError)
        assert several.rights_missing is awaited


failures = st.sampled_from([DeniedError("denied"), AwsCallError("down"), OddAnswerError("odd")])
ages = st.timedeltas(timedelta(0), timedelta(days=3))


@given(
    failing=st.dictionaries(st.sampled_from(["eu-central-1", "us-east-1"]), failures, min_size=1),
    hosts=st.permutations(ALL),
    ages=st.lists(st.tuples(ages, ages), max_size=4),
    force=st.booleans(),
)
def test_no_live_login_is_ever_lost_and_every_other_is_renewed(
    failing: dict[str, RefreshError],
    hosts: Sequence[str],
    ages: list[tuple[timedelta, timedelta]],
    force: bool,
) -> None:
    clock, sink = Clock(), FakeSink({})
    for number, pair in enumerate(ages):
        logins = [
            Login(group.hosts, "AWS", f"{CANARY}-{group.region}-held", NOW - age + LIFE, NOW - age)
            for group, age in zip((EUROPE, AMERICA), pair, strict=True)
        ]
        sink.held[str(number)] = Held(tuple(logins))
    before = dict(sink.held)
    source = FakeSource(clock, failures=failing)
    report = run(source, sink, *hosts, force=force)
    asked: set[str] = set()
    for outcome in report.outcomes:
        held = before[outcome.place]
        lacking = False
        for group, age in zip((EUROPE, AMERICA), ages[int(outcome.place)], strict=True):
            is_due = force or age * 2 >= LIFE
            had = passwords(Held(kept(held, group.hosts, NOW)))
            has = passwords(Held(kept(sink.held[outcome.place], group.hosts, NOW)))
            if is_due and group.region not in failing:
                assert has.keys() == set(group.hosts)
                assert f"{group.region}-held" not in has.values()
            else:
                assert has == had
            asked |= {group.region} if is_due else set()
            lacking |= is_due and group.region in failing
        assert (outcome.failure is not None) is lacking
    assert sorted(source.asked) == sorted(asked)
    assert (report.unavailable is not None) is bool(asked & set(failing))
