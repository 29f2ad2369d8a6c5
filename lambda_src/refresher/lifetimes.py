"""When each login of a place was fetched and when it dies, as a place keeps that beside its docker config. Pure.

A list with one object a login:

- `registries`: the hosts that it opens;
- `expiresAt` and `refreshedAt`: RFC 3339, UTC, whole seconds; left out where they are not known.

Beside it a place says when the first of them dies, which is all that earlier versions wrote and read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from .core import Login, first_to_die, instant, timestamp
from .shapes import mapping, sequence


def lifetimes(logins: Iterable[Login]) -> list[dict[str, object]]:
    """The list for `logins`."""
    return [_entry(login) for login in logins]


def with_lifetimes(
    logins: Sequence[Login], entries: object, expires_at: datetime, refreshed_at: datetime | None
) -> tuple[Login, ...]:
    """`logins` (one a registry, without times) with those that `entries`, a list by `lifetimes`, gives them.

    `expires_at` and `refreshed_at` are those of the first to die. All get these if the list does not fit them, or what it is
    about: then it is missing or damaged, or an earlier version wrote the rest anew and left it as it was.
    """
    by_host = {login.registries[0]: login for login in logins}
    dated: list[Login] = []
    for entry in map(mapping, sequence(entries)):
        members = [by_host.pop(host, None) for host in sequence(entry.get("registries")) if isinstance(host, str)]
        first = members[0] if members else None
        if first is None or not all(_is_same(first, member) for member in members):
            break
        hosts = tuple(member.registries[0] for member in members if member)
        times = instant(entry.get("expiresAt")), instant(entry.get("refreshedAt"))
        dated.append(Login(hosts, first.username, first.password, *times))
    else:
        first = first_to_die(dated)
        if not by_host and first and (first.expires_at, first.refreshed_at) == (expires_at, refreshed_at):
            return tuple(dated)
    return tuple(replace(login, expires_at=expires_at, refreshed_at=refreshed_at) for login in logins)


def _entry(login: Login) -> dict[str, object]:
    times = {"expiresAt": login.expires_at, "refreshedAt": login.refreshed_at}
    known = {key: timestamp(time) for key, time in times.items() if time}
    return {"registries": list(login.registries), **known}


def _is_same(one: Login, other: Login | None) -> bool:
    return other is not None and (one.username, one.password) == (other.username, other.password)
