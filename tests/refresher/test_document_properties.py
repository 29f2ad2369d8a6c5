"""What holds for any document, login and moment."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from refresher.core import LONGEST_LIFE, Login, Renewal, docker_config, instant, is_fresh, read_docker_config
from refresher.document import held_in, merge_document, parse_document

from tests.refresher.fakes import FRANKFURT, FRANKFURT_OTHER_ACCOUNT, VIRGINIA

OURS = {"registry", "username", "password", "dockerconfigjson", "expiresAt", "refreshedAt", "logins"}

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)
objects = st.dictionaries(st.text() | st.sampled_from(sorted(OURS)), values)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
lives = st.timedeltas(timedelta(seconds=10), LONGEST_LIFE)
hosts = st.permutations([FRANKFURT, FRANKFURT_OTHER_ACCOUNT, VIRGINIA])
# A user name holds no colon; both are what ECR's token can hold.
usernames = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":"), min_size=1)
passwords = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)


@given(hosts=hosts, username=usernames, password=passwords, now=moments)
def test_a_docker_config_gives_back_the_login_it_was_made_from(
    hosts: list[str], username: str, password: str, now: datetime
) -> None:
    config = json.loads(docker_config([Login(tuple(hosts), username, password, now)]))
    assert set(config["auths"]) == set(hosts)
    for entry in config["auths"].values():
        assert base64.b64decode(entry["auth"]).decode().split(":", 1) == [username, password]
    assert read_docker_config(json.dumps(config)) == tuple(Login((host,), username, password, None) for host in hosts)


@given(old=objects, now=moments, life=lives, password=passwords)
def test_keys_of_others_survive_any_number_of_refreshes(
    old: dict[str, Any], now: datetime, life: timedelta, password: str
) -> None:
    document = old
    for _ in range(3):
        written = json.dumps(
            merge_document(document, Renewal((Login((FRANKFURT,), "AWS", password, now + life, now),)))
        )
        document, damage = parse_document(written)
        assert damage is None
    assert {k: v for k, v in document.items() if k not in OURS} == {k: v for k, v in old.items() if k not in OURS}
    assert OURS.issubset(document)


@given(old=objects, now=moments, life=lives, hosts=hosts, username=usernames, password=passwords)
def test_what_was_just_written_is_fresh_whatever_was_there_before(
    old: dict[str, Any], now: datetime, life: timedelta, hosts: list[str], username: str, password: str
) -> None:
    document = merge_document(old, Renewal((Login(tuple(hosts), username, password, now + life, now),)))
    assert is_fresh(held_in(document), hosts, now)


@given(now=moments, life=lives, earlier=lives, later=lives)
def test_what_has_gone_stale_stays_stale(now: datetime, life: timedelta, earlier: timedelta, later: timedelta) -> None:
    document = merge_document({}, Renewal((Login((FRANKFURT,), "AWS", "secret", now + life, now),)))
    first, second = sorted([earlier, later])
    assert is_fresh(held_in(document), [FRANKFURT], now + first) >= is_fresh(
        held_in(document), [FRANKFURT], now + second
    )


@given(now=moments, life=lives, age=lives)
def test_a_fresh_document_has_more_than_half_of_its_life_left(now: datetime, life: timedelta, age: timedelta) -> None:
    document = merge_document({}, Renewal((Login((FRANKFURT,), "AWS", "secret", now + life, now),)))
    if is_fresh(held_in(document), [FRANKFURT], now + age):
        expires_at = instant(document["expiresAt"])
        assert expires_at is not None
        assert expires_at - (now + age) > life / 2 - timedelta(seconds=1)


@given(document=objects, now=moments)
def test_no_document_of_others_is_ever_taken_for_fresh(document: dict[str, Any], now: datetime) -> None:
    assert not is_fresh(held_in(document), [FRANKFURT], now)


@given(content=st.text() | st.binary() | objects.map(json.dumps))
def test_any_content_is_read_or_named_damaged(content: str | bytes) -> None:
    document, damage = parse_document(content)
    assert (damage is None) or document == {}
