"""Checks a request against botocore's own service model before it is sent.

botocore's `ParamValidator` checks required members, types and minimum lengths; the services check the rest of what the same
model says (maximum lengths, ranges, patterns, enums), which an emulator may not. So it is done here."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore import xform_name
from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.session import get_session
from botocore.validate import ParamValidator

# Names of Unicode properties in the models' (Java) patterns; Python's re has no word for them.
_PROPERTY = re.compile(r"\\([pP])(?:\{(\w+)\}|([A-Z]))")
_POSIX = {"IsAlphabetic": "L", "Alpha": "L", "Alnum": "LN", "Digit": "N", "Punct": "P", "Space": "Z", "ASCII": ""}


@cache
def _category_ranges(prefixes: str) -> str:
    """The characters of the basic plane whose category starts with one of the letters, as the inside of a regex class."""
    ranges: list[str] = []
    start: int | None = None
    for code in range(0x10000 + 1):
        inside = code < 0x10000 and unicodedata.category(chr(code))[0] in prefixes
        if inside and start is None:
            start = code
        elif not inside and start is not None:
            ranges.append(f"\\u{start:04x}-\\u{code - 1:04x}")
            start = None
    return "".join(ranges)


@cache
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A model's pattern as a Python regular expression; raises re.error when it can't be translated."""
    out, at, in_class = "", 0, False
    while at < len(pattern):
        match = _PROPERTY.match(pattern, at)
        if match:
            name = match[2] or match[3]
            inner = "\\x00-\\x7f" if name == "ASCII" else _category_ranges(_POSIX.get(name, name[0]))
            negated = match[1] == "P"
            out += inner if in_class and not negated else f"[{'^' if negated else ''}{inner}]"
            at = match.end()
            continue
        step = 2 if pattern[at] == "\\" else 1
        piece = pattern[at : at + step]
        if piece == "[" and in_class:
            piece = "\\["
        elif piece == "-" and in_class and out[-2:] in ("\\w", "\\d", "\\s"):
            # Java takes the hyphen after a shorthand for itself.
            piece = "\\-"
        elif piece == "[":
            in_class = True
        elif piece == "]" and in_class and out[-1] != "[":
            in_class = False
        out += piece
        at += step
    return re.compile(out)


def _limits(shape: Shape, value: Any, at: str) -> Iterator[str]:
    meta = shape.metadata
    size = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    what = "value"
    if size is None and isinstance(value, str | bytes | list | dict):
        size, what = len(value), "length"
    if size is not None:
        if "min" in meta and size < meta["min"]:
            yield f"{at}: {what} {size} is below the minimum of {meta['min']}"
        if "max" in meta and size > meta["max"]:
            yield f"{at}: {what} {size} is above the maximum of {meta['max']}"
    if isinstance(value, str):
        allowed = getattr(shape, "enum", None)
        if allowed and value not in allowed:
            yield f"{at}: is not one of {', '.join(sorted(allowed))}"
        pattern = meta.get("pattern")
        if pattern and not compile_pattern(pattern).fullmatch(value):
            yield f"{at}: doesn't match the pattern {pattern}"


def _walk(shape: Shape, value: Any, at: str) -> Iterator[str]:
    yield from _limits(shape, value, at)
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        for name, item in value.items():
            if name in shape.members:
                yield from _walk(shape.members[name], item, f"{at}.{name}" if at else name)
            else:
                yield f"{f'{at}.{name}' if at else name}: is not a member of the request"
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(shape.member, item, f"{at}[{index}]")
    elif isinstance(shape, MapShape) and isinstance(value, dict):
        for key, item in value.items():
            yield from _limits(shape.key, key, f"{at} key {key!r}")
            yield from _walk(shape.value, item, f"{at}[{key!r}]")


def limit_problems(shape: Shape, value: Any, at: str) -> list[str]:
    """What the model's lengths, ranges, patterns and enums object to in one value; the value itself is not quoted."""
    return list(_walk(shape, value, at))


@cache
def _operations(service: str) -> dict[str, StructureShape]:
    model = get_session().get_service_model(service)
    shapes = {xform_name(name): model.operation_model(name).input_shape for name in model.operation_names}
    return {name: shape for name, shape in shapes.items() if shape is not None}


def operation_input(service: str, operation: str) -> StructureShape:
    """The input shape of an operation by its boto3 name; raises KeyError for one that doesn't exist."""
    return _operations(service)[operation]


def problems(shape: Shape | None, params: dict[str, Any]) -> list[str]:
    """What the service model objects to, each naming the member and the rule; values themselves are not quoted, because they
    may be secret."""
    if shape is None:
        return [f"{name}: is not a member of the request" for name in params]
    found: list[str] = []
    for kind, name, extra in ParamValidator().validate(params, shape)._errors:
        where = name.lstrip(".")
        if kind == "missing required field":
            found.append(f"{'.'.join(filter(None, (where, extra['required_name'])))}: is required")
        elif kind == "invalid type":
            types = [re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", name) for name in extra["valid_types"]]
            found.append(f"{where}: must be of type {' or '.join(types)}")
        elif kind not in ("invalid length", "invalid range", "unknown field"):
            found.append(f"{where}: {kind}")
    return list(dict.fromkeys([*found, *_walk(shape, params, "")]))
