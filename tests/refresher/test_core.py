"""What is fresh, for what a place may hold."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refresher.core import LONGEST_LIFE, Held, Login, Renewal, docker_config, is_fresh, read_docker_config

from tests.refresher.fakes import CANARY, FRANKFURT, FRANKFURT_OTHER_ACCOUNT, LIFE, NOW, VIRGINIA

BOTH = (FRANKFURT, VIRGINIA)
LOGINS = (Login((FRANKFURT,), "AWS", CANARY, NOW + LIFE), Login((VIRGINIA,), "AWS", CANARY, NOW + LIFE))


@pytest.mark.parametrize(
    ("held", "fresh"),
    [
        (Held(LOGINS, NOW), True),
        (Held(LOGINS, NOW, FRANKFURT), True),
        (Held(LOGINS[::-1], NOW), True),
        (Held((Login(BOTH, "AWS", CANARY, NOW + LIFE),), NOW), True),
        (Held(), False),
        (Held((), NOW), False),
        (Held(LOGINS, NOW, VIRGINIA), False),
        (Held(LOGINS, NOW, flaw="edited"), False),
        (Held(LOGINS, None), False),
        (Held(LOGINS[:1], NOW), False),
        (Held((*LOGINS, Login((FRANKFURT_OTHER_ACCOUNT,), "AWS", CANARY, NOW + LIFE)), NOW), False),
        (Held((LOGINS[0], Login((VIRGINIA,), "AWS", CANARY, NOW + timedelta(hours=-1))), NOW), False),
        (Held((LOGINS[0], Login((VIRGINIA,), "AWS", CANARY, NOW + timedelta(hours=25))), NOW), False),
        (Held(LOGINS, NOW + timedelta(seconds=1)), False),
        (Held(LOGINS, NOW - timedelta(hours=12, seconds=1)), False),
    ],
    ids=[
        *(
            "one login a registry",
            "the main one first",
            "in another order",
            "one login for both",
            "nothing",
            "no login",
        ),
        *("another main one", "a flaw", "nobody knows since when", "one too few", "one too many", "one of them dead"),
        *("one of them lives too long", "refreshed in the future", "older than a login can be"),
    ],
)
def test_what_is_held_is_fresh_if_all_of_it_is_as_it_should_be(held: Held, fresh: bool) -> None:
    assert is_fresh(held, BOTH, NOW) is fresh


def test_the_first_login_to_die_is_when_a_place_expires() -> None:
    earlier = Login((VIRGINIA,), "AWS", CANARY, NOW)
    assert Held((LOGINS[0], earlier)).expires_at == Renewal((LOGINS[0], earlier), NOW).expires_at == NOW
    assert Held().expires_at is None


@pytest.mark.parametrize("config", [None, 7, b"{}", "", "{", "[]", "{}", '{"auths": null}', '{"auths": [{}]}'])
def test_what_is_no_docker_config_holds_no_login(config: Any) -> None:
    assert read_docker_config(config, NOW) == ()


@given(
    lives=st.lists(st.timedeltas(timedelta(seconds=1), LONGEST_LIFE), min_size=2, max_size=2),
    age=st.timedeltas(timedelta(0), LONGEST_LIFE),
)
def test_a_place_is_fresh_exactly_while_each_of_its_logins_has_more_than_half_of_its_life(
    lives: list[timedelta], age: timedelta
) -> None:
    logins = tuple(Login((host,), "AWS", CANARY, NOW + life) for host, life in zip(BOTH, lives, strict=True))
    assert is_fresh(Held(logins, NOW), BOTH, NOW + age) is all(age * 2 < life for life in lives)


@given(expires_at=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001
def test_a_docker_config_gives_its_logins_the_expiry_it_was_read_with(expires_at: datetime) -> None:
    logins = read_docker_config(docker_config(LOGINS), expires_at)
    assert {login.expires_at for login in logins} == {expires_at}
    assert [login.registries for login in logins] == [(FRANKFURT,), (VIRGINIA,)]
