"""Rules on rights: IAM policies, and roles in the cluster."""

from collections.abc import Iterator, Mapping

from .resources import Mark, Resource, Stack, Statement, mapping, mappings, statements, texts

# Actions that know no resource (Service Authorization Reference: Amazon ECR, Amazon ECR Public, AWS STS), so that nothing but
# `*` can be asked for.
WITHOUT_RESOURCE = frozenset(
    {"ecr:GetAuthorizationToken", "ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken"}
)
# A role can't be passed to a service in another account (IAM User Guide, Grant a user permissions to pass a role to an AWS
# service), and Lambda tells a function's role of no source, so a condition on one would keep Lambda itself out.
_WITHOUT_SOURCE = "lambda.amazonaws.com"
_TRUST = "assumeRolePolicy"
_SOURCES = frozenset({"aws:sourcearn", "aws:sourceaccount"})
# Not the IfExists ones: they let in who names no source.
_BINDING = frozenset({"stringequals", "stringlike", "arnequals", "arnlike"})

_RBAC = "kubernetes:rbac.authorization.k8s.io/"
_ACCOUNT_FIELDS = ("partition", "service", "region", "account")


def wildcard_actions(resource: Resource, _: Stack) -> Iterator[str]:
    """Allowed actions and verbs with a `*`, and policies of AWS, which are full of them."""
    for found in statements(resource):
        if not found.allows:
            continue
        if "NotAction" in found.content:
            yield f"{found.called} allows everything but some actions"
        for action in found.listed("Action"):
            if "*" in action:
                yield f"{found.called} allows {action}"
    for arn in texts(resource.inputs.get("managedPolicyArns")) + texts(resource.inputs.get("policyArn")):
        if ":iam::aws:policy/" in arn:
            yield f"it takes over {arn}, whose actions AWS chooses and widens"
    for rule in _rules(resource):
        if "*" in texts(rule.get("verbs")):
            yield f"it gives every verb on {', '.join(texts(rule.get('resources')))}"


def wildcard_resources(resource: Resource, _: Stack) -> Iterator[str]:
    """Rights on everything, unless the action knows no resource."""
    for found in statements(resource):
        # Whoever is named as principal gets rights on what the policy is attached to.
        if not found.allows or "Principal" in found.content:
            continue
        if "NotResource" in found.content:
            yield f"{found.called} is about everything but some resources"
        actions = found.listed("Action")
        for arn in found.listed("Resource"):
            if arn == "*" and not set(actions) <= WITHOUT_RESOURCE:
                others = sorted(set(actions) - WITHOUT_RESOURCE)
                yield f"{found.called} allows {', '.join(others)} on every resource"
            elif arn != "*" and (wide := _wide(arn)):
                yield f"{found.called} is about {arn}: any {wide}"
    for rule in _rules(resource):
        if "*" in texts(rule.get("resources")) + texts(rule.get("apiGroups")):
            yield f"it gives {', '.join(texts(rule.get('verbs')))} on every kind of object"


def sources(resource: Resource, _: Stack) -> Iterator[str]:
    """Principals that are let in from anywhere."""
    for found in statements(resource):
        if found.allows and "Principal" in found.content:
            yield from _open(found)
    if resource.type == "aws:lambda/permission:Permission":
        principal = str(resource.inputs.get("principal"))
        bound = resource.inputs.get("sourceArn") or resource.inputs.get("sourceAccount")
        if principal == "*" or (principal.endswith(".amazonaws.com") and not bound):
            yield f"{principal} may invoke the function for anybody's resources"


def secret_rights(resource: Resource, stack: Stack) -> Iterator[str]:
    """Rights on Secrets that are not named, or in all namespaces without need, and rights that are written elsewhere."""
    everywhere = resource.type.startswith(_RBAC) and resource.type.endswith(":ClusterRole")
    for rule in _rules(resource):
        kinds = texts(rule.get("resources"))
        if not any(kind.partition("/")[0] in ("secrets", "*") for kind in kinds):
            continue
        if not rule.get("resourceNames"):
            yield f"it gives {', '.join(texts(rule.get('verbs')))} on Secrets of any name"
        elif everywhere and not stack.may_reach_all_namespaces():
            yield "it gives rights on Secrets in every namespace, and everpull:namespaceSelector chooses none"
    if resource.type.startswith(_RBAC) and resource.type.endswith("Binding"):
        role = mapping(resource.inputs.get("roleRef"))
        ours = {_object_name(found) for found in stack.resources if found.type.endswith(":ClusterRole")}
        if role.get("kind") == "ClusterRole" and role.get("name") not in ours:
            yield f"it binds the ClusterRole {role.get('name')}, which this stack does not write"


def _open(found: Statement) -> Iterator[str]:
    if found.content["Principal"] == "*":
        yield f"{found.called} lets everybody in"
        return
    principal = mapping(found.content["Principal"])
    conditions = {
        key.lower(): texts(value)
        for operator, keys in mapping(found.content.get("Condition")).items()
        if operator.lower() in _BINDING
        for key, value in mapping(keys).items()
    }
    if "*" in texts(principal.get("AWS")):
        yield f"{found.called} lets everybody in"
    for service in texts(principal.get("Service")):
        if found.place == _TRUST and service == _WITHOUT_SOURCE:
            continue
        if not any(values and "*" not in values for key, values in conditions.items() if key in _SOURCES):
            yield f"{found.called} lets {service} in for anybody's resources"
    for provider in texts(principal.get("Federated")):
        subjects = [value for key, values in conditions.items() if key.endswith(":sub") for value in values]
        if not subjects or any("*" in value for value in subjects):
            yield f"{found.called} lets in whoever has a token of {provider}"


def _wide(arn: str) -> str | None:
    """The part of an ARN that is left open, if it is one that names whose resource it is, or all of the resource's name."""
    parts = arn.split(":", 5)
    if parts[0] != "arn" or len(parts) < 6:
        return "thing"
    for field, value in zip(_ACCOUNT_FIELDS, parts[1:5], strict=True):
        if "*" in value:
            return field
    return "resource" if parts[5] == "*" else None


def _rules(resource: Resource) -> list[Mapping[str, object]]:
    return mappings(resource.inputs.get("rules")) if resource.type.startswith(_RBAC) else []


def _object_name(resource: Resource) -> object:
    name = mapping(resource.inputs.get("metadata")).get("name")
    return None if isinstance(name, Mark) else name
