"""Whether a registry takes a login: what it is asked, and what is made of each answer."""

from collections.abc import Mapping
from typing import Any

import pytest
from refresher.core import Login
from refresher.errors import RegistryUnreachableError
from refresher.images import LoginVerdict
from refresher.patience import Time
from refresher.pulling import Answer, try_login
from refresher.verification import try_logins

from tests.refresher.fakes import CANARY, FRANKFURT, FRANKFURT_OTHER_ACCOUNT, LIFE, NOW, VIRGINIA
from tests.refresher.registry_server import Registry, Reply
from tests.refresher.registry_server import denied as refusal
from tests.refresher.test_pulling import ASKED, BASIC, CHALLENGE, LOGIN, PUBLIC, FakeRegistry, denied

PUBLIC_HOST = "public.ecr.aws"
ROOT = f"https://{FRANKFURT}/v2/"


def verdict(answers: Mapping[str, Any], host: str = FRANKFURT) -> LoginVerdict:
    found = try_login(FakeRegistry(answers), host, LOGIN)
    assert CANARY not in repr(found)
    return found


def test_a_login_is_tried_without_asking_for_any_repository() -> None:
    registry = FakeRegistry({ROOT: {}})
    assert try_login(registry, FRANKFURT, LOGIN) == LoginVerdict(FRANKFURT, "taken")
    assert registry.asked == [ROOT]
    assert [dict(headers) for headers in registry.headers] == [{"Authorization": BASIC}]


@pytest.mark.parametrize(
    ("answer", "status", "told"),
    [
        (Answer(401), "refused", f"{FRANKFURT} does not accept the login; whoever fetched it may be gone"),
        (
            denied("Your authorization token has expired. Reauthenticate and try again."),
            "refused",
            f"{FRANKFURT} does not accept the login; whoever fetched it may be gone",
        ),
        (denied("something else"), "unknown", f"{FRANKFURT}: it answered 403"),
        (Answer(500), "unknown", f"{FRANKFURT}: it answered 500"),
        (Answer(404), "unknown", f"{FRANKFURT}: it answered 404"),
        (RegistryUnreachableError("no way there"), "unknown", f"{FRANKFURT}: no way there"),
    ],
)
def test_only_what_is_about_the_login_is_a_refusal(answer: Any, status: str, told: str) -> None:
    found = verdict({ROOT: answer})
    assert (found.status, found.detail) == (status, told)


def test_ecr_public_is_asked_where_it_gives_tokens_and_no_token_is_used() -> None:
    answers = {f"{PUBLIC}/v2/": Answer(401, {"www-authenticate": CHALLENGE}), ASKED: {"token": CANARY}}
    registry = FakeRegistry(answers)
    assert try_login(registry, PUBLIC_HOST, LOGIN) == LoginVerdict(PUBLIC_HOST, "taken")
    assert [headers.get("Authorization") for headers in registry.headers] == [None, BASIC]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({ASKED: denied("Your Authorization Token is invalid.", 400)}, "refused"),
        ({ASKED: denied("Your authorization token has expired.", 403)}, "refused"),
        ({ASKED: Answer(500)}, "unknown"),
        ({f"{PUBLIC}/v2/": Answer(200)}, "unknown"),
    ],
)
def test_ecr_public_may_refuse_it_too(changes: Mapping[str, Any], status: str) -> None:
    answers = {f"{PUBLIC}/v2/": Answer(401, {"www-authenticate": CHALLENGE}), ASKED: {"token": "t"}}
    assert verdict({**answers, **changes}, PUBLIC_HOST).status == status


def login(*hosts: str) -> Login:
    return Login(hosts, "AWS", f"{CANARY}-{hosts[0]}", NOW + LIFE, NOW)


def test_every_registry_is_asked_with_its_own_login(registry: Registry) -> None:
    registry.script = lambda path: Reply(200, {})
    found = try_logins([login(FRANKFURT, FRANKFURT_OTHER_ACCOUNT), login(VIRGINIA)], longest=30, passing=Time())
    assert {verdict.host: verdict.status for verdict in found} == dict.fromkeys(
        [FRANKFURT, FRANKFURT_OTHER_ACCOUNT, VIRGINIA], "taken"
    )
    assert len(set(registry.authorizations)) == 2
    assert sorted(registry.asked) == sorted(f"{host} /v2/" for host in (FRANKFURT, FRANKFURT_OTHER_ACCOUNT, VIRGINIA))


def test_a_refusal_is_seen_on_the_wire(registry: Registry) -> None:
    registry.script = lambda path: refusal("Your authorization token has expired.")
    (found,) = try_logins([login(FRANKFURT)], longest=30, passing=Time())
    assert found.status == "refused"


def test_without_time_left_nothing_is_asked(registry: Registry) -> None:
    (found,) = try_logins([login(FRANKFURT)], longest=0, passing=Time())
    assert (found.status, found.detail) == ("unknown", f"{FRANKFURT}: there was no time left to ask")
    assert registry.asked == []


def test_no_logins_are_no_requests(registry: Registry) -> None:
    assert try_logins([], longest=30, passing=Time()) == []
