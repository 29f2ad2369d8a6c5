"""The document that the secret in Secrets Manager holds, free of input and output.

It is a JSON object:

- `registry`, `username`, `password`: the login of the first registry, for readers that know one registry only;
- `dockerconfigjson`: text of a docker config with every registry, as a Secret of type kubernetes.io/dockerconfigjson
  wants it;
- `expiresAt`: when the first of its logins dies; `refreshedAt`: when that one was fetched; RFC 3339, UTC, whole seconds;
- `logins`: both for each login (see `lifetimes`), since they need not be of one age;
- any other key belongs to somebody else and is kept.
"""

from collections.abc import Mapping

from .core import Held, Renewal, docker_config, instant, parse_object, read_docker_config, timestamp
from .lifetimes import lifetimes, with_lifetimes

Document = Mapping[str, object]


def merge_document(old: Document, renewal: Renewal) -> dict[str, object]:
    """`old` with its logins replaced."""
    main = renewal.logins[0]
    return {
        **old,
        "registry": main.registries[0],
        "username": main.username,
        "password": main.password,
        "dockerconfigjson": docker_config(renewal.logins),
        "expiresAt": timestamp(renewal.expires_at),
        "refreshedAt": timestamp(renewal.refreshed_at),
        "logins": lifetimes(renewal.logins),
    }


def held_in(document: Document) -> Held:
    """What the document holds: logins of unknown age, and a flaw, if any part of it does not fit the others."""
    logins = read_docker_config(document.get("dockerconfigjson"))
    expires_at = instant(document.get("expiresAt"))
    shown = tuple(document.get(key) for key in ("registry", "username", "password"))
    mains = [login for login in logins if shown == (login.registries[0], login.username, login.password)]
    if expires_at is None or not mains:
        return Held(logins, flaw="no login of ours")
    refreshed_at = instant(document.get("refreshedAt"))
    return Held(with_lifetimes(logins, document.get("logins"), expires_at, refreshed_at), mains[0].registries[0])


def parse_document(content: str | bytes) -> tuple[dict[str, object], str | None]:
    """The document in a secret's content, and what is wrong with the content, if anything.

    Content that cannot be merged into gives an empty document.
    """
    if isinstance(content, bytes):
        return {}, "binary, not text"
    return parse_object(content)
