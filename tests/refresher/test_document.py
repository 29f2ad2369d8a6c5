"""The document: how it is made, read and judged."""

import base64
import json
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from refresher.core import Held, Login, Renewal, docker_config, is_fresh
from refresher.document import Document, held_in, merge_document, parse_document

from tests.refresher.fakes import CANARY, FRANKFURT, LIFE, NOW, VIRGINIA

BOTH = (FRANKFURT, VIRGINIA)


def logins(life: timedelta = LIFE) -> list[Login]:
    return [
        Login((FRANKFURT,), "AWS", CANARY, NOW + life, NOW),
        Login((VIRGINIA,), "AWS", CANARY + "-virginia", NOW + life - timedelta(seconds=1), NOW),
    ]


def document(life: timedelta = LIFE) -> dict[str, Any]:
    return merge_document({}, Renewal(tuple(logins(life))))


def fresh(document: Document, registries: Sequence[str], now: datetime) -> bool:
    return is_fresh(held_in(document), registries, now)


def test_a_docker_config_has_one_entry_a_registry() -> None:
    auth = base64.b64encode(f"AWS:{CANARY}".encode()).decode()
    config = json.loads(docker_config([Login(BOTH, "AWS", CANARY, NOW)]))
    assert config == {"auths": {host: {"auth": auth} for host in BOTH}}


def test_the_document_names_the_first_registry_and_the_earliest_expiry() -> None:
    made = document()
    assert made == {
        "registry": FRANKFURT,
        "username": "AWS",
        "password": CANARY,
        "dockerconfigjson": docker_config(logins()),
        "expiresAt": "2026-11-23T23:59:59Z",
        "refreshedAt": "2026-11-23T12:00:00Z",
        "logins": [
            {
                "registries": [FRANKFURT],
                "expiresAt": "2026-11-24T00:00:00Z",
                "refreshedAt": "2026-11-23T12:00:00Z",
            },
            {
                "registries": [VIRGINIA],
                "expiresAt": "2026-11-23T23:59:59Z",
                "refreshedAt": "2026-11-23T12:00:00Z",
            },
        ],
    }


def test_times_are_written_in_utc_and_cut_to_seconds() -> None:
    late = NOW + timedelta(seconds=0.9)
    made = merge_document({}, Renewal((Login((FRANKFURT,), "AWS", CANARY, late + LIFE, late),)))
    assert (made["refreshedAt"], made["expiresAt"]) == ("2026-11-23T12:00:00Z", "2026-11-24T00:00:00Z")


def test_times_of_any_zone_are_written_in_utc() -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    login = Login((FRANKFURT,), "AWS", CANARY, (NOW + LIFE).astimezone(zone), NOW.astimezone(zone))
    made = merge_document({}, Renewal((login,)))
    assert (made["refreshedAt"], made["expiresAt"]) == ("2026-11-23T12:00:00Z", "2026-11-24T00:00:00Z")


def test_a_login_does_not_show_its_password() -> None:
    assert CANARY not in repr(logins()) + str(logins()[0])


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(0), True),
        (timedelta(hours=5, minutes=59, seconds=58), True),
        (timedelta(hours=5, minutes=59, seconds=59.5), False),
        (timedelta(hours=6), False),
        (timedelta(hours=12), False),
        (timedelta(days=400), False),
        (timedelta(seconds=-1), False),
    ],
)
def test_a_document_is_fresh_while_more_than_half_of_its_life_is_left(age: timedelta, expected: bool) -> None:
    assert fresh(document(), BOTH, NOW + age) is expected


@pytest.mark.parametrize(
    "asked",
    [(FRANKFURT,), (VIRGINIA, FRANKFURT), (*BOTH, FRANKFURT.replace("1234", "9999"))],
    ids=["one taken away", "another main one", "one added"],
)
def test_a_document_for_other_registries_is_not_fresh(asked: tuple[str, ...]) -> None:
    assert fresh(document(), BOTH, NOW)
    assert not fresh(document(), asked, NOW)


@pytest.mark.parametrize("key", ["registry", "username", "password", "dockerconfigjson", "expiresAt", "refreshedAt"])
@pytest.mark.parametrize("value", [None, "", "something else", 7, True, [], {}])
def test_a_document_with_a_damaged_key_is_not_fresh(key: str, value: object) -> None:
    assert not fresh({**document(), key: value}, BOTH, NOW)
    assert not fresh({name: kept for name, kept in document().items() if name != key}, BOTH, NOW)


@pytest.mark.parametrize(
    "damage",
    [
        {"auth": None},
        {"auth": ""},
        {"auth": "no base64"},
        {"auth": "/w=="},
        {"auth": base64.b64encode(b"AWS").decode()},
        {"auth": base64.b64encode(b":password").decode()},
        {"auth": base64.b64encode(b"AWS:").decode()},
        {"username": "AWS"},
        {"email": "none"},
    ],
)
@pytest.mark.parametrize("host", BOTH)
def test_a_document_with_a_damaged_docker_config_is_not_fresh(host: str, damage: dict[str, object]) -> None:
    config = json.loads(docker_config(logins()))
    config["auths"][host].update(damage)
    assert not fresh({**document(), "dockerconfigjson": json.dumps(config)}, BOTH, NOW)


def test_a_document_whose_parts_hold_different_logins_is_not_fresh() -> None:
    config = json.loads(docker_config(logins()))
    config["auths"][FRANKFURT]["auth"] = base64.b64encode(b"AWS:another").decode()
    assert not fresh({**document(), "dockerconfigjson": json.dumps(config)}, BOTH, NOW)


@pytest.mark.parametrize("changes", [{"expiresAt": None}, {"password": "another"}, {"registry": "registry.example"}])
def test_the_logins_of_a_damaged_document_are_held_without_an_age(changes: Document) -> None:
    held = held_in({**document(), **changes})
    assert held == Held(
        tuple(Login(login.registries, "AWS", login.password, None) for login in logins()), flaw="no login of ours"
    )


@pytest.mark.parametrize(("username", "password"), [("", CANARY), ("AWS", "")])
def test_a_document_with_half_a_login_is_not_fresh(username: str, password: str) -> None:
    half = merge_document({}, Renewal((Login((FRANKFURT,), username, password, NOW + LIFE, NOW),)))
    assert not fresh(half, [FRANKFURT], NOW)


@pytest.mark.parametrize("config", ["[]", "{}", '{"auths":[]}', '{"auths":{}}', "{", '{"auths":{"a":1}}'])
def test_a_document_without_a_docker_config_is_not_fresh(config: str) -> None:
    assert not fresh({**document(), "dockerconfigjson": config}, BOTH, NOW)


@pytest.mark.parametrize(
    "expires_at",
    [
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
        "2026-11-25T12:00:01Z",
        "2026-11-23T11:59:59Z",
        "2026-11-23T23:59:59",
        "2026-11-23",
        "tomorrow",
        "1795000000",
    ],
    ids=["far future", "overflow", "underflow", "lives too long", "past", "naive", "a day", "garbage", "epoch"],
)
def test_a_document_with_an_unbelievable_expiry_is_not_fresh(expires_at: str) -> None:
    assert not fresh({**document(), "expiresAt": expires_at}, BOTH, NOW)


@pytest.mark.parametrize("refreshed_at", ["2026-11-23T12:00:01Z", "2026-11-24T12:00:00Z", "2026-11-23T12:00:00"])
def test_a_document_refreshed_in_the_future_or_nowhere_is_not_fresh(refreshed_at: str) -> None:
    assert not fresh({**document(), "refreshedAt": refreshed_at}, BOTH, NOW)


def test_a_time_in_another_zone_counts_as_the_moment_it_is() -> None:
    shifted = {**document(), "expiresAt": "2026-11-24T01:59:59+02:00"}
    assert fresh(shifted, BOTH, NOW + timedelta(hours=5))
    assert not fresh(shifted, BOTH, NOW + timedelta(hours=7))


@pytest.mark.parametrize(
    ("content", "damage"),
    [
        (b"\x00\x01", "binary, not text"),
        (b"{}", "binary, not text"),
        ("", "not JSON"),
        ("{broken", "not JSON"),
        ('{"a": NaN}', "not JSON"),
        ('{"a": -Infinity}', "not JSON"),
        ('{"a": 1e999}', "not JSON"),
        ('{"a": ' + "9" * 5000 + "}", "not JSON"),
        ("[" * 30000, "not JSON"),
        ("[" * 30000 + "]" * 30000, "not JSON"),
        ("[]", "JSON, but not an object"),
        ('"text"', "JSON, but not an object"),
        ("null", "JSON, but not an object"),
    ],
)
def test_content_that_cannot_be_merged_into_is_named(content: str | bytes, damage: str) -> None:
    assert parse_document(content) == ({}, damage)
