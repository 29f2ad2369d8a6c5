"""Which Secrets the CronJob keeps, read from the JSON file that its ConfigMap mounts (EVERPULL_TARGETS).

    {"secretName": NAME, "labels": {KEY: VALUE}, "adopt": false,
     "namespaces": [{"name": NAMESPACE, "owner": OWNER}],
     "selector": null or {"labelSelector": TEXT, "excluded": [NAMESPACE], "owner": OWNER},
     "missing": [NAMESPACE]}

`missing` may be left out: namespaces that are to get the Secret and were not there when this was deployed.

OWNER is {"apiVersion", "kind", "name", "uid"} of the Role or ClusterRole that gives the right to keep the Secret. It becomes an
owner of the Secret, so that the Secret goes when the right does.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from .core import parse_object
from .errors import ConfigurationError
from .shapes import mapping, sequence

# RFC 1123 names, as Kubernetes wants them for namespaces and Secrets (Kubernetes docs, Object Names and IDs). They become parts
# of URLs here.
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SECRET = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


@dataclass(frozen=True)
class Owner:
    """The object that a Secret goes with."""

    api_version: str
    kind: str
    name: str
    uid: str


@dataclass(frozen=True)
class Target:
    """One namespace that gets the Secret."""

    namespace: str
    owner: Owner


@dataclass(frozen=True)
class Selector:
    """Namespaces that get the Secret by their labels (kubectl's syntax), but for the `excluded` ones."""

    labels: str
    excluded: frozenset[str]
    owner: Owner


@dataclass(frozen=True)
class Targets:
    """All Secrets to keep. `labels` (at least one) mark those that are ours; `adopt` allows taking over unmarked ones."""

    secret_name: str
    labels: Mapping[str, str]
    adopt: bool
    namespaces: tuple[Target, ...]
    selector: Selector | None = None
    missing: tuple[str, ...] = ()


def parse_targets(text: str) -> Targets:
    """The targets in the file's text. Raises ConfigurationError listing every fault."""
    document, damage = parse_object(text)
    if damage:
        raise ConfigurationError([f"EVERPULL_TARGETS names a file that is {damage}"])
    faults: list[str] = []
    secret_name = document.get("secretName")
    if not _matches(_SECRET, secret_name):
        faults.append("secretName is not the name of a Secret")
    labels = document.get("labels")
    if not mapping(labels) or not all(isinstance(text, str) for text in mapping(labels).values()):
        faults.append("labels are not an object of texts, with one at least")
    adopt = document.get("adopt", False)
    if not isinstance(adopt, bool):
        faults.append("adopt is neither true nor false")
    namespaces = _namespaces(document.get("namespaces"), faults)
    selector = _selector(document.get("selector"), faults)
    missing = document.get("missing", [])
    if not _is_list(missing) or not all(_matches(_NAMESPACE, name) for name in sequence(missing)):
        faults.append("missing is not a list of namespaces")
    if faults:
        raise ConfigurationError([f"EVERPULL_TARGETS: {fault}" for fault in faults])
    return Targets(
        cast(str, secret_name),
        cast(Mapping[str, str], labels),
        adopt is True,
        namespaces,
        selector,
        tuple(map(str, sequence(missing))),
    )


def _namespaces(value: object, faults: list[str]) -> tuple[Target, ...]:
    if not _is_list(value):
        faults.append("namespaces are not a list")
    targets: dict[str, Target] = {}
    for number, item in enumerate(map(mapping, sequence(value))):
        name = item.get("name")
        if _matches(_NAMESPACE, name):
            # Once each: a namespace that is named twice gets one Secret.
            targets.setdefault(str(name), Target(str(name), _owner(item.get("owner"), f"owner of {name}", faults)))
        else:
            faults.append(f"namespaces[{number}] has no valid name")
    return tuple(targets.values())


def _selector(value: object, faults: list[str]) -> Selector | None:
    if value is None:
        return None
    fields = mapping(value)
    labels, excluded = fields.get("labelSelector"), sequence(fields.get("excluded"))
    if not isinstance(labels, str) or not labels.strip():
        # An empty one would choose every namespace.
        faults.append("labelSelector of selector is not a text that says something")
    if not _is_list(fields.get("excluded")) or not all(_matches(_NAMESPACE, name) for name in excluded):
        faults.append("excluded of selector is not a list of namespaces")
    owner = _owner(fields.get("owner"), "owner of selector", faults)
    return Selector(str(labels), frozenset(map(str, excluded)), owner)


def _owner(value: object, what: str, faults: list[str]) -> Owner:
    parts = [mapping(value).get(key) for key in ("apiVersion", "kind", "name", "uid")]
    texts = [part for part in parts if isinstance(part, str) and part]
    if len(texts) != len(parts):
        faults.append(f"{what} is not an object with apiVersion, kind, name and uid")
        return Owner("", "", "", "")
    return Owner(*texts)


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_list(value: object) -> bool:
    return isinstance(value, list)
