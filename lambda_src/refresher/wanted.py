"""What both entries are to log in to, and as whom, read from their environment.

EVERPULL_REGISTRIES: registry hosts with commas between, the main one first; public.ecr.aws among them is ECR Public.
EVERPULL_ASSUME_ROLES: ARNs of roles with commas between, each for the registries of its own account; may be unset.
EVERPULL_VERIFY_IMAGES: images of these registries with commas between, to be tried after each run: HOST/REPOSITORY:TAG,
HOST/REPOSITORY@sha256:DIGEST, or HOST/REPOSITORY for any one with a tag; may be unset.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .images import Image, parse_image
from .registries import PUBLIC, Group, Registry, groups_of, parse_registry

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::(?P<account>[0-9]{12}):role/[\w+=.@/-]+", re.ASCII)


@dataclass(frozen=True)
class Wanted:
    """`registries` is not empty; the first is the main one. `roles` are the ARNs of roles to assume, by account.

    `images` are to be tried; each is in one of the registries.
    """

    registries: tuple[Registry, ...]
    roles: Mapping[str, str] = field(default_factory=dict[str, str])
    images: tuple[Image, ...] = ()

    @property
    def hosts(self) -> tuple[str, ...]:
        """The registries' hosts."""
        return tuple(registry.host for registry in self.registries)

    @property
    def groups(self) -> tuple[Group, ...]:
        """The logins that open all registries."""
        return groups_of(self.registries, self.roles)


def read_wanted(environment: Mapping[str, str], faults: list[str]) -> Wanted:
    """What the environment asks for. Adds what is wrong with it to `faults`."""
    registries = _registries(environment.get("EVERPULL_REGISTRIES", ""), faults)
    roles = _roles(environment.get("EVERPULL_ASSUME_ROLES", ""), registries, faults)
    return Wanted(registries, roles, _images(environment.get("EVERPULL_VERIFY_IMAGES", ""), registries, faults))


def _registries(text: str, faults: list[str]) -> tuple[Registry, ...]:
    hosts = _parts(text)
    if not hosts:
        faults.append("EVERPULL_REGISTRIES is not set; it lists registry hosts with commas between")
    registries: list[Registry] = []
    # ECR Public last: for readers that know one registry only, it is no use.
    for host in sorted(hosts, key=lambda host: host == PUBLIC.host):
        try:
            registries.append(PUBLIC if host == PUBLIC.host else parse_registry(host))
        except ValueError as error:
            faults.append(f"EVERPULL_REGISTRIES: {error}")
    return tuple(registries)


def _roles(text: str, registries: tuple[Registry, ...], faults: list[str]) -> dict[str, str]:
    roles: dict[str, str] = {}
    for arn in _parts(text):
        role = _ROLE.fullmatch(arn)
        if role is None:
            faults.append(f"EVERPULL_ASSUME_ROLES: {arn!r} is not the ARN of a role (arn:aws:iam::ACCOUNT:role/NAME)")
            continue
        account = role["account"]
        if account in roles:
            faults.append(
                f"EVERPULL_ASSUME_ROLES: {roles[account]} and {arn} are both of account {account}; name one of them"
            )
        elif account not in [registry.account for registry in registries]:
            faults.append(f"EVERPULL_ASSUME_ROLES: {arn} is of account {account}, of which there is no registry")
        roles.setdefault(account, arn)
    return roles


def _images(text: str, registries: tuple[Registry, ...], faults: list[str]) -> tuple[Image, ...]:
    images: list[Image] = []
    hosts = {registry.host for registry in registries}
    for part in _parts(text):
        try:
            image = parse_image(part)
        except ValueError as error:
            faults.append(f"EVERPULL_VERIFY_IMAGES: {error}")
            continue
        if image.host not in hosts:
            faults.append(f"EVERPULL_VERIFY_IMAGES: {part} is in a registry that EVERPULL_REGISTRIES does not list")
        images.append(image)
    return tuple(images)


def _parts(text: str) -> list[str]:
    """The parts between commas, once each: one that is repeated changes nothing."""
    return list(dict.fromkeys(part for part in (part.strip() for part in text.split(",")) if part))
