"""What is fresh, and what is kept, for what a place may hold."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refresher.core import (
    LONGEST_LIFE,
    Held,
    Login,
    Renewal,
    docker_config,
    first_to_die,
    is_fresh,
    is_young,
    kept,
    read_docker_config,
)

from tests.refresher.fakes import CANARY, FRANKFURT, FRANKFURT_OTHER_ACCOUNT, LIFE, NOW, VIRGINIA

BOTH = (FRANKFURT, VIRGINIA)


def aged(*hosts: str, expires_at: datetime | None = NOW + LIFE, refreshed_at: datetime | None = NOW) -> Login:
    return Login(hosts, "AWS", CANARY, expires_at, refreshed_at)


LOGINS = (aged(FRANKFURT), aged(VIRGINIA))


@pytest.mark.parametrize(
    ("held", "fresh"),
    [
        (Held(LOGINS), True),
        (Held(LOGINS, FRANKFURT), True),
        (Held(LOGINS[::-1]), True),
        (Held((aged(*BOTH),)), True),
        (Held((LOGINS[0], aged(VIRGINIA, refreshed_at=NOW - timedelta(hours=5)))), True),
        (Held(), False),
        (Held(LOGINS, VIRGINIA), False),
        (Held(LOGINS, flaw="edited"), False),
        (Held((LOGINS[0], aged(VIRGINIA, refreshed_at=None))), False),
        (Held((LOGINS[0], aged(VIRGINIA, expires_at=None))), False),
        (Held(LOGINS[:1]), False),
        (Held((*LOGINS, aged(FRANKFURT_OTHER_ACCOUNT))), False),
        (Held((LOGINS[0], aged(VIRGINIA, expires_at=NOW - timedelta(hours=1)))), False),
        (Held((LOGINS[0], aged(VIRGINIA, expires_at=NOW + timedelta(hours=25)))), False),
        (Held((LOGINS[0], aged(VIRGINIA, refreshed_at=NOW + timedelta(seconds=1)))), False),
        (Held((LOGINS[0], aged(VIRGINIA, refreshed_at=NOW - timedelta(hours=12, seconds=1)))), False),
    ],
    ids=[
        *("one login a registry", "the main one first", "in another order", "one login for both", "of several ages"),
        *("nothing", "another main one", "a flaw", "nobody knows since when", "nobody knows until when"),
        *("one too few", "one too many", "one of them dead", "one of them lives too long"),
        *("refreshed in the future", "older than a login can be"),
    ],
)
def test_what_is_held_is_fresh_if_all_of_it_is_as_it_should_be(held: Held, fresh: bool) -> None:
    assert is_fresh(held, BOTH, NOW) is fresh


def test_the_first_login_to_die_is_when_a_place_expires_and_says_since_when() -> None:
    earlier = aged(VIRGINIA, expires_at=NOW, refreshed_at=NOW - LIFE)
    assert Held((LOGINS[0], earlier)).expires_at == Renewal((LOGINS[0], earlier)).expires_at == NOW
    assert Renewal((LOGINS[0], earlier)).refreshed_at == NOW - LIFE
    assert Held().expires_at is None
    assert Held((aged(VIRGINIA, expires_at=None),)).expires_at is None


def test_of_two_that_die_at_once_the_one_fetched_first_counts_and_none_of_unknown_end() -> None:
    older = aged(VIRGINIA, refreshed_at=NOW - timedelta(hours=1))
    assert first_to_die([aged(FRANKFURT, expires_at=None, refreshed_at=None), LOGINS[0], older]) is older


@pytest.mark.parametrize("config", [None, 7, b"{}", "", "{", "[]", "{}", '{"auths": null}', '{"auths": [{}]}'])
def test_what_is_no_docker_config_holds_no_login(config: Any) -> None:
    assert read_docker_config(config) == ()


def test_a_docker_config_does_not_say_when_its_logins_die() -> None:
    assert read_docker_config(docker_config(LOGINS)) == tuple(
        aged(host, expires_at=None, refreshed_at=None) for host in BOTH
    )


lives = st.timedeltas(timedelta(seconds=1), LONGEST_LIFE)
ages = st.timedeltas(timedelta(0), LONGEST_LIFE)


@given(lives=st.lists(lives, min_size=2, max_size=2), since=st.lists(ages, min_size=2, max_size=2))
def test_a_place_is_fresh_exactly_while_each_of_its_logins_has_more_than_half_of_its_life(
    lives: list[timedelta], since: list[timedelta]
) -> None:
    logins = tuple(
        aged(host, expires_at=NOW - age + life, refreshed_at=NOW - age)
        for host, life, age in zip(BOTH, lives, since, strict=True)
    )
    expected = [age * 2 < life for life, age in zip(lives, since, strict=True)]
    assert [is_young(login, NOW) for login in logins] == expected
    assert is_fresh(Held(logins), BOTH, NOW) is all(expected)


UNDATED = aged(FRANKFURT, expires_at=None, refreshed_at=None)


@pytest.mark.parametrize(
    ("login", "expected"),
    [
        (aged(FRANKFURT), aged(FRANKFURT)),
        (
            aged(FRANKFURT, expires_at=NOW + timedelta(seconds=1)),
            aged(FRANKFURT, expires_at=NOW + timedelta(seconds=1)),
        ),
        (aged(VIRGINIA, FRANKFURT), aged(FRANKFURT)),
        (aged(FRANKFURT, expires_at=NOW), None),
        (aged(FRANKFURT, expires_at=NOW - LIFE, refreshed_at=None), None),
        (aged(VIRGINIA), None),
        (aged(FRANKFURT, expires_at=None), UNDATED),
        (aged(FRANKFURT, refreshed_at=None), UNDATED),
        (aged(FRANKFURT, expires_at=NOW + LONGEST_LIFE + timedelta(seconds=1)), UNDATED),
    ],
    ids=[
        *("alive", "just alive", "of others too", "just dead", "long dead", "of others only"),
        *("until nobody knows when", "since nobody knows when", "longer than any"),
    ],
)
def test_what_may_still_live_is_kept_for_the_registries_asked_for(login: Login, expected: Login | None) -> None:
    assert kept(Held((login,)), [FRANKFURT], NOW) == (() if expected is None else (expected,))


def test_what_is_kept_is_in_the_order_asked_for_whatever_it_was_held_in() -> None:
    three = [VIRGINIA, FRANKFURT_OTHER_ACCOUNT, FRANKFURT]
    held = Held((aged(FRANKFURT, FRANKFURT_OTHER_ACCOUNT), aged(VIRGINIA)))
    assert [login.registries for login in kept(held, three, NOW)] == [
        (VIRGINIA,),
        (FRANKFURT_OTHER_ACCOUNT, FRANKFURT),
    ]
