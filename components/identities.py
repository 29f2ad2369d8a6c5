"""How the cluster proves itself to AWS: with an access key, or as a service account that a role trusts.

Deliveries hand on what they are told of it whole, and get what their objects need, whichever it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import EnvVarArgsDict

from .arguments import part_of
from .cluster_identity import ACCESS_KEY_VARIABLE, AccessKeyArgs, ClusterIdentity, ClusterIdentityArgs
from .generations import mark_of_generation
from .policy import ROLE_POLICY_CHARACTERS, USER_POLICY_CHARACTERS, inline_document
from .principals import PrincipalArgs, principal_revision
from .service_account_role import (
    AUDIENCE,
    POD_ROLE_VARIABLE,
    ROLE_VARIABLE,
    ServiceAccountRole,
    ServiceAccountRoleArgs,
    TrustArgs,
)
from .store_account import StoreAccount

# The mark of what reads by a service account's token.
TOKEN_MARK = "irsa"  # noqa: S105 - a part of names

# In which of its variables a pod tells what it proves itself with.
IDENTITY_VARIABLES = (ACCESS_KEY_VARIABLE, ROLE_VARIABLE, POD_ROLE_VARIABLE)


class IdentityArgs(AccessKeyArgs, TrustArgs, PrincipalArgs):
    """What a delivery is told of the identity. Without issuer and cluster it is an access key."""


class HolderArgs(IdentityArgs, ClusterIdentityArgs, ServiceAccountRoleArgs):
    """Arguments of an identity of either kind. Those that only the other kind has are not looked at."""


@dataclass(frozen=True)
class Identity:
    """A user with a key, or a role."""

    arn: pulumi.Output[str]
    """ARN of the user or role."""

    key_created: pulumi.Output[str] | None
    """When the access key was made (RFC 3339). A role has none."""

    made: pulumi.Resource
    """What there is to wait for."""


@dataclass(frozen=True)
class StoreIdentity(Identity):
    """One for ESO."""

    auth: pulumi.Output[dict[str, object]]
    """The `auth` block of a store or generator in the namespace (ESO API reference, AWSAuth)."""


@dataclass(frozen=True)
class PodIdentity(Identity):
    """One for pods of the service account."""

    environment: pulumi.Output[list[EnvVarArgsDict]]
    """The `env` entries of a container in the namespace."""

    revision: pulumi.Output[str]
    """Changes whenever the credentials, or who may have them, do. No secret."""

    token_audience: str = ""
    """Audience of the service account's token that the container needs at TOKEN_FOLDER/TOKEN_FILE; empty for none."""

    in_new_pods: bool = False
    """Whether a pod that was made before AWS knew all about it never gets it."""


def identity_of(args: IdentityArgs) -> IdentityArgs:
    """What a delivery's arguments say of the identity, and nothing else."""
    return part_of(IdentityArgs, args)


def is_role(args: TrustArgs) -> bool:
    """Whether it is a role, and no user with a key."""
    return "oidc_issuer" in args or "eks_cluster_arn" in args


def identity_mark(args: IdentityArgs) -> str:
    """Tells identities apart in names of what ESO reads by: nothing for the first access key, which was there before others
    were, its number for a later one, and TOKEN_MARK."""
    return TOKEN_MARK if is_role(args) else mark_of_generation(args.get("access_key_generation", 1))


def identity_revision(args: IdentityArgs) -> list[str]:
    """What must be proven anew when it changes: whose tokens a role trusts, and what principal_revision says of principals."""
    return [*([args["oidc_issuer"]] if "oidc_issuer" in args else []), *principal_revision(args).values()]


def rights_document(args: TrustArgs, *statements: Mapping[str, object]) -> str:
    """The policy of the user or role that the identity is. Raises PolicyTooLong."""
    return inline_document(ROLE_POLICY_CHARACTERS if is_role(args) else USER_POLICY_CHARACTERS, *statements)


def store_identity(delivery: str, args: HolderArgs, opts: pulumi.ResourceOptions) -> StoreIdentity:
    """One for ESO. Where it is a role the service account is made too, and nothing but ESO is to use it."""
    name = f"{delivery}-cluster"
    if not is_role(args):
        key = ClusterIdentity(name, part_of(ClusterIdentityArgs, args), opts)
        return StoreIdentity(key.user_arn, key.key_created, key, key.store_auth)
    role = ServiceAccountRole(name, part_of(ServiceAccountRoleArgs, args), opts)
    account = StoreAccount(
        f"{name}-store",
        {
            "account": args["service_account"],
            "namespace": args["namespace"],
            "role_arn": role.role_arn,
            "labels": args["labels"],
        },
        opts,
    )
    return StoreIdentity(role.role_arn, None, account, account.auth)


def pod_identity(delivery: str, args: HolderArgs, opts: pulumi.ResourceOptions) -> PodIdentity:
    """One for pods of the service account, which somebody else makes."""
    name = f"{delivery}-cluster"
    if not is_role(args):
        key = ClusterIdentity(name, part_of(ClusterIdentityArgs, args), opts)
        return PodIdentity(key.user_arn, key.key_created, key, key.environment, key.revision)
    by_token = "eks_cluster_arn" not in args
    # Two roles, because one whose trust is exchanged would shut out who uses it now, before the other way is proven.
    role = ServiceAccountRole(name if by_token else f"{delivery}-pods", part_of(ServiceAccountRoleArgs, args), opts)
    return PodIdentity(
        role.role_arn,
        None,
        role,
        role.environment,
        role.revision,
        token_audience=AUDIENCE if by_token else "",
        in_new_pods=not by_token,
    )
