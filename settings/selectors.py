"""Label selectors in kubectl's spelling (Kubernetes docs, Labels and Selectors, API)."""

import re
from dataclasses import dataclass

from .refused import Refused
from .values import SUBDOMAIN

_WORD = r"[^\s!=<>(),]+"
_REQUIREMENT = re.compile(
    rf"\s*(?:!\s*(?P<absent>{_WORD})"
    rf"|(?P<key>{_WORD})(?:\s*(?P<compared>==?|!=)\s*(?P<value>{_WORD})?|\s+(?P<set>in|notin)\s*\((?P<values>[^()]*)\))?)"
    r"\s*(?P<more>,|$)"
)
# Kubernetes docs, Labels and Selectors, Syntax and character set.
_NAME = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_SPELLINGS = "requirements with commas between: a=b, a!=b, a in (b, c), a notin (b, c), a, !a"


@dataclass(frozen=True)
class Requirement:
    """What is asked of one label. `operator` is In, NotIn, Exists or DoesNotExist; the last two have no values."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Selector:
    """A selector that asks something. `text` is as it was written, which is how the API server's queries take it."""

    text: str
    requirements: tuple[Requirement, ...]

    def as_object(self) -> dict[str, object]:
        """The same as a LabelSelector object (Kubernetes API reference, LabelSelector)."""
        single = [item for item in self.requirements if item.operator == "In" and len(item.values) == 1]
        labels = {item.key: item.values[0] for item in single}
        expressions = [
            {"key": item.key, "operator": item.operator, **({"values": list(item.values)} if item.values else {})}
            for item in self.requirements
            if item not in single
        ]
        found: dict[str, object] = {}
        if labels:
            found["matchLabels"] = dict(sorted(labels.items()))
        if expressions:
            found["matchExpressions"] = expressions
        return found


def selector(text: str) -> Selector | None:
    """The selector in a text; None for an empty one. Raises Refused.

    Taken more narrowly than by kubectl where that would hide a slip: no empty parentheses or items in them, no two values for
    one label, no comparison of numbers (which only node affinity knows).
    """
    if not text.strip():
        return None
    found: list[Requirement] = []
    position = 0
    while True:
        match = _REQUIREMENT.match(text, position)
        if not match:
            rest = text[position:].strip()
            raise Refused(f"cannot be read from {rest!r} on" if rest else "ends with a comma", _SPELLINGS)
        requirement = _requirement(match)
        if requirement not in found:
            found.append(requirement)
        if not match["more"]:
            break
        position = match.end()
    _refuse_contradictions(found)
    return Selector(text.strip(), tuple(found))


def label_key(key: str) -> str:
    """A label's key, as it is. Raises Refused."""
    prefix, slash, name = key.rpartition("/")
    if not _NAME.fullmatch(name) or (slash and (len(prefix) > 253 or not SUBDOMAIN.fullmatch(prefix))):
        raise Refused(
            f"{key!r} cannot be the key of a label",
            "at most 63 of A-Z, a-z, 0-9, '-', '_' and '.', beginning and ending with a letter or digit; "
            "a DNS name and '/' may stand before it",
        )
    return key


def label_value(value: str) -> str:
    """A label's value, as it is; it may be empty. Raises Refused."""
    if value and not _NAME.fullmatch(value):
        raise Refused(
            f"{value!r} cannot be the value of a label",
            "at most 63 of A-Z, a-z, 0-9, '-', '_' and '.', beginning and ending with a letter or digit",
        )
    return value


def _requirement(match: re.Match[str]) -> Requirement:
    if match["absent"]:
        return Requirement(label_key(match["absent"]), "DoesNotExist")
    key = label_key(match["key"])
    if match["compared"]:
        return Requirement(key, "NotIn" if match["compared"] == "!=" else "In", (label_value(match["value"] or ""),))
    if match["set"]:
        values = [value.strip() for value in match["values"].split(",")]
        if not all(values):
            raise Refused(f"{key} {match['set']} (...) holds an empty value", _SPELLINGS)
        return Requirement(
            key, "In" if match["set"] == "in" else "NotIn", tuple(dict.fromkeys(map(label_value, values)))
        )
    return Requirement(key, "Exists")


def _refuse_contradictions(requirements: list[Requirement]) -> None:
    wanted: dict[str, frozenset[str]] = {}
    for item in requirements:
        if item.operator == "In":
            before = wanted.get(item.key)
            left = frozenset(item.values) if before is None else before & frozenset(item.values)
            if not left:
                raise Refused(f"can match nothing, because {item.key} has one value at a time", _SPELLINGS)
            wanted[item.key] = left
