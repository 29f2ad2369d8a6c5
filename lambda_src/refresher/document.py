"""The document that the secret in Secrets Manager holds, free of input and output.

It is a JSON object:

- `registry`, `username`, `password`: the login of the first registry, for readers that know one registry only;
- `dockerconfigjson`: text of a docker config with every registry, as a Secret of type kubernetes.io/dockerconfigjson
  wants it;
- `expiresAt`: when the first of its logins dies; `refreshedAt`: when they were fetched; RFC 3339, UTC, whole seconds;
- any other key belongs to somebody else and is kept.
"""

from collections.abc import Mapping

from .core import Held, Renewal, docker_config, instant, parse_object, read_docker_config, timestamp

Document = Mapping[str, object]


def merge_document(old: Document, renewal: Renewal) -> dict[str, object]:
    """`old` with its login replaced."""
    main = renewal.logins[0]
    return {
        **old,
        "registry": main.registries[0],
        "username": main.username,
        "password": main.password,
        "dockerconfigjson": docker_config(renewal.logins),
        "expiresAt": timestamp(renewal.expires_at),
        "refreshedAt": timestamp(renewal.refreshed_at),
    }


def held_in(document: Document) -> Held:
    """What the document holds; nothing if any part of it does not fit the others."""
    expires_at = instant(document.get("expiresAt"))
    if expires_at is None:
        return Held()
    logins = read_docker_config(document.get("dockerconfigjson"), expires_at)
    shown = tuple(document.get(key) for key in ("registry", "username", "password"))
    for login in logins:
        if shown == (login.registries[0], login.username, login.password):
            return Held(logins, instant(document.get("refreshedAt")), login.registries[0])
    return Held()


def parse_document(content: str | bytes) -> tuple[dict[str, object], str | None]:
    """The document in a secret's content, and what is wrong with the content, if anything.

    Content that cannot be merged into gives an empty document.
    """
    if isinstance(content, bytes):
        return {}, "binary, not text"
    return parse_object(content)
