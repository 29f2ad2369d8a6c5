"""Repositories that others may pull, in every mode."""

import pulumi
import pulumi_aws as aws

from components.policy import repository_arn
from components.repository_access import RepositoryAccess
from components.repository_policies import EcrRepositoryPolicies, check_repositories, statement_id
from settings import ConfigurationError, Fault, Settings

from .findings import fault


def find_shared(settings: Settings, partition: str, account: str) -> dict[str, list[str]]:
    """ARNs of the repositories by the account that owns them. Raises ConfigurationError for what must not be written.

    `account` is the deploying one: its own repositories need no role, and it is who may pull where nobody is named.
    """
    shared: dict[str, list[str]] = {}
    faults: list[Fault] = []
    for repository in settings.sharing.repositories:
        registry = repository.registry
        arn = repository_arn(partition, registry.region, registry.account, repository.name)
        shared.setdefault(registry.account, []).append(arn)
    for owner, arns in shared.items():
        role = settings.sharing.owner_roles.get(owner)
        if role is None and owner != account:
            faults.append(_without_a_role(owner, arns))
            continue
        policies = EcrRepositoryPolicies(settings.aws_profile, role)
        found = check_repositories(arns, statement_id(settings.owner), _principals(settings, account), policies)
        faults += [fault(finding) for finding in found]
    if faults:
        raise ConfigurationError(settings.stack, faults)
    return shared


def share(settings: Settings, shared: dict[str, list[str]], account: str) -> dict[str, object]:
    """Opens the repositories. Gives them, and by account the policy that whoever pulls needs as well."""
    made = {owner: _open(settings, owner, arns, account) for owner, arns in shared.items()}
    if not made:
        return {}
    opened = pulumi.Output.all(*[access.repositories for access in made.values()])
    return {
        "sharedRepositories": opened.apply(lambda lists: [arn for arns in lists for arn in arns]),
        "pullerPolicies": {owner: access.identity_policy for owner, access in made.items()},
    }


def _open(settings: Settings, owner: str, arns: list[str], account: str) -> RepositoryAccess:
    role = settings.sharing.owner_roles.get(owner)
    opts = None
    if role is not None:
        theirs = aws.Provider(
            f"{settings.owner}-{owner}",
            region=settings.region,
            profile=settings.aws_profile,
            assume_roles=[{"role_arn": role}],
        )
        opts = pulumi.ResourceOptions(providers=[theirs])
    return RepositoryAccess(
        f"{settings.owner}-shared-{owner}",
        {
            "repository_arns": arns,
            "principals": _principals(settings, account),
            "sid": statement_id(settings.owner),
        },
        opts,
    )


def _principals(settings: Settings, account: str) -> list[str]:
    return list(settings.sharing.principals) or [account]


def _without_a_role(owner: str, arns: list[str]) -> Fault:
    return Fault(
        "everpull:sharedRepositories",
        arns[0],
        f"is of account {owner}, for which everpull:ownerRoles names no role",
        "a role of each other account whose repositories are shared",
        f"pulumi config set --path 'everpull:ownerRoles[0]' arn:aws:iam::{owner}:role/everpull-writer",
    )
