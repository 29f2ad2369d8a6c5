"""Checks a resource's inputs by its row and completes them: defaults, automatic names, JSON text, all tags."""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from local.providers.aws.model import Kind, Prop, Row
from local.providers.aws.shape import to_member
from local.providers.aws.validate import limit_problems, operation_input
from local.providers.common.naming import auto_name
from local.providers.common.provider import CheckRequest, CheckResult, Values
from local.providers.common.values import Archive, Asset, Secret, Unknown, has_unknown, reveal, secret_paths

DEFAULTS = "__defaults"
"""The input under which the names of the properties live that the program didn't give, as bridged providers keep it."""

_TYPES: dict[Kind, tuple[tuple[type, ...], str]] = {
    Kind.STRING: ((str,), "a string"),
    Kind.JSON: ((str,), "a JSON text"),
    Kind.INT: ((int,), "a whole number"),
    Kind.NUMBER: ((int, float), "a number"),
    Kind.BOOL: ((bool,), "true or false"),
    Kind.LIST: ((list,), "a list"),
    Kind.SET: ((list,), "a list"),
    Kind.BLOCKS: ((list,), "a list"),
    Kind.MAP: ((dict,), "a map"),
    Kind.BLOCK: ((dict,), "an object"),
    Kind.ARCHIVE: ((Archive, Asset), "an archive"),
}


class _Faults:
    def __init__(self, row: Row) -> None:
        self.row = row
        self.found: list[tuple[str, str]] = []

    def add(self, prop: str, reason: str) -> None:
        self.found.append((prop, reason))

    def unsupported(self, at: str, name: str, known: list[str]) -> None:
        near = get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        self.add(at, f"{at!r} of {self.row.type} is not supported by the local stand-in for the aws provider{hint}")


def _coerce(kind: Kind, value: Any) -> Any:
    """The conversions between scalars that bridged providers make."""
    if kind is Kind.INT and isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    if kind is Kind.INT and isinstance(value, float) and value.is_integer():
        return int(value)
    if kind is Kind.BOOL and isinstance(value, str) and value in ("true", "false"):
        return value == "true"
    if kind is Kind.STRING and isinstance(value, bool):
        return "true" if value else "false"
    if kind is Kind.STRING and isinstance(value, int | float):
        return f"{value}"
    if kind is Kind.JSON and isinstance(value, dict):
        return json.dumps(value, separators=(",", ":"))
    return value


def _checked(prop: Prop, value: Any, at: str, faults: _Faults) -> Any:
    """The value in the property's type; faults go to the list. Unknowns pass, they are checked when known."""
    if isinstance(value, Secret):
        return Secret(_checked(prop, value.value, at, faults))
    if value is None or isinstance(value, Unknown):
        return value
    if prop.kind is Kind.JSON and isinstance(value, dict):
        if has_unknown(value):
            return Unknown()
        secret = any(True for _ in secret_paths(value))
        text = _coerce(Kind.JSON, reveal(value))
        return Secret(text) if secret else text
    value = _coerce(prop.kind, value)
    types, words = _TYPES[prop.kind]
    if not isinstance(value, types) or (prop.kind in (Kind.INT, Kind.NUMBER) and isinstance(value, bool)):
        faults.add(at, f"{at} must be {words}")
        return value
    if prop.allowed and value not in prop.allowed:
        faults.add(at, f"{at} must be one of {', '.join(map(str, prop.allowed))}")
    if prop.kind is Kind.JSON:
        try:
            json.loads(value)
        except ValueError as error:
            faults.add(at, f"{at} is not valid JSON: {error}")
    if prop.kind is Kind.BLOCK:
        return _block(prop, value, at, faults)
    if prop.kind is Kind.BLOCKS:
        return [_block(prop, item, f"{at}[{i}]", faults) for i, item in enumerate(value)]
    return value


def _block(prop: Prop, value: Any, at: str, faults: _Faults) -> Any:
    if isinstance(value, Secret):
        return Secret(_block(prop, value.value, at, faults))
    if not isinstance(value, dict):
        return value
    fields = {inner.name: inner for inner in prop.fields}
    out: dict[str, Any] = {}
    for name, item in value.items():
        if name in fields:
            out[name] = _checked(fields[name], item, f"{at}.{name}", faults)
        elif item is not None:
            faults.unsupported(f"{at}.{name}", name, list(fields))
    for name, inner in fields.items():
        if inner.required and out.get(name) is None:
            faults.add(f"{at}.{name}", f"{at}.{name} is required")
        elif out.get(name) is None and inner.default is not None:
            out[name] = inner.default
    return {name: item for name, item in out.items() if item is not None}


def _complete(row: Row, request: CheckRequest, inputs: Values, faults: _Faults) -> None:
    old_defaults = request.old_inputs.get(DEFAULTS) or []
    defaults: list[str] = []
    for name, prop in row.by_name.items():
        if inputs.get(name) is not None:
            continue
        inputs.pop(name, None)
        if prop.auto and not any(
            inputs.get(other) is not None for other in (prop.auto.prefix_property, *prop.conflicts)
        ):
            old = request.old_inputs.get(name)
            if name in old_defaults and old is not None:
                inputs[name] = old
            else:
                try:
                    inputs[name] = auto_name(
                        request.on.name,
                        request.seed or request.on.urn.encode(),
                        max_length=prop.auto.max_length,
                        suffix=prop.auto.suffix(reveal(inputs)),
                        policy=request.autonaming,
                    )
                except ValueError as error:
                    faults.add(name, str(error))
                    continue
            defaults.append(name)
        elif prop.default is not None:
            inputs[name] = prop.default
            defaults.append(name)
        elif prop.required:
            faults.add(name, f"Missing required argument: {name!r} of {row.type} is required")
    inputs[DEFAULTS] = sorted(defaults)


def merged_tags(tags: Any, default_tags: Mapping[str, str]) -> Any:
    """`tagsAll`: the provider's default tags under the resource's own."""
    if has_unknown(tags):
        return Unknown()
    merged = {**default_tags, **(reveal(tags) or {})}
    return Secret(merged) if any(True for _ in secret_paths(tags)) else merged


def _limits(row: Row, inputs: Values, faults: _Faults) -> None:
    """What the service's model says about single values, so that a preview already tells; secrets are never quoted."""
    operation = row.create.op if row.create else row.checked_by
    members = operation_input(row.service, operation).members if operation else {}
    for name, prop in row.by_name.items():
        value = reveal(inputs.get(name))
        if value is None or prop.member not in members or has_unknown(value):
            continue
        for reason in limit_problems(members[prop.member], to_member(prop, value), name):
            faults.add(name, reason)


def check(row: Row, request: CheckRequest, default_tags: Mapping[str, str], region: str) -> CheckResult:
    """Checked and completed inputs, or one failure per fault; `region` is the provider's own."""
    faults = _Faults(row)
    props = row.by_name
    given = {name: value for name, value in request.new_inputs.items() if not name.startswith("__")}
    given.pop("tagsAll", None)
    inputs: Values = {}
    for name, value in given.items():
        if value is None:
            continue
        if name in props:
            inputs[name] = _checked(props[name], value, name, faults)
        else:
            faults.unsupported(name, name, list(props))
    for name, prop in props.items():
        rivals = [other for other in prop.conflicts if other in inputs]
        if name in inputs and rivals:
            faults.add(name, f"Conflicting configuration arguments: {name!r} conflicts with {rivals[0]!r}")
    if row.regional:
        # As an input, so that a stack that moves to another region replaces what lives in the old one.
        inputs.setdefault("region", region)
    _complete(row, request, inputs, faults)
    if not faults.found:
        _limits(row, inputs, faults)
    if row.tags and not faults.found:
        inputs["tagsAll"] = merged_tags(inputs.get("tags", {}), default_tags)
    if row.hooks.check and not faults.found:
        faults.found += row.hooks.check(reveal(inputs))
    return CheckResult(inputs, faults.found)
