"""`iam.getPolicyDocument`: statements as the program writes them, as the JSON text of an IAM policy."""

import json
import zlib
from collections.abc import Mapping
from typing import Any

from local.providers.common.provider import ProviderError

_STATEMENT = {
    "actions",
    "conditions",
    "effect",
    "notActions",
    "notPrincipals",
    "notResources",
    "principals",
    "resources",
    "sid",
}


def _one_or_many(values: list[str]) -> Any:
    unique = sorted(set(values))
    return unique[0] if len(unique) == 1 else unique


def _principals(blocks: list[Mapping[str, Any]]) -> Any:
    if any(block["type"] == "*" and block["identifiers"] == ["*"] for block in blocks):
        return "*"
    merged: dict[str, list[str]] = {}
    for block in blocks:
        merged.setdefault(block["type"], []).extend(block["identifiers"])
    return {kind: _one_or_many(identifiers) for kind, identifiers in merged.items()}


def _conditions(blocks: list[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    merged: dict[str, dict[str, list[str]]] = {}
    for block in blocks:
        merged.setdefault(block["test"], {}).setdefault(block["variable"], []).extend(block["values"])
    return {
        test: {variable: values[0] if len(values) == 1 else values for variable, values in by_variable.items()}
        for test, by_variable in merged.items()
    }


def _statement(block: Mapping[str, Any]) -> dict[str, Any]:
    foreign = sorted(name for name in block if name not in _STATEMENT and block[name] is not None)
    if foreign:
        raise ProviderError(
            f"statements.{foreign[0]} of getPolicyDocument is not supported by the local stand-in for the aws provider"
        )
    out: dict[str, Any] = {}
    if block.get("sid"):
        out["Sid"] = block["sid"]
    out["Effect"] = block.get("effect") or "Allow"
    for name, key in (
        ("actions", "Action"),
        ("notActions", "NotAction"),
        ("resources", "Resource"),
        ("notResources", "NotResource"),
    ):
        if block.get(name):
            out[key] = _one_or_many(block[name])
    for name, key in (("principals", "Principal"), ("notPrincipals", "NotPrincipal")):
        if block.get(name):
            out[key] = _principals(block[name])
    if block.get("conditions"):
        out["Condition"] = _conditions(block["conditions"])
    return out


def _merge(into: list[dict[str, Any]], statements: list[dict[str, Any]]) -> None:
    """A statement takes the place of the one with the same Sid."""
    for statement in statements:
        sid = statement.get("Sid")
        index = next((i for i, old in enumerate(into) if sid and old.get("Sid") == sid), None)
        if index is None:
            into.append(statement)
        else:
            into[index] = statement


def _statements_of(document: str) -> list[dict[str, Any]]:
    statements = json.loads(document).get("Statement", []) if document else []
    return [statements] if isinstance(statements, dict) else statements


def policy_document(args: Mapping[str, Any]) -> dict[str, Any]:
    """`json` and `minifiedJson` of the policy, with the arguments; raises ProviderError for an unsupported field."""
    statements: list[dict[str, Any]] = []
    for document in args.get("sourcePolicyDocuments") or []:
        _merge(statements, _statements_of(document))
    _merge(statements, [_statement(block) for block in args.get("statements") or []])
    for document in args.get("overridePolicyDocuments") or []:
        _merge(statements, _statements_of(document))
    policy: dict[str, Any] = {"Version": args.get("version") or "2012-10-17"}
    if args.get("policyId"):
        policy["Id"] = args["policyId"]
    policy["Statement"] = statements
    text = json.dumps(policy, indent=2)
    return {
        **args,
        "id": str(zlib.crc32(text.encode())),
        "json": text,
        "minifiedJson": json.dumps(policy, separators=(",", ":")),
    }
