"""The rules of a refresh, free of input and output.

The document is the JSON object kept in the secret:

- `registry`, `username`, `password`: the login of the first registry, for readers that know one registry only;
- `dockerconfigjson`: text of a docker config with every registry, as a Secret of type kubernetes.io/dockerconfigjson
  wants it;
- `expiresAt`: when the first of its logins dies; `refreshedAt`: when they were fetched; RFC 3339, UTC, whole seconds;
- any other key belongs to somebody else and is kept.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NoReturn, cast

Document = Mapping[str, object]

# ECR logins live 12 hours (Amazon ECR API Reference, GetAuthorizationToken). A document that claims much more is damaged,
# and believing it would stop the refreshing for as long as it claims.
LONGEST_LIFE = timedelta(hours=24)
# A login has to travel from the secret through the cluster to a pod; one that dies sooner than this cannot get there.
SHORTEST_LIFE = timedelta(seconds=10)


@dataclass(frozen=True)
class Login:
    """One user name and password that open all of `registries` (hosts, at least one) until `expires_at` (aware)."""

    registries: tuple[str, ...]
    username: str
    password: str = field(repr=False)
    expires_at: datetime


def docker_config(logins: Sequence[Login]) -> str:
    """Text of a docker config with one `auths` entry a registry.

    `auth` is the part that kubelet and containerd read; `username` and `password` stand beside it as `kubectl create
    secret docker-registry` writes them.
    """
    auths = {host: _auth(login.username, login.password) for login in logins for host in login.registries}
    return json.dumps({"auths": auths}, separators=(",", ":"))


def merge_document(old: Document, logins: Sequence[Login], now: datetime) -> dict[str, object]:
    """`old` with its login replaced by `logins` (at least one; the first registry of the first is the main one)."""
    first = logins[0]
    return {
        **old,
        "registry": first.registries[0],
        "username": first.username,
        "password": first.password,
        "dockerconfigjson": docker_config(logins),
        "expiresAt": _timestamp(min(login.expires_at for login in logins)),
        "refreshedAt": _timestamp(now),
    }


def is_fresh(document: Document, registries: Sequence[str], now: datetime) -> bool:
    """Whether the document's login opens exactly `registries` (main one first) and has more than half of its life left.

    There must be several ticks in half a life: one just before half-time skips, and the next must not find the login dead.
    """
    expires_at = instant(document.get("expiresAt"))
    refreshed_at = instant(document.get("refreshedAt"))
    if expires_at is None or refreshed_at is None:
        return False
    life, left = expires_at - refreshed_at, expires_at - now
    # More left than there ever was: refreshed in the future, so one of the two times is wrong.
    believable = timedelta(0) < life <= LONGEST_LIFE and left <= life
    return believable and left * 2 > life and _holds_login(document, registries)


def parse_document(content: str | bytes) -> tuple[dict[str, object], str | None]:
    """The document in a secret's content, and what is wrong with the content, if anything.

    Content that cannot be merged into gives an empty document.
    """
    if isinstance(content, bytes):
        return {}, "binary, not text"
    try:
        document: object = json.loads(content, parse_constant=_refuse_number, parse_float=_finite)
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


def _timestamp(moment: datetime) -> str:
    # Cut off, not rounded: a login must not seem to live longer than it does.
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _auth(username: str, password: str) -> dict[str, str]:
    pair = base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
    return {"username": username, "password": password, "auth": pair}


def _holds_login(document: Document, registries: Sequence[str]) -> bool:
    entries = _auth_entries(document.get("dockerconfigjson"))
    if set(entries) != set(registries):
        return False
    for entry in entries.values():
        match entry:
            case {"username": str(username), "password": str(password)} if username and password:
                if entry != _auth(username, password):
                    return False
            case _:
                return False
    main = cast(dict[str, str], entries[registries[0]])
    expected = {"registry": registries[0], "username": main["username"], "password": main["password"]}
    return all(document.get(key) == value for key, value in expected.items())


def _auth_entries(config: object) -> dict[str, object]:
    if not isinstance(config, str):
        return {}
    auths = parse_document(config)[0].get("auths")
    return cast(dict[str, object], auths) if isinstance(auths, dict) else {}


def _refuse_number(name: str) -> NoReturn:
    # NaN and Infinity are Python's, not JSON's; kept, they would make the whole document unreadable to others.
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number too large to write back")
    return number
