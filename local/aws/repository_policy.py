"""What ECR refuses in a repository policy, and what the evaluator here could not judge.

The latter is refused too: a statement that is stored and then never applies would let a test pass that fails on AWS, or the
other way round.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from local.aws.iam_rules import policy_fault

INVALID = "Invalid repository policy provided"
_ACCOUNT = re.compile(r"\d{12}|arn:aws[a-z-]*:iam::\d{12}:root")
_ENTITY = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):(role|user)/(?:[^*?]+/)?([^*?/]+)")
_SESSION = re.compile(r"arn:aws[a-z-]*:sts::\d{12}:assumed-role/[^*?/]+/[^*?/]+")
# What the evaluator can tell about a pull as AWS would. Of most other keys it knows nothing, and a Deny on those would never
# apply.
_KEYS = {
    "aws:currenttime",
    "aws:epochtime",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:requestedregion",
    "aws:resourceaccount",
    "aws:securetransport",
}
_OPERATORS = re.compile(
    r"(?:String(?:Not)?(?:Equals(?:IgnoreCase)?|Like)|Arn(?:Not)?(?:Equals|Like)|(?:Not)?IpAddress|Bool|"
    r"Date(?:(?:Not)?Equals|(?:Less|Greater)Than(?:Equals)?)|Numeric(?:(?:Not)?Equals|(?:Less|Greater)Than(?:Equals)?))"
    r"(?:IfExists)?|Null"
)
# (account, "role" or "user", name): whether IAM has it.
Exists = Callable[[str, str, str], bool]


def fault(text: str, exists: Exists) -> str | None:
    """Why a text can't be a repository policy here, in AWS's words where AWS refuses it too, or None."""
    if policy_fault(text):
        return INVALID
    statements = json.loads(text)["Statement"]
    statements = [statements] if isinstance(statements, dict) else statements
    for statement in statements:
        principals = _aws_principals(statement)
        if principals is None or not all(_is_principal(principal, exists) for principal in principals):
            return INVALID
        conditions = statement.get("Condition") or {}
        if not isinstance(conditions, dict) or not all(isinstance(tests, dict) for tests in conditions.values()):
            return INVALID
        unknown = next(_not_judged(statement, bool(principals)), None)
        if unknown:
            return f"the local stand-in for ECR can't judge {unknown} in a repository policy"
    return None


def _aws_principals(statement: dict[str, Any]) -> list[Any] | None:
    """The `AWS` principals of a statement, or None when its Principal has no form that AWS takes."""
    principal = statement.get("Principal", {})
    if principal == "*":
        return ["*"]
    if not isinstance(principal, dict):
        return None
    named = principal.get("AWS", [])
    return [named] if isinstance(named, str) else named


def _is_principal(principal: Any, exists: Exists) -> bool:
    """IAM User Guide, AWS JSON policy elements: Principal. A pattern is none, except the lone `*`; who is named must exist."""
    if not isinstance(principal, str):
        return False
    if entity := _ENTITY.fullmatch(principal):
        account, kind, name = entity.groups()
        return exists(account, kind, name)
    return principal == "*" or bool(_ACCOUNT.fullmatch(principal) or _SESSION.fullmatch(principal))


def _not_judged(statement: dict[str, Any], has_principals: bool) -> Iterator[str]:
    if "NotPrincipal" in statement:
        yield "NotPrincipal"
    kinds = statement.get("Principal", {})
    yield from sorted(
        f"a {kind} principal" for kind in kinds if isinstance(kinds, dict) and kind not in ("AWS", "Service")
    )
    if not has_principals:
        # For a service alone: none pulls from this registry, so it never applies to anyone.
        return
    for operator, tests in (statement.get("Condition") or {}).items():
        if not _OPERATORS.fullmatch(operator):
            yield f"the condition operator {operator}"
        for key, values in tests.items():
            if key.lower() not in _KEYS:
                yield f"a condition on {key}"
            if "${" in json.dumps(values):
                yield "a policy variable"
