"""The rules as a Pulumi policy pack: `pulumi up --policy-pack policy/pack`. docs/policies.md says how it is set up.

It is asked of each resource when all is known of it, before it is made, and of the stack as a whole.
"""

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

# The engine runs this file from where it lies.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from policy.resources import Mark, Resource, Stack, plain
from policy.rules import RULES, Rule

# In the pack's environment only (see requirements.txt).
_sdk: Any = importlib.import_module("pulumi_policy")
_UNKNOWN: type[Exception] = importlib.import_module("pulumi_policy.proxy").UnknownValueError

Report = Callable[..., None]


class _Resource(Protocol):
    """What is used of what the SDK tells of a resource. `props` raises an error where a value is not known."""

    resource_type: str
    name: str
    urn: str
    props: Mapping[str, object]


class _Whole(Protocol):
    resources: Sequence[_Resource]


def _told(resource: _Resource) -> Resource:
    return Resource(resource.resource_type, resource.name, cast(Mapping[str, object], plain(_opened(resource.props))))


def _opened(value: object) -> object:
    """The SDK's views of objects and lists as these, with a Mark for what is not known."""
    if isinstance(value, Mapping):
        found = cast(Mapping[str, object], value)
        return {key: _item(found, key) for key in found}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        items = cast(Sequence[object], value)
        return [_item(items, index) for index in range(len(items))]
    return value


def _item(holder: Any, at: object) -> object:
    try:
        return _opened(holder[at])
    except _UNKNOWN:
        return Mark.UNKNOWN


def _of_each(rule: Rule) -> object:
    def validate(args: _Resource, report: Report) -> None:
        resource = _told(args)
        for sentence in rule.check(resource, Stack([resource])):
            report(f"{sentence}. {rule.fix}")

    return _sdk.ResourceValidationPolicy(rule.name, rule.says, validate)


def _of_all(rule: Rule) -> object:
    def validate(args: _Whole, report: Report) -> None:
        told = [(given.urn, _told(given)) for given in args.resources]
        stack = Stack([resource for _, resource in told])
        for urn, resource in told:
            for sentence in rule.check(resource, stack):
                report(f"{sentence}. {rule.fix}", urn)

    return _sdk.StackValidationPolicy(rule.name, rule.says, validate)


# The SDK does not tell which inputs are secret.
_sdk.PolicyPack(
    name="everpull",
    enforcement_level=_sdk.EnforcementLevel.MANDATORY,
    policies=[_of_each(rule) if rule.alone else _of_all(rule) for rule in RULES if not rule.marked],
)
