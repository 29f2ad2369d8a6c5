"""Repositories that others may pull: which, by whom, and as whom everpull writes their policies."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lambda_src.refresher.registries import Registry

from .partitions import of_roles, partition_of
from .reader import Reader
from .refused import Refused
from .values import REPOSITORY, registry, roles_by_account, strings

_ACCOUNT = re.compile(r"[0-9]{12}")
# What a repository's policy may name without letting in whoever comes along: no sessions, no patterns.
_PRINCIPAL = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:(?:root|(?:role|user)/[\w+=,.@/-]+)", re.ASCII)


@dataclass(frozen=True)
class SharedRepository:
    """One repository that others may pull."""

    registry: Registry
    name: str


@dataclass(frozen=True)
class Sharing:
    """Repositories, who may pull them (nobody named means the deploying account), and the role to assume by account."""

    repositories: tuple[SharedRepository, ...]
    principals: tuple[str, ...]
    owner_roles: Mapping[str, str]


def repositories(raw: str) -> tuple[SharedRepository, ...]:
    """Repositories as HOST/REPOSITORY."""
    return tuple(_repository(item) for item in strings(raw))


def _repository(item: str) -> SharedRepository:
    host, slash, name = item.partition("/")
    if not slash or len(name) > 256 or not REPOSITORY.fullmatch(name):
        raise Refused(
            f"{item!r} is not one repository", "HOST/REPOSITORY, one repository each: each has a policy of its own"
        )
    return SharedRepository(registry(host), name)


def principals(raw: str) -> tuple[str, ...]:
    """Account numbers, and ARNs of accounts, roles and users."""
    names = strings(raw)
    for name in names:
        if not (_ACCOUNT.fullmatch(name) or _PRINCIPAL.fullmatch(name)):
            raise Refused(
                f"{name!r} names no account, role or user that could be let in",
                "12-digit account numbers, and ARNs of accounts (...:root), roles and users",
            )
    return names


def partitions(sharing: Sharing) -> dict[str, dict[str, str]]:
    """For each key, the partition by what it means. Whom a repository is shared with is checked with its policy."""
    hosts = {repository.registry.host: repository.registry.region for repository in sharing.repositories}
    return {
        "sharedRepositories": {host: partition_of(region) for host, region in hosts.items()},
        "ownerRoles": of_roles(sharing.owner_roles),
    }


def read(reader: Reader) -> Sharing:
    """What the configuration says of sharing; faults are noted in the reader."""
    sharing = Sharing(
        reader.value("sharedRepositories", repositories),
        reader.value("sharedWith", principals),
        reader.value("ownerRoles", roles_by_account),
    )
    if not reader.sound("sharedRepositories", "sharedWith", "ownerRoles"):
        return sharing
    if sharing.principals and not sharing.repositories:
        reader.refuse("sharedWith", "opens nothing", "together with everpull:sharedRepositories")
    accounts = {repository.registry.account for repository in sharing.repositories}
    idle = [account for account in sharing.owner_roles if account not in accounts]
    if idle:
        reader.refuse(
            "ownerRoles",
            f"names a role of account {idle[0]}, of which everpull:sharedRepositories lists no repository",
            "roles of accounts whose repositories are shared",
        )
    if sharing.repositories:
        reader.refuse_other_credentials("sharedRepositories", "looked at")
    return sharing
