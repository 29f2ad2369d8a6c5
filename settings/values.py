"""Checks of single values. Each returns the typed value or raises `Refused` with the reason and what is allowed."""

import json
import re
from typing import cast

from lambda_src.refresher import images
from lambda_src.refresher.registries import Registry, parse_registry

from .refused import Refused
from .schema import ECR_PUBLIC, LOG_RETENTION_DAYS, PROJECT, UNRESERVED

_DURATION = re.compile(r"(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})s)?")
_SHORTEST_SYNC_SECONDS = 10
_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
# An RFC 1123 subdomain.
SUBDOMAIN = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
# The path of an image's name is the name of an ECR repository (Amazon ECR API Reference, CreateRepository).
REPOSITORY = re.compile(images.REPOSITORY)
# Amazon ECR API Reference, CreatePullThroughCacheRule.
_CACHE = re.compile(rf"{images.REPOSITORY}/?|ROOT")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):role/[\w+=,.@/-]+", re.ASCII)
# AWS KMS Developer Guide, Key identifiers: not an alias, which could come to mean another key unseen.
_KMS_KEY = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/(?:mrk-)?[0-9a-f-]{32,36}")
_REGION = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-[0-9]+")


def strings(raw: str) -> tuple[str, ...]:
    """A list of different strings, from the JSON text in which the engine hands lists over."""
    allowed = "a list of strings, each once"
    try:
        value: object = json.loads(raw)
    except ValueError:
        value = None
    if not isinstance(value, list):
        raise Refused("is not a list", allowed)
    items: list[str] = []
    for item in cast(list[object], value):
        if not isinstance(item, str):
            raise Refused(f"holds {json.dumps(item)}, which is not a string", allowed)
        if item in items:
            raise Refused(f"names {item} more than once", allowed)
        items.append(item)
    return tuple(items)


def boolean(raw: str) -> bool:
    """Yes or no. The engine refuses others by Pulumi.yaml's types, but only where it knows the project file."""
    if raw not in ("true", "false"):
        raise Refused("is neither true nor false", "true or false")
    return raw == "true"


def namespaces(raw: str) -> tuple[str, ...]:
    """Kubernetes namespace names."""
    return tuple(namespace(name) for name in strings(raw))


def namespace(name: str) -> str:
    """A namespace name is an RFC 1123 label (Kubernetes docs, Object Names and IDs)."""
    if len(name) > 63 or not _LABEL.fullmatch(name):
        raise Refused(
            f"{name!r} cannot name a namespace",
            "at most 63 of a-z, 0-9 and '-', beginning and ending with a letter or digit",
        )
    return name


def secret_name(name: str) -> str:
    """A Secret's name is an RFC 1123 subdomain (Kubernetes docs, Object Names and IDs).

    253 characters are allowed there; 63 here, because ESO copies the name of an ExternalSecret into a label value.
    """
    if len(name) > 63 or not SUBDOMAIN.fullmatch(name):
        raise Refused(
            f"{name!r} cannot name a Secret",
            "at most 63 of a-z, 0-9, '-' and '.', beginning and ending with a letter or digit",
        )
    return name


def registries(raw: str) -> tuple[Registry, ...]:
    """Hosts of private ECR registries."""
    hosts = strings(raw)
    if ECR_PUBLIC in hosts:
        raise Refused(
            f"names {ECR_PUBLIC}, which is ECR Public and takes another login than private registries",
            f"hosts of private registries; for ECR Public {PROJECT}:ecrPublic true",
        )
    return tuple(registry(host) for host in hosts)


def registry(host: str) -> Registry:
    """One ECR registry host."""
    if not is_registry(host):
        raise Refused(
            f"{host!r} is not the host of a private ECR registry",
            "ACCOUNT.dkr.ecr.REGION.amazonaws.com, without scheme, path or repository",
        )
    return parse_registry(host)


def is_registry(host: str) -> bool:
    """Whether it is the host of a private ECR registry."""
    try:
        parse_registry(host)
    except ValueError:
        return False
    return True


def repositories(raw: str) -> tuple[str, ...]:
    """ECR repository names, each of which may end with a `*` (Amazon ECR API Reference, CreateRepository)."""
    names = strings(raw)
    if not names:
        raise Refused("names no repository, so the login could pull nothing", "at least one repository, or *")
    for name in names:
        if len(name) > 256:
            raise Refused(f"'{name[:20]}...' is {len(name)} characters long", "names of at most 256 characters")
        stem = name[:-1].rstrip("/._-") if name.endswith("*") else name
        if not (name == "*" or REPOSITORY.fullmatch(stem)):
            raise Refused(
                f"{name!r} cannot name a repository",
                "lower-case names with '/' between parts, such as team-a/app; a '*' at the end stands for anything",
            )
    return names


def pull_through_caches(raw: str) -> tuple[str, ...]:
    """Repository prefixes of pull-through cache rules, without the slash that ECR puts behind them anyway."""
    prefixes = strings(raw)
    for prefix in prefixes:
        if not 2 <= len(prefix) <= 30 or not _CACHE.fullmatch(prefix):
            raise Refused(
                f"{prefix!r} cannot be the prefix of a pull-through cache",
                "2 to 30 characters, lower-case names with '/' between parts, such as docker-hub; ROOT for one without prefix",
            )
    return tuple(dict.fromkeys(prefix.rstrip("/") for prefix in prefixes))


def roles_by_account(raw: str) -> dict[str, str]:
    """ARNs of roles, by account."""
    roles: dict[str, str] = {}
    for arn in strings(raw):
        match = _ROLE.fullmatch(arn)
        if not match:
            raise Refused(f"{arn!r} is not the ARN of a role", "ARNs of roles, one an account")
        if match[1] in roles:
            raise Refused(f"names two roles of account {match[1]}", "one role an account")
        roles[match[1]] = arn
    return roles


def duration_seconds(text: str) -> int:
    """Seconds of a duration such as 15m, 1h or 1m30s."""
    match = _DURATION.fullmatch(text)
    if not text or not match:
        raise Refused("is not a duration", "hours, minutes and seconds, such as 15m, 1h or 1m30s")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    total = hours * 3600 + minutes * 60 + seconds
    if total < _SHORTEST_SYNC_SECONDS:
        raise Refused(f"is shorter than {_SHORTEST_SYNC_SECONDS} seconds", f"{_SHORTEST_SYNC_SECONDS}s or longer")
    return total


def integer(raw: str) -> int:
    """A whole number. The engine refuses others by Pulumi.yaml's types, but only where it knows the project file."""
    try:
        return int(raw)
    except ValueError:
        raise Refused("is not a whole number", "a whole number") from None


def log_retention_days(raw: str) -> int:
    """One of the values of LOG_RETENTION_DAYS."""
    days = integer(raw)
    if days not in LOG_RETENTION_DAYS:
        raise Refused("is not a retention that CloudWatch Logs knows", ", ".join(map(str, LOG_RETENTION_DAYS)))
    return days


def reserved_concurrency(raw: str) -> int:
    """Concurrent executions, or UNRESERVED."""
    count = integer(raw)
    if count < 1 and count != UNRESERVED:
        raise Refused("would stop the function from ever running", f"1 or more, or {UNRESERVED} to reserve none")
    return count


def recovery_days(raw: str) -> int:
    """Days, or 0 for none (Secrets Manager API Reference, DeleteSecret)."""
    days = integer(raw)
    if days and not 7 <= days <= 30:
        raise Refused("is no recovery window that Secrets Manager knows", "7 to 30, or 0 for none")
    return days


def kms_key(arn: str) -> str:
    """The ARN of a KMS key; whether it is there, and whom it serves, is for AWS to say."""
    if not _KMS_KEY.fullmatch(arn):
        raise Refused(f"{arn!r} is not the ARN of a KMS key", "arn:aws:kms:REGION:ACCOUNT:key/ID, and no alias")
    return arn


def region(name: str) -> str:
    """A region code by its form; whether AWS has it is for AWS to say."""
    if not _REGION.fullmatch(name):
        raise Refused(f"{name!r} is not an AWS region", "a region code, such as eu-central-1")
    return name
