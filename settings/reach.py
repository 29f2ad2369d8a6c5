"""What the logins reach besides what their own principal may pull, and what is wrong between that and the registries."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lambda_src.refresher.registries import Registry

from . import images
from .faults import Fault
from .partitions import of_roles
from .reader import Reader, command
from .refused import Refused
from .schema import ECR_PUBLIC, ECR_PUBLIC_PARTITION, PROJECT
from .values import boolean, pull_through_caches, roles_by_account


@dataclass(frozen=True)
class Reach:
    """`caches` are prefixes of pull-through caches, ROOT for one without. `roles` are ARNs of roles, by the account for whose
    registries they fetch the login. `ecr_public` adds a login for ECR Public. `images` are those whose pull is tried, or AUTO
    alone."""

    caches: tuple[str, ...]
    roles: Mapping[str, str]
    ecr_public: bool
    images: tuple[str, ...]

    def hosts(self, registries: Sequence[Registry]) -> list[str]:
        """Hosts that take a login. ECR Public last: the first is the main one."""
        return [*(registry.host for registry in registries), *([ECR_PUBLIC] if self.ecr_public else [])]


@dataclass(frozen=True)
class Problem:
    """What is wrong with a key as soon as the registries are known. `name` is the part of its value that is meant."""

    key: str
    name: str
    problem: str
    allowed: str

    def as_fault(self) -> Fault:
        """For whoever finds it after the configuration was read."""
        return Fault(f"{PROJECT}:{self.key}", self.name, self.problem, self.allowed, command(self.key))


def read(reader: Reader) -> Reach:
    """What the configuration says of it; faults are noted in the reader."""
    return Reach(
        caches=reader.value("pullThroughCaches", pull_through_caches),
        roles=reader.value("assumeRoles", _lent_roles),
        ecr_public=reader.value("ecrPublic", boolean),
        images=reader.value("verifyImages", images.images),
    )


def _lent_roles(raw: str) -> dict[str, str]:
    """ARNs of roles, by account, as the refresher can be told of them: in one text, with commas between."""
    roles = roles_by_account(raw)
    for arn in roles.values():
        if "," in arn:
            raise Refused(f"names {arn}, which has a comma in it", "roles without a comma in their names")
    return roles


def partitions(reach: Reach) -> dict[str, dict[str, str]]:
    """For each key, the partition by what it means."""
    return {
        "assumeRoles": of_roles(reach.roles),
        "ecrPublic": {ECR_PUBLIC: ECR_PUBLIC_PARTITION} if reach.ecr_public else {},
    }


def refuse(reader: Reader, found: Iterable[Problem]) -> None:
    """Notes the problems in the reader, one a key."""
    for problem in found:
        if reader.sound(problem.key, "registries"):
            reader.refuse(problem.key, problem.problem, problem.allowed)


def problems(reach: Reach, registries: Sequence[Registry]) -> Iterator[Problem]:
    """What is wrong with these registries, which are all that there are."""
    accounts = {registry.account for registry in registries}
    for account, arn in reach.roles.items():
        if account not in accounts:
            yield Problem(
                "assumeRoles",
                arn,
                f"names a role of account {account}, of which no registry is configured",
                f"roles of accounts whose registries are configured ({', '.join(sorted(accounts))})",
            )
    hosts = [registry.host for registry in registries]
    for image in reach.images:
        host = images.host(image)
        if host == ECR_PUBLIC and not reach.ecr_public:
            yield Problem(
                "verifyImages",
                image,
                f"names {image} of ECR Public, for which there is no login",
                f"images of the registries, or together with {PROJECT}:ecrPublic true",
            )
        elif host not in (*hosts, ECR_PUBLIC, images.AUTO):
            yield Problem(
                "verifyImages",
                image,
                f"names {image}, whose registry is not configured, so there is no login for it",
                f"images of {', '.join(hosts)}",
            )
