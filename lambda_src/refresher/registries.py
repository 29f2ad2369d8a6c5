"""Account and region of an Amazon ECR registry, read from its host name, and which registries one login opens."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# By the beginning of the region's name: the domain of its registries, and that of the dual-stack (IPv6) ones where there
# are any. The patterns are those by which kubelet's ecr-credential-provider and the ECR docker credential helper know a
# host; which region belongs to which domain is botocore's partitions.json.
_DOMAINS = {
    "cn-": ("amazonaws.com.cn", "on.amazonwebservices.com.cn"),
    "eusc-": ("amazonaws.eu", None),
    "us-iso-": ("c2s.ic.gov", None),
    "us-isob-": ("sc2s.sgov.gov", None),
    "eu-isoe-": ("cloud.adc-e.uk", None),
    "us-isof-": ("csp.hci.ic.gov", None),
}
_COMMERCIAL_AND_GOVCLOUD = ("amazonaws.com", "on.aws")

_HOST = re.compile(
    r"(?P<account>[0-9]{12})\.dkr(?P<dual_stack>[.-])ecr(?:-fips)?\.(?P<region>[a-z]{2,}(?:-[a-z]+)+-[0-9]+)\.(?P<domain>[a-z0-9.-]+)"
)


@dataclass(frozen=True)
class Registry:
    """An ECR registry. `host` is what image names begin with; one account has one private registry a region."""

    host: str
    account: str
    region: str


# ECR Public is nobody's, and its logins come from this region alone (Amazon ECR Public API Reference, GetAuthorizationToken).
PUBLIC = Registry(host="public.ecr.aws", account="", region="us-east-1")


@dataclass(frozen=True)
class Group:
    """Registries (at least one) that one login opens. It is fetched as `role` (ARN), None as whoever the refresher is.

    An ECR token opens every private registry its principal may reach in the token's own region, and none elsewhere (Amazon ECR
    User Guide, Private registry authentication). That of ECR Public opens ECR Public.
    """

    region: str
    registries: tuple[Registry, ...]
    role: str | None = None

    @property
    def is_public(self) -> bool:
        """Whether it is ECR Public."""
        return self.registries == (PUBLIC,)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The registries' hosts."""
        return tuple(registry.host for registry in self.registries)

    def __str__(self) -> str:
        if self.is_public:
            return "ECR Public"
        return f"ECR in {self.region}" + (f" as {self.role}" if self.role else "")


def parse_registry(host: str) -> Registry:
    """The registry behind `host`, such as 123456789012.dkr.ecr.eu-central-1.amazonaws.com.

    Takes a bare host: no scheme, path or port, and lower case, because kubelet compares it with image names letter by
    letter.
    Raises ValueError saying what is wrong with the host.
    """
    match = _HOST.fullmatch(host)
    if not match:
        raise ValueError(f"{host!r} is not the host of a private ECR registry (ACCOUNT.dkr.ecr.REGION.amazonaws.com)")
    region = match["region"]
    single, dual = next(
        (domains for prefix, domains in _DOMAINS.items() if region.startswith(prefix)), _COMMERCIAL_AND_GOVCLOUD
    )
    expected = dual if match["dual_stack"] == "-" else single
    if expected is None:
        raise ValueError(f"{host!r}: no dual-stack registry is known in {region}")
    if match["domain"] != expected:
        raise ValueError(f"{host!r}: a registry in {region} is at {expected}, not {match['domain']}")
    return Registry(host=host, account=match["account"], region=region)


def groups_of(registries: Iterable[Registry], roles: Mapping[str, str]) -> tuple[Group, ...]:
    """The registries in groups, both in the order of their first appearance. `roles` are ARNs by the account they log in to."""
    members: dict[tuple[str, str | None, bool], tuple[Registry, ...]] = {}
    for registry in registries:
        key = registry.region, roles.get(registry.account), registry == PUBLIC
        members[key] = (*members.get(key, ()), registry)
    return tuple(Group(region, together, role) for (region, role, _), together in members.items())
