"""The use case: what is read, fetched and written, in which order, and what happens when a part of it fails."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refresher.core import SHORTEST_LIFE
from refresher.errors import (
    AwsCallError,
    DeniedError,
    DocumentTooLargeError,
    LoginsUnavailableError,
    OddAnswerError,
    RefreshError,
)
from refresher.ports import Held
from refresher.refresh import Report, refresh

from tests.refresher.fakes import (
    CANARY,
    FRANKFURT,
    FRANKFURT_OTHER_ACCOUNT,
    LIFE,
    VIRGINIA,
    Clock,
    FakeSink,
    FakeSource,
    registries,
)

ALL = (FRANKFURT, VIRGINIA, FRANKFURT_OTHER_ACCOUNT)


def run(source: FakeSource, sink: FakeSink, *hosts: str, force: bool = False) -> Report:
    return refresh(source, sink, registries(*(hosts or ALL)), force=force, clock=source.clock)


def test_a_first_refresh_asks_once_a_region_and_writes_once() -> None:
    source, sink = FakeSource(Clock()), FakeSink()
    report = run(source, sink)
    assert source.asked == ["eu-central-1", "us-east-1"]
    assert len(sink.written) == 1
    assert report == Report("refreshed", ALL, "2026-11-24T00:00:00Z", 12 * 3600)
    auths = json.loads(str(sink.written[0]["dockerconfigjson"]))["auths"]
    assert {host: entry["password"] for host, entry in auths.items()} == {
        FRANKFURT: f"{CANARY}-eu-central-1-1",
        FRANKFURT_OTHER_ACCOUNT: f"{CANARY}-eu-central-1-1",
        VIRGINIA: f"{CANARY}-us-east-1-2",
    }


@pytest.mark.parametrize("main", ALL)
def test_the_first_registry_asked_for_is_the_main_one(main: str) -> None:
    source, sink = FakeSource(Clock()), FakeSink()
    run(source, sink, main, *(host for host in ALL if host != main))
    assert sink.written[0]["registry"] == main


def test_a_fresh_login_costs_one_read_and_nothing_else() -> None:
    source, sink = FakeSource(Clock()), FakeSink()
    run(source, sink)
    source.clock.now += timedelta(hours=5)
    source.asked.clear()
    assert run(source, sink) == Report("fresh", ALL, "2026-11-24T00:00:00Z", 7 * 3600)
    assert (source.asked, len(sink.written)) == ([], 1)


def test_a_fresh_login_is_renewed_by_force() -> None:
    source, sink = FakeSource(Clock()), FakeSink()
    run(source, sink)
    assert run(source, sink, force=True).status == "refreshed"
    assert len(sink.written) == 2


def test_a_fresh_login_is_renewed_when_the_registries_change() -> None:
    source, sink = FakeSource(Clock()), FakeSink()
    run(source, sink)
    assert run(source, sink, FRANKFURT).status == "refreshed"
    assert run(source, sink, FRANKFURT).status == "fresh"


def test_keys_of_others_are_kept_and_not_reported() -> None:
    source, sink = FakeSource(Clock()), FakeSink(Held({"username": "old", "theirs": {"deep": [1, None]}}))
    assert run(source, sink).replaced is None
    assert sink.written[0]["theirs"] == {"deep": [1, None]}
    assert sink.written[0]["username"] == "AWS"


def test_content_that_had_to_make_way_is_reported_with_the_version_that_still_has_it() -> None:
    source, sink = FakeSource(Clock()), FakeSink(Held({}, "not JSON", "f00d"))
    assert (
        run(source, sink).replaced == "the secret held content that is not JSON; it can still be read as version f00d"
    )


def test_a_region_that_fails_leaves_the_last_good_document_alone() -> None:
    clock = Clock()
    sink = FakeSink()
    run(FakeSource(clock), sink)
    good = sink.held
    clock.now += timedelta(hours=7)
    failing = FakeSource(clock, failures={"us-east-1": AwsCallError("us-east-1 is down")})
    with pytest.raises(AwsCallError, match="us-east-1 is down"):
        run(failing, sink)
    assert sink.held is good


def test_every_region_that_fails_is_named() -> None:
    failures: dict[str, RefreshError] = {
        "eu-central-1": DeniedError("denied here"),
        "us-east-1": AwsCallError("down there"),
    }
    source, sink = FakeSource(Clock(), failures=failures), FakeSink()
    with pytest.raises(LoginsUnavailableError, match=r"^2 regions gave no login: denied here; down there$"):
        run(source, sink)
    assert source.asked == ["eu-central-1", "us-east-1"]
    assert sink.written == []


@pytest.mark.parametrize(
    ("second", "awaited"), [(DeniedError("denied too"), True), (AwsCallError("down"), False)], ids=["denied", "down"]
)
def test_failures_of_several_regions_may_heal_only_if_all_of_them_may(second: RefreshError, awaited: bool) -> None:
    source = FakeSource(Clock(), failures={"eu-central-1": DeniedError("denied"), "us-east-1": second})
    with pytest.raises(LoginsUnavailableError) as caught:
        run(source, FakeSink())
    assert caught.value.rights_missing is awaited


@pytest.mark.parametrize("life", [timedelta(days=-1), timedelta(0), SHORTEST_LIFE - timedelta(seconds=1)])
def test_a_login_too_short_lived_to_be_used_is_refused(life: timedelta) -> None:
    sink = FakeSink()
    with pytest.raises(
        OddAnswerError, match=f"ECR in eu-central-1 gave a login with {life.total_seconds():.0f} s to live"
    ):
        run(FakeSource(Clock(), life), sink, FRANKFURT)
    assert sink.written == []


def test_a_login_that_lives_just_long_enough_is_taken() -> None:
    assert run(FakeSource(Clock(), SHORTEST_LIFE), FakeSink()).seconds_left == 10


def test_a_failing_write_is_not_reported_as_success() -> None:
    sink = FakeSink(failure=DocumentTooLargeError("too large"))
    with pytest.raises(DocumentTooLargeError):
        run(FakeSource(Clock()), sink)


failures = st.sampled_from([DeniedError("denied"), AwsCallError("down"), OddAnswerError("odd")])


@given(
    failing=st.dictionaries(st.sampled_from(["eu-central-1", "us-east-1"]), failures, min_size=1),
    hosts=st.permutations(ALL),
    age=st.timedeltas(timedelta(0), timedelta(days=3)),
    force=st.booleans(),
    damage=st.none() | st.just("not JSON"),
)
def test_nothing_is_ever_written_when_any_region_fails(
    failing: dict[str, RefreshError], hosts: list[str], age: timedelta, force: bool, damage: str | None
) -> None:
    clock = Clock()
    sink = FakeSink()
    run(FakeSource(clock), sink, *hosts)
    held: Any = sink.held if damage is None else Held({}, damage, "v")
    sink.held = held
    clock.now += age
    source = FakeSource(clock, failures=failing)
    try:
        assert run(source, sink, *hosts, force=force).status == "fresh"
        assert age < LIFE / 2
        assert not force
    except RefreshError:
        assert source.asked
    assert sink.held is held
    assert len(sink.written) == 1
