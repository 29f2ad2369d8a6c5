"""Compares what is with what is wanted, property by property, and says it the way the engine expects."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from local.providers.common.values import Archive, Asset, Path, Unknown, Value, reveal

Kind = Literal["add", "delete", "update"]
_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")


@dataclass(frozen=True)
class Change:
    """One difference. `replace` says that only a new resource can bring it about."""

    path: Path
    kind: Kind
    replace: bool = False


@dataclass(frozen=True)
class DiffResult:
    """What `Diff` answers: an empty `changes` means that nothing needs doing."""

    changes: list[Change] = field(default_factory=list)
    delete_before_replace: bool = False
    stables: list[str] = field(default_factory=list)


def compare(old: Value, new: Value, at: Path = ()) -> list[Change]:
    """The leaf differences between two values. Secrets are compared by what they hold, assets and archives by their
    hash; an unknown new value differs from everything. None equals absence."""
    old, new = reveal(old), reveal(new)
    if isinstance(new, Unknown):
        return [Change(at, "add" if old is None else "update")]
    if isinstance(old, Asset | Archive) and isinstance(new, Asset | Archive):
        same = old.hash == new.hash if old.hash and new.hash else old == new
        return [] if same else [Change(at, "update")]
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        keys = list(dict.fromkeys([*old, *new]))
        return [change for key in keys for change in compare(old.get(key), new.get(key), (*at, key))]
    if isinstance(old, list) and isinstance(new, list):
        both = min(len(old), len(new))
        changes = [change for i in range(both) for change in compare(old[i], new[i], (*at, i))]
        changes += [Change((*at, i), "delete") for i in range(both, len(old))]
        return changes + [Change((*at, i), "add") for i in range(both, len(new))]
    if old is None and new is None:
        return []
    if old is None:
        return [Change(at, "add")]
    if new is None:
        return [Change(at, "delete")]
    # bool is an int to Python, but true and 1 are different property values.
    return [] if old == new and isinstance(old, bool) == isinstance(new, bool) else [Change(at, "update")]


def path_text(path: Path) -> str:
    """The engine's notation: `tags["a.b"]`, `rules[0].name`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            escaped = step.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{escaped}"]'
    return text


def parse_path(text: str) -> Path:
    """The other way round; `*` stays a string and means any step. Raises ValueError for what isn't a path."""
    steps: list[str | int] = []
    token = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+|\*)\]|\.?([^.\[\]"]+)')
    at = 0
    while at < len(text):
        match = token.match(text, at)
        if match is None:
            raise ValueError(f"{text!r} is not a property path")
        quoted, index, plain = match.groups()
        if quoted is not None:
            steps.append(re.sub(r"\\(.)", r"\1", quoted))
        elif index is not None:
            steps.append(int(index) if index != "*" else "*")
        else:
            steps.append(plain)
        at = match.end()
    return tuple(steps)


def matches(path: Path, pattern: Path) -> bool:
    """Whether the path is what the pattern names or lies inside it."""
    return len(path) >= len(pattern) and all(p in ("*", s) for s, p in zip(path, pattern, strict=False))


def without_ignored(changes: Iterable[Change], ignore_changes: Iterable[str]) -> list[Change]:
    """The changes less those that the resource's `ignoreChanges` option names."""
    patterns = [parse_path(text) for text in ignore_changes]
    return [change for change in changes if not any(matches(change.path, pattern) for pattern in patterns)]
