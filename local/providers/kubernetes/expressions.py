"""The annotation `pulumi.com/waitFor`: `condition=Type[=Status]`, `jsonpath={path}[=value]`, or a JSON list of those.

Meaning as in the real provider (pulumi-kubernetes, `await/condition` and `jsonpath`). Of JSONPath the parts that a
status needs are known: names, quoted names, indexes, `[*]`, and filters by equality such as `[?@.type=="Ready"]`; anything
else is an error that says so.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.providers.common.provider import ProviderError
from local.providers.kubernetes import objects
from local.providers.kubernetes.objects import Object

Selector = Callable[[Any], list[Any]]
_STEP = re.compile(
    r"""\.(?P<name>[A-Za-z_$][\w$-]*)
      | \[\s*(?P<quote>['"])(?P<quoted>.*?)(?P=quote)\s*\]
      | \[\s*(?P<index>-?\d+)\s*\]
      | (?P<all>\[\s*\*\s*\]|\.\*)
      | \[\s*\?\s*\(?\s*
        @(?P<field>(?:\.[A-Za-z_$][\w$-]*)+)\s*(?P<operator>==|!=)\s*
        (?P<value>'[^']*'|"[^"]*"|[\w.-]+)\s*\)?\s*\]
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Verdict:
    """Whether the wait is over, and what is seen until then."""

    done: bool
    seen: str


Condition = Callable[[Object], Verdict]


def parse(annotation: str) -> list[Condition]:
    """What must hold at the same time. Raises ProviderError."""
    try:
        listed = json.loads(annotation)
    except ValueError:
        listed = annotation
    texts = listed if isinstance(listed, list) and all(isinstance(item, str) for item in listed) else [annotation]
    if not texts:
        raise ProviderError(f"{objects.WAIT_FOR} must hold at least one condition")
    return [_parse_one(text) for text in texts]


def _parse_one(text: str) -> Condition:
    if text.startswith("condition="):
        kind, _, status = text.removeprefix("condition=").partition("=")
        return _condition(kind, status or "True")
    if text.startswith("jsonpath="):
        return _json_path(text)
    raise ProviderError(f'{objects.WAIT_FOR} is {text!r}, which starts with neither "condition=" nor "jsonpath="')


def _behind(obj: Object, observed: Any) -> Verdict | None:
    generation = objects.metadata(obj).get("generation")
    if isinstance(generation, int) and isinstance(observed, int) and observed < generation:
        return Verdict(False, f"generation {observed} has been observed, {generation} is wanted")
    return None


def _condition(kind: str, wanted: str) -> Condition:
    def check(obj: Object) -> Verdict:
        status = obj.get("status") or {}
        for condition in status.get("conditions") or []:
            if str(condition.get("type", "")).lower() != kind.lower():
                continue
            behind = _behind(obj, condition.get("observedGeneration", status.get("observedGeneration")))
            if behind is not None:
                return behind
            found = str(condition.get("status", ""))
            return Verdict(found.lower() == wanted.lower(), f"condition {kind} is {found}, {wanted} is wanted")
        return Verdict(False, f"there is no condition {kind} yet")

    return check


def _json_path(text: str) -> Condition:
    body = text.removeprefix("jsonpath=")
    match = re.fullmatch(r"\{\s*(?P<path>.*?)\s*\}(?:=(?P<value>.*))?", body, re.DOTALL)
    if match is None:
        raise ProviderError(
            f"{objects.WAIT_FOR} is {text!r}; it must be jsonpath={{.path}} or jsonpath={{.path}}=value"
        )
    path, wanted = match["path"], match["value"]
    if wanted == "":
        raise ProviderError(f"{objects.WAIT_FOR} is {text!r}; there must be a value after the last =")
    select = _selector(path, text)

    def check(obj: Object) -> Verdict:
        behind = _behind(obj, (obj.get("status") or {}).get("observedGeneration"))
        if behind is not None:
            return behind
        found = select(obj)
        if not found:
            return Verdict(False, f"{path} selects nothing")
        if wanted is None:
            return Verdict(True, "")
        if isinstance(found[0], dict | list):
            raise ProviderError(f"{objects.WAIT_FOR}: {path} is not a plain value, so it can't equal {wanted!r}")
        return Verdict(_as_text(found[0]) == wanted, f"{path} is {_as_text(found[0])!r}, {wanted!r} is wanted")

    return check


def _as_text(value: Any) -> str:
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _selector(path: str, text: str) -> Selector:
    rest = path.removeprefix("$")
    steps: list[Selector] = []
    at = 0
    while at < len(rest):
        match = _STEP.match(rest, at)
        if match is None:
            raise ProviderError(
                f"{objects.WAIT_FOR} is {text!r}: the local stand-in doesn't know the JSONPath syntax at {rest[at:]!r}"
            )
        steps.append(_step(match))
        at = match.end()

    def select(value: Any) -> list[Any]:
        values = [value]
        for step in steps:
            values = [found for item in values for found in step(item)]
        return values

    return select


def _step(match: re.Match[str]) -> Selector:
    name = match["name"] if match["name"] is not None else match["quoted"]
    if name is not None:
        return lambda value: [value[name]] if isinstance(value, dict) and name in value else []
    if match["index"] is not None:
        index = int(match["index"])
        return lambda value: [value[index]] if isinstance(value, list) and -len(value) <= index < len(value) else []
    if match["all"] is not None:
        return lambda value: (
            list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
        )
    field, wanted, negated = match["field"][1:].split("."), match["value"].strip("'\""), match["operator"] == "!="

    def keep(item: Any) -> bool:
        for part in field:
            if not isinstance(item, dict) or part not in item:
                return negated
            item = item[part]
        return (_as_text(item) == wanted) != negated

    return lambda value: [item for item in value if keep(item)] if isinstance(value, list) else []
