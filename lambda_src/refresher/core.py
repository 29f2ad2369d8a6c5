"""The rules of a refresh, free of input and output: what a login is, how a docker config holds it, when it is still fresh."""

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import NoReturn, cast

# ECR logins live 12 hours (Amazon ECR API Reference, GetAuthorizationToken). A place that claims much more is damaged,
# and believing it would stop the refreshing for as long as it claims.
LONGEST_LIFE = timedelta(hours=24)
# A login has to travel from where it is written to a pod; one that dies sooner than this cannot get there.
SHORTEST_LIFE = timedelta(seconds=10)


@dataclass(frozen=True)
class Login:
    """One user name and password that open all of `registries` (hosts, at least one) until `expires_at`.

    It was fetched at `refreshed_at`. Both times are aware, and None where they are not known: of a login that somebody else put
    where it was found.
    """

    registries: tuple[str, ...]
    username: str
    password: str = field(repr=False)
    expires_at: datetime | None
    refreshed_at: datetime | None = None


@dataclass(frozen=True)
class Held:
    """What a place holds.

    `logins` are those that its docker config opens registries with, none if that is not as `docker_config` writes it.
    `main` is the registry given to readers that know one only, None where every reader knows all. `flaw` says why the place
    has to be written although its logins may live, None if nothing speaks for that.
    """

    logins: tuple[Login, ...] = ()
    main: str | None = None
    flaw: str | None = None

    @property
    def expires_at(self) -> datetime | None:
        """When the first of the logins dies, None if none of them is known to."""
        first = first_to_die(self.logins)
        return None if first is None else first.expires_at


@dataclass(frozen=True)
class Renewal:
    """What a place is to hold: `logins`, at least one with known times. The first registry of the first is the main one."""

    logins: tuple[Login, ...]

    @property
    def expires_at(self) -> datetime:
        """When the first of the logins dies."""
        return cast(datetime, cast(Login, first_to_die(self.logins)).expires_at)

    @property
    def refreshed_at(self) -> datetime:
        """When the first to die was fetched."""
        return cast(datetime, cast(Login, first_to_die(self.logins)).refreshed_at)


def first_to_die(logins: Iterable[Login]) -> Login | None:
    """The login that ends first, of several that which was fetched first; None if no end is known."""
    ends = [(login.expires_at, login.refreshed_at or login.expires_at, login) for login in logins if login.expires_at]
    return min(ends, key=lambda end: end[:2])[2] if ends else None


def docker_config(logins: Iterable[Login]) -> str:
    """Text of a docker config with one `auths` entry a registry.

    An entry is `auth` alone, as `docker login` writes it: whatever reads docker configs, kubelet included, takes user name and
    password from there. Beside it they would be said twice, and a login of ECR's is two kilobytes long: in each namespace, and
    in a secret that holds 64.
    """
    auths = {host: {"auth": _auth(login.username, login.password)} for login in logins for host in login.registries}
    return json.dumps({"auths": auths}, separators=(",", ":"))


def read_docker_config(config: object) -> tuple[Login, ...]:
    """The logins in a text by `docker_config`, one a registry, or none if any part of it is not as it writes it.

    When they die is not in it.
    """
    auths = parse_object(config)[0].get("auths") if isinstance(config, str) else None
    if not isinstance(auths, dict):
        return ()
    logins: list[Login] = []
    for host, entry in cast(dict[str, object], auths).items():
        username, password = _pair(entry)
        if not username or not password or entry != {"auth": _auth(username, password)}:
            return ()
        logins.append(Login((host,), username, password, None))
    return tuple(logins)


def is_fresh(held: Held, registries: Sequence[str], now: datetime) -> bool:
    """Whether the logins held open exactly `registries` (main one first) and have more than half of their life left."""
    return (
        held.flaw is None
        and held.main in (None, registries[0])
        and {host for login in held.logins for host in login.registries} == set(registries)
        and all(is_young(login, now) for login in held.logins)
    )


def is_young(login: Login, now: datetime) -> bool:
    """Whether the login has more than half of its life left.

    There must be several ticks in half a life: one just before half-time skips, and the next must not find the login dead.
    """
    if login.expires_at is None or login.refreshed_at is None:
        return False
    life, left = login.expires_at - login.refreshed_at, login.expires_at - now
    # More left than there ever was: refreshed in the future, so one of the two times is wrong.
    believable = timedelta(0) < life <= LONGEST_LIFE and left <= life
    return believable and left * 2 > life


def kept(held: Held, registries: Sequence[str], now: datetime) -> tuple[Login, ...]:
    """What is held for any of `registries` and may still live, in their order and for them alone.

    One may live of which it is not known, or not to be believed, when it dies: whoever has it loses it to a new one only.
    Either both of a login's times are given or none.
    """
    found: list[Login] = []
    for login in held.logins:
        hosts = tuple(host for host in registries if host in login.registries)
        if not hosts or (login.expires_at is not None and login.expires_at <= now):
            continue
        if login.expires_at and login.refreshed_at and login.expires_at - now <= LONGEST_LIFE:
            found.append(replace(login, registries=hosts))
        else:
            found.append(Login(hosts, login.username, login.password, None))
    return tuple(sorted(found, key=lambda login: registries.index(login.registries[0])))


def parse_object(text: str) -> tuple[dict[str, object], str | None]:
    """The JSON object that `text` is, and what is wrong with it, if anything; {} then."""
    try:
        document: object = json.loads(text, parse_constant=_refuse_number, parse_float=_finite)
    # RecursionError: brackets nested deeper than the interpreter follows.
    except (ValueError, RecursionError):
        return {}, "not JSON"
    if not isinstance(document, dict):
        return {}, "JSON, but not an object"
    return cast(dict[str, object], document), None


def instant(value: object) -> datetime | None:
    """The moment an RFC 3339 text names, or None if it is no such text or names no time zone."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment


def timestamp(moment: datetime) -> str:
    """`moment` in RFC 3339, UTC, cut off to seconds and not rounded: a login must not seem to live longer than it does."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _auth(username: str, password: str) -> str:
    return base64.b64encode(f"{username}:{password}".encode()).decode("ascii")


def _pair(entry: object) -> tuple[str, str]:
    """User name and password of an entry, empty if it has none. A user name holds no colon (RFC 7617)."""
    match entry:
        case {"auth": str(encoded)}:
            pass
        case _:
            return "", ""
    try:
        username, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return username, password


def _refuse_number(name: str) -> NoReturn:
    # NaN and Infinity are Python's, not JSON's; kept, they would make the whole document unreadable to others.
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number too large to write back")
    return number
