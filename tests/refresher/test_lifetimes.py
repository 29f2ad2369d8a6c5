"""When each login dies: how it is written beside a docker config, and what is made of it if it doesn't fit that."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refresher.core import Login, Renewal, docker_config, instant, read_docker_config, timestamp
from refresher.document import held_in, merge_document
from refresher.lifetimes import lifetimes, with_lifetimes
from refresher.pull_secret import LOGINS
from refresher.pull_secret import held_in as held_in_secret

from tests.refresher.fakes import CANARY, FRANKFURT, FRANKFURT_OTHER_ACCOUNT, LIFE, NOW, VIRGINIA
from tests.refresher.secrets import LABELS, OWNER, RENEWAL, ours
from tests.refresher.test_document_properties import values

HOUR = timedelta(hours=1)
OLD = Login((FRANKFURT, FRANKFURT_OTHER_ACCOUNT), "AWS", f"{CANARY}-old", NOW + HOUR, NOW + HOUR - LIFE)
NEW = Login((VIRGINIA,), "AWS", f"{CANARY}-new", NOW + LIFE, NOW)
LOGINS_HELD = (OLD, NEW)
ENTRIES = [
    {
        "registries": [FRANKFURT, FRANKFURT_OTHER_ACCOUNT],
        "expiresAt": "2026-11-23T13:00:00Z",
        "refreshedAt": "2026-11-23T01:00:00Z",
    },
    {"registries": [VIRGINIA], "expiresAt": "2026-11-24T00:00:00Z", "refreshedAt": "2026-11-23T12:00:00Z"},
]
# As an earlier version reads them all: by the times of the first to die.
ALL_OLD = tuple(
    Login((host,), login.username, login.password, OLD.expires_at, OLD.refreshed_at)
    for login in LOGINS_HELD
    for host in login.registries
)


def read(entries: Any, expires_at: datetime = NOW + HOUR, refreshed_at: datetime | None = OLD.refreshed_at) -> Any:
    return with_lifetimes(read_docker_config(docker_config(LOGINS_HELD)), entries, expires_at, refreshed_at)


def changed(number: int, **changes: Any) -> list[dict[str, Any]]:
    """The entries, with one of them changed; what is None is left out."""
    entry = {key: value for key, value in {**ENTRIES[number], **changes}.items() if value is not None}
    return [entry if at == number else other for at, other in enumerate(ENTRIES)]


def test_each_login_is_written_with_its_own_times() -> None:
    assert lifetimes(LOGINS_HELD) == ENTRIES


def test_what_was_written_is_read_again() -> None:
    assert read(ENTRIES) == LOGINS_HELD


def test_a_login_of_unknown_age_is_written_and_read_as_one() -> None:
    undated = Login((VIRGINIA,), "AWS", NEW.password, None)
    assert lifetimes([undated]) == [{"registries": [VIRGINIA]}]
    assert read(changed(1, expiresAt=None, refreshedAt=None)) == (OLD, undated)


@pytest.mark.parametrize(
    "entries",
    [
        None,
        [],
        {},
        "text",
        [None],
        ENTRIES[:1],
        [*ENTRIES, ENTRIES[0]],
        [*ENTRIES, {"registries": []}],
        changed(0, registries=[FRANKFURT]),
        changed(1, registries=[VIRGINIA, FRANKFURT]),
        [{**ENTRIES[0], "registries": [FRANKFURT, FRANKFURT_OTHER_ACCOUNT, VIRGINIA]}],
        changed(1, registries=["registry.example"]),
        changed(1, registries=[7]),
        changed(1, registries=VIRGINIA),
        changed(0, expiresAt="2026-11-23T13:00:01Z"),
        changed(0, expiresAt=None),
        changed(0, refreshedAt=None),
        changed(0, refreshedAt="2026-11-23T01:00:01Z"),
        changed(1, expiresAt="2026-11-23T12:59:59Z"),
    ],
    ids=[
        *("missing", "empty", "an object", "a text", "nothing", "one too few", "one twice", "one of nothing"),
        *("a registry too few", "a registry twice", "two logins as one", "another registry", "no registry", "no list"),
        *("later than the first dies", "no end", "no beginning", "another beginning", "sooner than the first dies"),
    ],
)
def test_times_that_do_not_fit_the_rest_give_way_to_those_of_the_first_to_die(entries: Any) -> None:
    assert read(entries) == ALL_OLD


def test_a_document_of_an_earlier_version_is_read_as_that_version_read_it() -> None:
    written = merge_document({}, Renewal(LOGINS_HELD))
    del written["logins"]
    assert held_in(written).logins == ALL_OLD
    assert (held_in(written).main, held_in(written).flaw) == (FRANKFURT, None)


def test_times_that_an_earlier_version_left_behind_are_not_those_of_what_it_wrote() -> None:
    before = merge_document({}, Renewal(LOGINS_HELD))
    # It kept the key, which it didn't know, and wrote all others.
    again = Login((FRANKFURT, FRANKFURT_OTHER_ACCOUNT, VIRGINIA), "AWS", "again", NOW + 2 * LIFE, NOW + LIFE)
    after = {**merge_document({}, Renewal((again,))), "logins": before["logins"]}
    assert {login.expires_at for login in held_in(after).logins} == {NOW + 2 * LIFE}


def test_a_secret_of_an_earlier_version_is_read_as_that_version_read_it() -> None:
    annotations = dict(ours()["metadata"]["annotations"])
    del annotations[LOGINS]
    held = held_in_secret(ours(annotations=annotations), LABELS, OWNER)
    assert (held.logins, held.flaw) == (RENEWAL.logins, None)


ends = st.integers(1, 24 * 3600).map(lambda seconds: timedelta(seconds=seconds))


@given(ends=st.tuples(ends, ends), since=st.tuples(ends, ends))
def test_any_two_logins_are_read_with_the_times_they_were_written_with(
    ends: tuple[timedelta, timedelta], since: tuple[timedelta, timedelta]
) -> None:
    logins = tuple(
        Login(login.registries, "AWS", login.password, NOW + end, NOW - age)
        for login, end, age in zip(LOGINS_HELD, ends, since, strict=True)
    )
    document = json.loads(json.dumps(merge_document({}, Renewal(logins))))
    assert held_in(document).logins == logins
    assert document["expiresAt"] == timestamp(NOW + min(ends))


@given(entries=values | st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(ENTRIES[0], values))))
def test_any_entries_are_read_and_no_login_gets_lost(entries: Any) -> None:
    found = read(entries)
    assert sorted(host for login in found for host in login.registries) == sorted(
        [FRANKFURT, FRANKFURT_OTHER_ACCOUNT, VIRGINIA]
    )
    assert min(login.expires_at for login in found) == instant("2026-11-23T13:00:00Z")
