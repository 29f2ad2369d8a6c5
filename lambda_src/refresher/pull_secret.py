"""The Kubernetes Secret that pods pull with: how it is written, and what one that is found holds. Pure."""

import base64
import hashlib
import json
from collections.abc import Mapping

from .core import Held, Renewal, docker_config, instant, read_docker_config, timestamp
from .lifetimes import lifetimes, with_lifetimes
from .ownership import TYPE, owners
from .shapes import Object, mapping
from .targets import Owner

DATA_KEY = ".dockerconfigjson"
EXPIRES_AT = "everpull/expires-at"
REFRESHED_AT = "everpull/refreshed-at"
# Both of the above for each login, as text of JSON: see `lifetimes`. The above are those of the first to die.
LOGINS = "everpull/logins"
# SHA-256 of the docker config's text: tells data that anybody has edited, the External Secrets Operator included.
CONTENT = "everpull/content"
# What `Held.flaw` says of such data.
EDITED = "data that somebody else changed"


def manifest(
    namespace: str, name: str, labels: Mapping[str, str], owner: Owner, renewal: Renewal, version: str | None
) -> dict[str, object]:
    """The Secret as it is to be applied: all that we own of it, and nothing else.

    `version` is the resourceVersion of the Secret this replaces: the API server answers 409 if it is another one by then
    (Kubernetes API concepts, Server-Side Apply). None if there was none.
    """
    config = docker_config(renewal.logins)
    metadata: dict[str, object] = {
        "name": name,
        "namespace": namespace,
        "labels": dict(labels),
        "annotations": {
            EXPIRES_AT: timestamp(renewal.expires_at),
            REFRESHED_AT: timestamp(renewal.refreshed_at),
            LOGINS: json.dumps(lifetimes(renewal.logins), separators=(",", ":")),
            CONTENT: _digest(config),
        },
        # Neither controller nor blocking: an owner more beside those that others may have set.
        "ownerReferences": [
            {"apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name, "uid": owner.uid},
        ],
    }
    if version is not None:
        metadata["resourceVersion"] = version
    data = {DATA_KEY: base64.b64encode(config.encode()).decode("ascii")}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": TYPE, "data": data}


def held_in(secret: Object, labels: Mapping[str, str], owner: Owner) -> Held:
    """What a Secret that may be written holds: judged by itself alone, because whoever may edit one namespace's Secret must
    not be able to change another's.
    """
    metadata = mapping(secret.get("metadata"))
    annotations = mapping(metadata.get("annotations"))
    expires_at, refreshed_at = instant(annotations.get(EXPIRES_AT)), instant(annotations.get(REFRESHED_AT))
    config = _config(secret)
    logins = read_docker_config(config)
    if config is None or expires_at is None:
        return Held(logins, flaw="no login of ours")
    if annotations.get(CONTENT) != _digest(config):
        return Held(logins, flaw=EDITED)
    if not labels.items() <= mapping(metadata.get("labels")).items():
        return Held(logins, flaw="not our labels")
    logins = with_lifetimes(logins, _listed(annotations.get(LOGINS)), expires_at, refreshed_at)
    if owner.uid not in [reference.get("uid") for reference in owners(secret)]:
        return Held(logins, flaw="not our owner")
    return Held(logins)


def _listed(text: object) -> object:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None


def _config(secret: Object) -> str | None:
    encoded = mapping(secret.get("data")).get(DATA_KEY)
    if not isinstance(encoded, str):
        return None
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        return None


def _digest(config: str) -> str:
    return hashlib.sha256(config.encode()).hexdigest()
