"""The use case: what is read, fetched and written, in which order, and what happens when a part of it fails."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refresher.core import SHORTEST_LIFE, Held, Login
from refresher.errors import AwsCallError, DocumentTooLargeError, OddAnswerError
from refresher.ports import Outcome
from refresher.refresh import Report, refresh
from refresher.registries import Group

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
DOWN = AwsCallError("down")


def run(source: FakeSource, sink: FakeSink, *hosts: str, force: bool = False) -> Report:
    return refresh(source, sink, groups(*(hosts or ALL)), force=force, clock=source.clock)


def many(*names: str) -> FakeSink:
    return FakeSink({name: Held() for name in names})


def statuses(report: Report) -> dict[str, str]:
    assert len({outcome.place for outcome in report.outcomes}) == len(report.outcomes)
    return {outcome.place: outcome.status for outcome in report.outcomes}


def test_a_first_refresh_asks_once_a_region_and_writes_once() -> None:
    source, sink = FakeSource(Clock()), FakeSink()
    report = run(source, sink)
    assert source.asked == ["eu-central-1", "us-east-1"]
    assert report == Report((Outcome("one", "refreshed", NOW + LIFE),))
    ((name, renewal),) = sink.written
    assert (name, renewal.refreshed_at, renewal.expires_at) == ("one", NOW, NOW + LIFE)
    assert {login.registries: login.password for login in renewal.logins} == {
        (FRANKFURT, FRANKFURT_OTHER_ACCOUNT): f"{CANARY}-eu-central-1-1",
        (VIRGINIA,): f"{CANARY}-us-east-1-2",
    }


@pytest.mark.parametrize("main", ALL)
def test_the_first_registry_asked_for_is_the_main_one(main: str) -> None:
    source, sink = FakeSource(Clock()), FakeSink()
    run(source, sink, main, *(host for host in ALL if host != main))
    assert sink.written[0][1].logins[0].registries[0] == main


def test_each_fetch_is_dated_when_it_is_done() -> None:
    clock = Clock()

    class Slow(FakeSource):
        def login(self, group: Group) -> Login:
            login = super().login(group)
            clock.now += timedelta(minutes=1)
            return login

    sink = FakeSink()
    run(Slow(clock), sink)
    assert [login.refreshed_at for login in sink.written[0][1].logins] == [
        NOW + timedelta(minutes=1),
        NOW + timedelta(minutes=2),
    ]


def test_many_places_need_no_more_tokens_than_one() -> None:
    source, sink = FakeSource(Clock()), many("a", "b", "c")
    assert statuses(run(source, sink)) == dict.fromkeys("abc", "refreshed")
    assert source.asked == ["eu-central-1", "us-east-1"]
    assert len({renewal for _, renewal in sink.written}) == 1


def test_nothing_is_written_before_all_logins_are_there() -> None:
    sink = many("a", "b")

    class Telling(FakeSource):
        def login(self, group: Group) -> Login:
            sink.events.append(f"login {group.region}")
            return super().login(group)

    run(Telling(Clock()), sink)
    assert sink.events == ["read a", "login eu-central-1", "login us-east-1", "write a", "read b", "write b"]


def test_a_fresh_login_costs_one_read_and_nothing_else() -> None:
    source, sink = FakeSource(Clock()), FakeSink()
    run(source, sink)
    source.clock.now += timedelta(hours=5)
    source.asked.clear()
    assert run(source, sink) == Report((Outcome("one", "fresh", NOW + LIFE),))
    assert (source.asked, len(sink.written)) == ([], 1)


def test_only_what_is_due_is_written() -> None:
    clock, sink = Clock(), many("a", "b")
    run(FakeSource(clock), sink)
    sink.held |= {"b": Held(), "c": Held()}
    sink.written.clear()
    assert statuses(run(FakeSource(clock), sink)) == {"a": "fresh", "b": "refreshed", "c": "refreshed"}
    assert [name for name, _ in sink.written] == ["b", "c"]


def test_what_is_due_gets_a_new_login_and_never_one_of_another_place() -> None:
    clock, sink = Clock(), many("a", "b")
    run(FakeSource(clock), sink, FRANKFURT)
    held = {login.password for login in sink.held["a"].logins}
    sink.held["b"] = Held()
    source = FakeSource(clock, asked=["earlier"])
    run(source, sink, FRANKFURT)
    assert source.asked == ["earlier", "eu-central-1"]
    assert not held & {login.password for login in sink.held["b"].logins}


def test_fresh_logins_are_renewed_by_force() -> None:
    source, sink = FakeSource(Clock()), many("a", "b")
    run(source, sink)
    assert statuses(run(source, sink, force=True)) == {"a": "refreshed", "b": "refreshed"}
    assert len(sink.written) == 4


def test_a_registry_that_is_taken_off_the_list_leaves_the_place_and_nothing_is_fetched_for_it() -> None:
    source, sink = FakeSource(Clock()), FakeSink()
    run(source, sink)
    before = sink.held["one"].logins
    source.asked.clear()
    assert statuses(run(source, sink, FRANKFURT)) == {"one": "refreshed"}
    (left,) = sink.held["one"].logins
    assert (left.registries, left.password, source.asked) == ((FRANKFURT,), before[0].password, [])
    assert statuses(run(source, sink, FRANKFURT)) == {"one": "fresh"}


def test_a_registry_that_is_put_on_the_list_costs_the_login_of_its_region_alone() -> None:
    source, sink = FakeSource(Clock()), FakeSink()
    run(source, sink, FRANKFURT, VIRGINIA)
    virginia = sink.held["one"].logins[1]
    source.asked.clear()
    assert statuses(run(source, sink)) == {"one": "refreshed"}
    assert source.asked == ["eu-central-1"]
    assert sink.held["one"].logins[1] == virginia
    assert sink.held["one"].logins[0].registries == (FRANKFURT, FRANKFURT_OTHER_ACCOUNT)


def test_another_main_registry_is_a_write_without_a_login() -> None:
    source, sink = FakeSource(Clock()), FakeSink()
    run(source, sink)
    source.asked.clear()
    assert statuses(run(source, sink, VIRGINIA, FRANKFURT, FRANKFURT_OTHER_ACCOUNT)) == {"one": "refreshed"}
    assert (sink.held["one"].main, source.asked) == (VIRGINIA, [])


def test_a_flaw_of_a_place_with_young_logins_is_mended_without_a_login() -> None:
    source, sink = FakeSource(Clock()), FakeSink()
    run(source, sink)
    good = sink.held["one"]
    sink.held["one"] = replace(good, flaw="not our owner")
    source.asked.clear()
    assert statuses(run(source, sink)) == {"one": "refreshed"}
    assert (sink.held["one"], source.asked) == (good, [])


@pytest.mark.parametrize("force", [False, True])
def test_without_a_place_to_write_nothing_is_fetched(force: bool) -> None:
    source, sink = FakeSource(Clock()), many()
    assert run(source, sink, force=force) == Report(())
    sink = FakeSink({"a": Held()}, unreadable={"a": DOWN})
    assert run(source, sink, force=force) == Report((Outcome("a", "failed", failure=DOWN),))
    assert source.asked == []


def test_what_a_write_does_away_with_is_told_only_when_it_does() -> None:
    source, sink = FakeSource(Clock()), FakeSink(replaces={"one": "somebody's"})
    assert run(source, sink).outcomes[0].note == "somebody's"
    assert run(source, sink).outcomes[0].note is None


def test_a_place_that_cannot_be_read_or_written_stops_no_other() -> None:
    clock = Clock()
    sink = FakeSink(
        {name: Held() for name in "abcd"}, unreadable={"a": DOWN}, unwritable={"c": DocumentTooLargeError("large")}
    )
    report = run(FakeSource(clock), sink)
    assert statuses(report) == {"a": "failed", "b": "refreshed", "c": "failed", "d": "refreshed"}
    assert {str(outcome.failure) for outcome in report.outcomes} == {"down", "large", "None"}
    assert report.unavailable is None


@pytest.mark.parametrize("life", [timedelta(days=-1), timedelta(0), SHORTEST_LIFE - timedelta(seconds=1)])
def test_a_login_too_short_lived_to_be_used_is_refused(life: timedelta) -> None:
    sink = FakeSink()
    unavailable = run(FakeSource(Clock(), life), sink, FRANKFURT).unavailable
    assert isinstance(unavailable, OddAnswerError)
    assert f"ECR in eu-central-1 gave a login with {life.total_seconds():.0f} s to live" in str(unavailable)
    assert sink.written == []


def test_a_login_that_lives_just_long_enough_is_taken() -> None:
    assert run(FakeSource(Clock(), SHORTEST_LIFE), FakeSink()).outcomes[0].expires_at == NOW + SHORTEST_LIFE


def test_a_fault_of_the_code_that_fetches_is_not_taken_for_a_failed_region() -> None:
    class Broken(FakeSource):
        def login(self, group: Group) -> Login:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(Broken(Clock()), FakeSink())


@given(
    unreadable=st.sets(st.sampled_from("abcdef")),
    unwritable=st.sets(st.sampled_from("abcdef")),
    fresh=st.sets(st.sampled_from("abcdef")),
    force=st.booleans(),
)
def test_each_place_has_exactly_the_outcome_that_is_its_own(
    unreadable: set[str], unwritable: set[str], fresh: set[str], force: bool
) -> None:
    clock, sink = Clock(), many(*"abcdef")
    run(FakeSource(clock), sink)
    sink.held |= {name: Held() for name in set("abcdef") - fresh}
    sink.written.clear()
    sink.unreadable, sink.unwritable = dict.fromkeys(unreadable, DOWN), dict.fromkeys(unwritable, DOWN)
    source = FakeSource(clock)

    def expected(name: str) -> str:
        if name in unreadable:
            return "failed"
        if name in fresh and not force:
            return "fresh"
        return "failed" if name in unwritable else "refreshed"

    found = statuses(run(source, sink, force=force))
    assert found == {name: expected(name) for name in "abcdef"}
    assert sorted(name for name, _ in sink.written) == sorted(n for n, status in found.items() if status == "refreshed")
    due = {name for name in "abcdef" if name not in unreadable and (force or name not in fresh)}
    assert source.asked == (["eu-central-1", "us-east-1"] if due else [])
