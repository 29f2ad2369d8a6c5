"""Property values to API members and back, by the properties' kinds."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from local.providers.aws.model import Kind, Prop, State
from local.providers.common.diff import compare
from local.providers.common.values import Archive


def to_member(prop: Prop, value: Any) -> Any:
    """One property value as the API takes it; the members of blocks are renamed, absent ones left out."""
    if prop.kind is Kind.BLOCK:
        return to_members(prop.fields, value)
    if prop.kind is Kind.BLOCKS:
        return [to_members(prop.fields, item) for item in value]
    return value


def to_members(props: Iterable[Prop], values: State) -> dict[str, Any]:
    """The members of those properties that have a value."""
    return {p.member: to_member(p, values[p.name]) for p in props if p.member and values.get(p.name) is not None}


def from_member(prop: Prop, value: Any) -> Any:
    """One API value as the property shows it; an empty block is no block."""
    if value is None:
        return None
    if prop.kind is Kind.BLOCK:
        return from_members(prop.fields, value) or None
    if prop.kind is Kind.BLOCKS:
        return [from_members(prop.fields, item) for item in value]
    if prop.kind is Kind.JSON:
        return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    if prop.kind is Kind.SET:
        return sorted(value)
    if prop.kind is Kind.INT:
        return int(value)
    if prop.kind is Kind.NUMBER:
        return float(value)
    if prop.kind is Kind.BOOL:
        return value if isinstance(value, bool) else str(value).lower() == "true"
    return value


def from_members(props: Iterable[Prop], answer: Mapping[str, Any]) -> State:
    """The properties of a block that the answer gives a value."""
    found = {prop.name: from_member(prop, answer.get(prop.member)) for prop in props if prop.member}
    return {name: value for name, value in found.items() if value is not None}


def is_blank(value: Any) -> bool:
    """Whether a property holds what the real provider treats as nothing: its type's zero value."""
    return value is None or value == "" or value == [] or value == {} or value is False or (value == 0)


def _is_nothing(prop: Prop, value: Any) -> bool:
    """Whether a value is blank, or a block in which everything is."""
    return is_blank(value) or (
        prop.kind is Kind.BLOCK and isinstance(value, dict) and all(map(is_blank, value.values()))
    )


def same_json(left: Any, right: Any) -> bool:
    """Whether two texts say the same JSON. In policy documents a list of one equals its element, and the order of lists of
    strings means nothing, as the real provider holds it."""
    try:
        return _canonical(json.loads(left)) == _canonical(json.loads(right))
    except (TypeError, ValueError):
        return left == right


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        items = [_canonical(item) for item in value]
        if len(items) == 1:
            return items[0]
        return sorted(items) if all(isinstance(item, str) for item in items) else items
    return value


def same_value(prop: Prop, old: Any, new: Any) -> bool:
    """Whether two values of a property mean the same to AWS."""
    if prop.default is None and _is_nothing(prop, old) and _is_nothing(prop, new):
        return True
    if prop.kind is Kind.JSON and isinstance(old, str) and isinstance(new, str):
        return same_json(old, new)
    if prop.kind is Kind.SET and isinstance(old, list) and isinstance(new, list):
        return sorted(map(str, old)) == sorted(map(str, new))
    if prop.kind is Kind.BLOCK and isinstance(old, dict) and isinstance(new, dict):
        return all(
            (inner.computed and new.get(inner.name) is None)
            or same_value(inner, old.get(inner.name), new.get(inner.name))
            for inner in prop.fields
        )
    if prop.kind is Kind.BLOCKS and isinstance(old, list) and isinstance(new, list):
        one = replace(prop, kind=Kind.BLOCK)
        return len(old) == len(new) and all(same_value(one, o, n) for o, n in zip(old, new, strict=True))
    if prop.kind is Kind.ARCHIVE and isinstance(old, Archive) and isinstance(new, Archive):
        return not compare(old, new)
    return old == new
