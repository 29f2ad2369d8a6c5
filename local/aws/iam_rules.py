"""Where real IAM refuses or judges otherwise than the emulator, and everpull could meet it."""

import json
import re
from typing import Any
from urllib.parse import unquote

from local.aws.callers import Callers
from local.aws.emulator import Emulator, Reply, around

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_KEYS_PER_USER = 2
_INLINE_POLICY_SIZE = {"User": 2048, "Role": 10240}


def install(emulator: Emulator, callers: Callers) -> None:
    """Put the checks before the emulator's own handling."""
    iam = emulator.iam

    def error(status: int, code: str, message: str) -> Reply:
        return iam._error(status, code, message, ns="iam")

    def key_quota(parameters: dict[str, Any]) -> Reply | None:
        user = iam._p(parameters, "UserName")
        if sum(key["UserName"] == user for key in iam._access_keys.values()) < _KEYS_PER_USER:
            return None
        return error(409, "LimitExceeded", f"Cannot exceed quota for AccessKeysPerUser: {_KEYS_PER_USER}")

    def left_policies(parameters: dict[str, Any]) -> Reply | None:
        if not _inline_policies(iam, "User", iam._p(parameters, "UserName")):
            return None
        return error(409, "DeleteConflict", "Cannot delete entity, must delete policies first.")

    def trust_policy(parameters: dict[str, Any]) -> Reply | None:
        text = iam._p(parameters, "AssumeRolePolicyDocument") or iam._p(parameters, "PolicyDocument")
        fault = policy_fault(text) or _federated_fault(text)
        return error(400, "MalformedPolicyDocument", fault) if fault else None

    def inline_size(kind: str) -> Any:
        quota = _INLINE_POLICY_SIZE[kind]

        def check(parameters: dict[str, Any]) -> Reply | None:
            name, policy = iam._p(parameters, f"{kind}Name"), iam._p(parameters, "PolicyName")
            stored = dict(_inline_policies(iam, kind, name))
            stored[policy] = iam._p(parameters, "PolicyDocument")
            # AWS doesn't count white space.
            if sum(len("".join(_text(document).split())) for document in stored.values()) <= quota:
                return None
            message = f"Maximum policy size of {quota} bytes exceeded for {kind.lower()} {name}"
            return error(409, "LimitExceeded", message)

        return check

    checks = {
        "CreateAccessKey": key_quota,
        "DeleteUser": left_policies,
        "CreateRole": trust_policy,
        "UpdateAssumeRolePolicy": trust_policy,
        "PutUserPolicy": inline_size("User"),
        "PutRolePolicy": inline_size("Role"),
    }
    around(emulator.actions, "access_denied_response", _naming_the_resource)
    around(emulator.evaluator, "_resolve_condition_key", lambda resolve: _taking_roles_for_principals(resolve, callers))
    for action, check in checks.items():
        iam._IAM_HANDLERS[action] = _checked(check, iam._IAM_HANDLERS[action])
    iam._IAM_HANDLERS["UpdateUser"] = lambda parameters: _update_user(iam, parameters)


def _update_user(iam: Any, parameters: dict[str, Any]) -> Reply:
    """Another path, which the emulator can't give a user (IAM API Reference, UpdateUser). It gets no other name here."""
    name, path = iam._p(parameters, "UserName"), iam._p(parameters, "NewPath")
    user = iam._users.get(name)
    if user is None:
        return iam._error(404, "NoSuchEntity", f"The user with name {name} cannot be found.", ns="iam")
    if iam._p(parameters, "NewUserName") not in ("", name):
        return iam._error(400, "InvalidAction", "The local AWS renames no user", ns="iam")
    if path:
        account = user["Arn"].split(":")[4]
        iam._users[name] = {**user, "Path": path, "Arn": f"arn:aws:iam::{account}:user{path}{name}"}
    return iam._xml(200, "UpdateUserResponse", "", ns="iam")


def _naming_the_resource(respond: Any) -> Any:
    """ECR, ECR Public and STS name the resource that was refused, `*` where an action has none."""

    def responded(service: str, action: str, principal_arn: str, request_id: str, **named: Any) -> Any:
        if (
            service in ("ecr", "ecr-public", "sts")
            and not named.get("message")
            and not named.get("resource_policy_arn")
        ):
            reason = (
                "with an explicit deny in an identity-based policy"
                if named.get("explicit_deny")
                else f"because no identity-based policy allows the {action} action"
            )
            resource = named.get("resource_arn") or "*"
            named["message"] = (
                f"User: {principal_arn} is not authorized to perform: {action} on resource: {resource} {reason}"
            )
        return respond(service, action, principal_arn, request_id, **named)

    return responded


def _taking_roles_for_principals(resolve: Any, callers: Callers) -> Any:
    """aws:PrincipalArn is the role's ARN in a session of it (IAM User Guide, AWS global condition context keys)."""

    def resolved(key: str, context: Any) -> Any:
        found = resolve(key, context)
        return callers.named(found) if key.lower() == "aws:principalarn" and found else found

    return resolved


def _checked(check: Any, handle: Any) -> Any:
    def handled(parameters: dict[str, Any]) -> Reply:
        return check(parameters) or handle(parameters)

    return handled


def _inline_policies(iam: Any, kind: str, name: str) -> dict[str, Any]:
    if kind == "User":
        return iam._user_inline_policies.get(name) or {}
    return (iam._roles.get(name) or {}).get("InlinePolicies") or {}


def _text(document: Any) -> str:
    return unquote(document) if isinstance(document, str) else json.dumps(document)


# A provider's ARN, or the name of one that AWS knows by itself, such as cognito-identity.amazonaws.com.
_FEDERATED = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:(?:oidc|saml)-provider/\S+|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")


def _federated_fault(trust: str) -> str | None:
    """What IAM says of a federated principal that can't be one, or None. Whether there is such a provider isn't asked."""
    statements = json.loads(trust)["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal")
        named = principal.get("Federated", []) if isinstance(principal, dict) else []
        for name in [named] if isinstance(named, str) else named:
            if not _FEDERATED.fullmatch(name):
                return "Federated principals must be valid domain names or SAML metadata ARNs"
    return None


def policy_fault(text: str) -> str | None:
    """Why a text is no policy that says who may do what (a role's trust, a repository's policy), or None."""
    try:
        document = json.loads(text)
    except ValueError:
        return "This policy contains invalid Json"
    statements = document.get("Statement") if isinstance(document, dict) else None
    statements = [statements] if isinstance(statements, dict) else statements
    if not isinstance(statements, list) or not statements:
        return "Missing required field Statement"
    for statement in statements:
        if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
            return "Missing required field Effect"
        if not statement.keys() & {"Principal", "NotPrincipal"}:
            return "Missing required field Principal"
        if not statement.keys() & {"Action", "NotAction"}:
            return "Missing required field Action"
        if statement.keys() & {"Resource", "NotResource"}:
            return "Has prohibited field Resource"
    return None
