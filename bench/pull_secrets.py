"""The pull secrets that were written: which changed, and whether each holds a login that ECR takes."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import urllib3

from bench.errors import BenchError
from bench.kube import Kube, each

_TYPE = "kubernetes.io/dockerconfigjson"
_KEY = ".dockerconfigjson"
# As everpull's Secrets carry them; see `aged`.
_MANAGER = "everpull"
_REFRESHED, _EXPIRES = "everpull/refreshed-at", "everpull/expires-at"


@dataclass(frozen=True)
class PullSecret:
    """One Secret; `version` is another one after every write, `config` its docker config's text, if it has one."""

    namespace: str
    version: str
    kind: str
    config: str | None = field(repr=False)


def read(kube: Kube, name: str) -> dict[str, PullSecret]:
    """The Secrets of that name in all namespaces. Raises kube.Refused."""
    return {secret.namespace: secret for secret in map(_parse, _items(kube, name))}


def changed(before: Mapping[str, PullSecret], after: Mapping[str, PullSecret]) -> int:
    """How many were written or made in between."""
    return sum(1 for name, secret in after.items() if name not in before or before[name].version != secret.version)


def delete(kube: Kube, name: str, namespaces: Sequence[str]) -> None:
    """Raises kube.Refused."""
    each(lambda namespace: kube.delete(f"/api/v1/namespaces/{namespace}/secrets/{name}"), namespaces)


def age(kube: Kube, name: str, hours: float) -> None:
    """Makes each Secret of that name say of itself what it would say `hours` later. Raises BenchError, kube.Refused.

    Applied as everpull applies it: a second manager of the fields would make everpull's next write dearer than it is.
    """

    def change(item: Mapping[str, Any]) -> None:
        metadata = item["metadata"]
        namespace, kept = metadata["namespace"], ("name", "labels", "ownerReferences")
        applied: dict[str, Any] = {key: metadata[key] for key in kept if key in metadata}
        written = metadata.get("annotations", {})
        applied["annotations"] = {**written, **aged(written, hours)}
        body = {"apiVersion": "v1", "kind": "Secret", "type": item["type"], "data": item["data"], "metadata": applied}
        kube.apply(f"/api/v1/namespaces/{namespace}/secrets/{name}", body, _MANAGER)

    each(change, _items(kube, name))


def aged(annotations: Mapping[str, str], hours: float) -> dict[str, str]:
    """The two times by which everpull knows how old a login is, moved back. Raises BenchError when they are missing."""
    try:
        times = {key: datetime.fromisoformat(annotations[key]) for key in (_REFRESHED, _EXPIRES)}
    except (KeyError, ValueError):
        raise BenchError(f"a Secret of everpull's carries no {_REFRESHED} and {_EXPIRES}") from None
    back = timedelta(hours=hours)
    return {key: (time - back).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for key, time in times.items()}


def check(
    secrets: Mapping[str, PullSecret],
    namespaces: Sequence[str],
    host: str,
    accepts: Callable[[str], bool],
) -> None:
    """Every namespace must have a Secret that opens `host`; `accepts` tells whether ECR takes an `auth`.

    Raises BenchError, which quotes no secret.
    """
    missing = [name for name in namespaces if name not in secrets]
    if missing:
        raise BenchError(f"{len(missing)} of {len(namespaces)} namespaces have no Secret, {missing[0]} for one")
    logins = {name: login(secrets[name], host) for name in namespaces}
    bad = sorted(name for name, auth in logins.items() if auth is None)
    if bad:
        raise BenchError(f"{len(bad)} Secrets are no docker config for {host}, that of {bad[0]} for one")
    refused = {auth for auth in set(logins.values()) if auth is not None and not accepts(auth)}
    dead = sorted(name for name, auth in logins.items() if auth in refused)
    if dead:
        raise BenchError(f"ECR refuses the login in {len(dead)} Secrets, that of {dead[0]} for one")


def login(secret: PullSecret, host: str) -> str | None:
    """The Basic credentials that kubelet would send to `host`, or None if the Secret gives it none.

    kubelet takes keys with and without a scheme (Kubernetes documentation, "Interpretation of config.json").
    """
    if secret.kind != _TYPE or secret.config is None:
        return None
    try:
        auths: dict[str, Any] = json.loads(secret.config)["auths"]
        entry = next(entry for key, entry in auths.items() if key.removeprefix("https://") == host)
        user, _, password = base64.b64decode(entry["auth"], validate=True).decode().partition(":")
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration, binascii.Error):
        return None
    # They may be left out; where they stand beside `auth`, they must say the same.
    same = (entry.get("username", user), entry.get("password", password)) == (user, password)
    return entry["auth"] if same and user and password else None


def accepted_by(registry: str, host: str) -> Callable[[str], bool]:
    """Whether the registry at the address `registry`, asked as `host`, lets somebody with that `auth` in."""
    pool = urllib3.PoolManager()

    def accepts(auth: str) -> bool:
        headers = {"Authorization": f"Basic {auth}"}
        return pool.request("GET", f"{registry}/v2/?ns={host}", headers=headers, timeout=20).status == 200

    return accepts


def _items(kube: Kube, name: str) -> list[Mapping[str, Any]]:
    return kube.get(f"/api/v1/secrets?fieldSelector=metadata.name={name}")["items"]


def _parse(item: Mapping[str, Any]) -> PullSecret:
    metadata, encoded = item["metadata"], (item.get("data") or {}).get(_KEY)
    try:
        config = None if encoded is None else base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        config = None
    return PullSecret(
        metadata["namespace"],
        f"{metadata['uid']} {metadata['resourceVersion']}",
        item.get("type", ""),
        config,
    )
