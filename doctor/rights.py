"""Whether the inline policies of a user or role still grant what the stack gave it.

This is no evaluation of policies: conditions are passed over, and so are managed policies and boundaries. It finds rights that
somebody took away.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, cast

from .aws import Aws

# Action and resource.
Right = tuple[str, str]


def inline_policies(aws: Aws, kind: str, name: str) -> list[Mapping[str, Any]]:
    """The documents of the inline policies of a `user` or `role`. Raises Missing, Denied, Unanswered."""
    who = {f"{kind.capitalize()}Name": name}
    names = cast(Sequence[str], aws.ask("iam", f"list_{kind}_policies", **who)["PolicyNames"])
    return [aws.ask("iam", f"get_{kind}_policy", **who, PolicyName=policy)["PolicyDocument"] for policy in names]


def rights_in(statements: Sequence[Mapping[str, object]]) -> list[Right]:
    """Each action on each resource of statements that allow."""
    return [
        (action, resource)
        for one in statements
        for action in _many(one["Action"])
        for resource in _many(one["Resource"])
    ]


def lacking(documents: Sequence[Mapping[str, Any]], needed: Sequence[Right]) -> list[str]:
    """The actions among the needed ones that are not granted, or that are denied whatever the conditions are."""
    statements = [statement for document in documents for statement in _statements(document)]
    allowed = [one for one in statements if one.get("Effect") == "Allow"]
    denied = [one for one in statements if one.get("Effect") == "Deny" and not one.get("Condition")]
    missing = [
        action
        for action, resource in needed
        if not any(_means(one, action, resource) for one in allowed)
        or any(_means(one, action, resource) for one in denied)
    ]
    return list(dict.fromkeys(missing))


def _means(statement: Mapping[str, object], action: str, resource: str) -> bool:
    actions, resources = _many(statement.get("Action")), _many(statement.get("Resource"))
    # Actions are not case-sensitive (IAM User Guide, IAM JSON policy elements: Action).
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in actions) and any(
        fnmatchcase(resource, pattern) for pattern in resources
    )


def _statements(document: Mapping[str, Any]) -> Sequence[Mapping[str, object]]:
    found = document.get("Statement") or ()
    return (
        [cast(Mapping[str, object], found)]
        if isinstance(found, Mapping)
        else cast(Sequence[Mapping[str, object]], found)
    )


def _many(value: object) -> Sequence[str]:
    return [value] if isinstance(value, str) else list(cast(Sequence[str], value or ()))
