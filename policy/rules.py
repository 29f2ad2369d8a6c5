"""Every rule, by name: what a reviewer of a stack would look for, why, and how a violation is mended."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from . import rights
from .resources import Mark, Resource, Stack, leaves, mapping, mappings

Check = Callable[[Resource, Stack], Iterator[str]]


@dataclass(frozen=True)
class Rule:
    """`says` what holds, `why` it must, `fix` what to do where it does not. `check` gives a clause for each violation by one
    resource.

    With `alone` it looks at that resource only, and can be asked before anything is made. With `marked` it needs to be told
    which inputs are secret.
    """

    name: str
    says: str
    why: str
    fix: str
    check: Check
    alone: bool = True
    marked: bool = False


@dataclass(frozen=True)
class Violation:
    """One resource that breaks one rule."""

    rule: Rule
    resource: str
    sentence: str


# Inputs that are secret whatever they hold, by type.
_ALWAYS_SECRET = {
    "kubernetes:core/v1:Secret": ("data", "stringData"),
    "aws:secretsmanager/secretVersion:SecretVersion": ("secretString", "secretBinary"),
}
_SECRET_NAME = re.compile(
    r"(?:^|[._])(?:\w*password|\w*passphrase|\w*secret_access_key|\w*session_token)$", re.IGNORECASE
)
_SECRET_VALUE = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
    # A JSON Web Token.
    r"|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\."
    # `AWS:` and a password, as Docker's configuration has it.
    r"|\bQVdTO[\w+/]{20,}"
)
_SECRET_CONFIG = frozenset({"aws:secretKey", "aws:token"})
# What a kubeconfig proves itself by, as YAML or JSON.
_KUBECONFIG = re.compile(r"\b(?:client-key-data|token|password)['\"]?: *['\"]?[\w+/.=-]{8,}")


def static_keys(resource: Resource, stack: Stack) -> Iterator[str]:
    """Access keys that a role makes needless, and those that a provider is given."""
    if resource.type == "aws:iam/accessKey:AccessKey" and stack.has_roles():
        yield "an access key is made although a role is configured"
    if resource.type == "pulumi:providers:aws" and {"accessKey", "secretKey"} & resource.inputs.keys():
        yield "the provider works by an access key that the stack holds"


def log_retention(resource: Resource, _: Stack) -> Iterator[str]:
    """Logs that are kept for ever: by a group that says so, or by the one that Lambda makes where none is named."""
    if resource.type == "aws:cloudwatch/logGroup:LogGroup" and not resource.inputs.get("retentionInDays"):
        yield "the log is kept for ever"
    if resource.type == "aws:lambda/function:Function":
        logging = resource.inputs.get("loggingConfig")
        if not (isinstance(logging, Mark) or mapping(logging).get("logGroup")):
            yield "it logs into a group that Lambda makes, and that keeps the log for ever"


def encryption(resource: Resource, _: Stack) -> Iterator[str]:
    """Queues that keep messages in plain text. Secrets Manager, CloudWatch Logs and ECR always encrypt."""
    if resource.type != "aws:sqs/queue:Queue":
        return
    if not (resource.inputs.get("sqsManagedSseEnabled") is True or resource.inputs.get("kmsMasterKeyId")):
        yield "it keeps messages in plain text"


def plain_secrets(resource: Resource, _: Stack) -> Iterator[str]:
    """Secrets among the inputs that the engine would write into the state, and show, in plain text."""
    always = _ALWAYS_SECRET.get(resource.type, ())
    for place, value in leaves(resource.inputs):
        if place.partition(".")[0] in always:
            # An unknown value that were secret would be said to be.
            if value is not Mark.SECRET:
                yield f"{place} is not marked as secret"
        elif isinstance(value, str) and value and (_SECRET_NAME.search(place) or _SECRET_VALUE.search(value)):
            yield f"{place} looks like a secret and is not marked as one"
    for place, name in _variables(resource):
        yield f"{place} gives {name} in plain text"


def _variables(resource: Resource) -> Iterator[tuple[str, str]]:
    """Environment variables of containers that have a value of their own and a secret's name."""
    for place, _ in leaves(resource.inputs):
        head, _, last = place.rpartition(".")
        if last != "value" or ".env." not in head:
            continue
        found: object = resource.inputs
        for step in head.split("."):
            found = dict(enumerate(mappings(found))).get(int(step)) if step.isdigit() else mapping(found).get(step)
        entry = mapping(found)
        name = entry.get("name")
        if isinstance(name, str) and _SECRET_NAME.search(name) and isinstance(entry.get("value"), str):
            yield head, name


RULES = (
    Rule(
        "wildcard-action",
        "No policy allows an action or a verb by a wildcard.",
        "What AWS or Kubernetes adds later would be allowed too, and nobody can read from the policy what is.",
        "List the actions that are called; docs/iam shows them.",
        rights.wildcard_actions,
    ),
    Rule(
        "wildcard-resource",
        "No policy is about every resource, but for actions that know none.",
        "A stolen credential would open what has nothing to do with everpull.",
        "Name the resource by its ARN. Only actions of WITHOUT_RESOURCE in policy/rights.py may have `*`.",
        rights.wildcard_resources,
    ),
    Rule(
        "source-condition",
        "Every service principal is bound to a source, every token to one subject, and nobody else is let in.",
        "The service acts for other accounts too, who could have it act on this stack (the confused deputy); and the issuer "
        "makes tokens for every other service account.",
        "Add a condition on aws:SourceArn or aws:SourceAccount (for a token, on its `:sub`), or sourceArn to a Permission.",
        rights.sources,
    ),
    Rule(
        "static-key",
        "There is no access key where a role is configured.",
        "A key that nothing needs can still leak.",
        "Take the access key out, or set everpull:identity to access-key.",
        static_keys,
        alone=False,
    ),
    Rule(
        "log-retention",
        "Every log ends some day.",
        "A log that is kept for ever costs more each month, and names accounts and repositories.",
        "Set retention_in_days on the log group, and name the group in the function's logging_config.",
        log_retention,
    ),
    Rule(
        "encryption",
        "Queues are encrypted.",
        "Dead letters hold events that failed. Secrets Manager, CloudWatch Logs and ECR encrypt by themselves; alarms in a "
        "topic are no secret, and CloudWatch publishes into an encrypted topic only by a key that costs.",
        "Set sqs_managed_sse_enabled to true, or kms_master_key_id.",
        encryption,
    ),
    Rule(
        "plain-secret",
        "No secret is an input or a configuration value in plain text.",
        "The engine writes inputs into the state and shows them in previews, so in pull requests.",
        "Wrap the input in pulumi.Output.secret; set the configuration value with `pulumi config set --secret`.",
        plain_secrets,
        marked=True,
    ),
    Rule(
        "secret-rights",
        "Rights on Secrets name the Secret, and reach all namespaces only for everpull:namespaceSelector.",
        "Whoever may read any Secret of a cluster owns the cluster.",
        "Add resource_names, and use a Role in each listed namespace.",
        rights.secret_rights,
        alone=False,
    ),
)


def violations(stack: Stack) -> list[Violation]:
    """Of every rule by every resource, in the order of the rules, and by the configuration."""
    found = [
        Violation(rule, str(resource), sentence)
        for rule in RULES
        for resource in stack.resources
        for sentence in rule.check(resource, stack)
    ]
    plain = next(rule for rule in RULES if rule.check is plain_secrets)
    for key, value in (stack.config or {}).items():
        if isinstance(value, str) and _tells_a_secret(key, value):
            sentence = "the value looks like a secret and is not marked as one"
            found.append(Violation(plain, f"configuration {key}", sentence))
    return found


def _tells_a_secret(key: str, value: str) -> bool:
    return bool(value) and bool(key in _SECRET_CONFIG or _SECRET_VALUE.search(value) or _KUBECONFIG.search(value))
