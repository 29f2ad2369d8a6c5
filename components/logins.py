"""The logins that a refresher fetches: what they open, the rights that takes, and how the refresher is told."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi

from .arguments import part_of
from .encryption import EncryptionArgs
from .policy import fetch_login, pull_through, pull_with_it, statement

# Both know no resource. The bearer token's condition key sts:AWSServiceName is left out, because AWS documents no value of it
# for ECR Public, and its own policies have none there (AWS Managed Policy Reference,
# AmazonElasticContainerRegistryPublicReadOnly).
PUBLIC_LOGIN_ACTIONS = ("ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken")


class LoginArgs(TypedDict):
    """What the logins open, and by whose rights. ECR judges a pull by the rights of whoever fetched the login."""

    registries: Sequence[str]
    """Registry hosts that the logins open; the first is the main one, for readers that know one only."""

    repository_arns: Sequence[str]
    """ARNs (patterns allowed) of the repositories that pods may pull by the refresher's own rights. None where all of the
    registries' logins are fetched by roles."""

    pull_through_arns: NotRequired[Sequence[str]]
    """ARNs (patterns allowed) of repositories that pull-through caches fill, and by the refresher's own rights. None by
    default."""

    assume_roles: NotRequired[Sequence[str]]
    """ARNs of roles that fetch the login for the registries of their own accounts, one an account. None by default."""

    ecr_public: NotRequired[bool]
    """Whether ECR Public, which is then among the registries, takes a login of its own. Not by default."""

    verify_images: NotRequired[Sequence[str]]
    """Images whose pull is tried after each run: HOST/REPOSITORY:TAG, HOST/REPOSITORY@DIGEST, or HOST/REPOSITORY for any one of
    it. None by default."""

    may_list: NotRequired[bool]
    """Whether the refresher may look which images there are, to try any one of them. Not by default."""


class KeptLogin(EncryptionArgs):
    """A login, and who keeps it."""

    secret_arn: pulumi.Input[str]
    """ARN of the secret in Secrets Manager that holds it."""

    secret_region: str
    """AWS region of that secret."""

    refresher_arn: pulumi.Input[str]
    """ARN of the principal whose rights the login carries."""

    revision: str
    """Changes whenever the login must be read anew, whoever reads it."""


def logins_of(args: LoginArgs) -> LoginArgs:
    """What a delivery's arguments say of logins, and nothing else."""
    return part_of(LoginArgs, args)


def login_rights(args: LoginArgs) -> list[Mapping[str, object]]:
    """What the refresher's principal must be allowed; nothing of what roles do for it."""
    rights: list[Mapping[str, object]] = []
    if args["repository_arns"]:
        rights += [fetch_login(), pull_with_it(args["repository_arns"], and_list=args.get("may_list", False))]
    if caches := args.get("pull_through_arns"):
        rights.append(pull_through(caches))
    if roles := args.get("assume_roles"):
        rights.append(statement("AssumeRoles", ["sts:AssumeRole"], roles))
    if args.get("ecr_public"):
        rights.append(statement("FetchPublicLogin", PUBLIC_LOGIN_ACTIONS, ["*"]))
    return rights


def login_environment(args: LoginArgs) -> dict[str, str]:
    """The environment variables in which the refresher looks (lambda_src/refresher); none that would be empty."""
    lists = {
        "EVERPULL_REGISTRIES": args["registries"],
        "EVERPULL_ASSUME_ROLES": args.get("assume_roles", ()),
        "EVERPULL_VERIFY_IMAGES": args.get("verify_images", ()),
    }
    return {name: ",".join(items) for name, items in lists.items() if items}


def login_revision(args: LoginArgs, more: Sequence[str] = ()) -> str:
    """A short name for what the hub must hold, the same for the same registries, and roles that fetch their logins, in any
    order. `more` is what else makes another hub."""
    return _short([*sorted(args["registries"]), *sorted(args.get("assume_roles", ())), *more])


def revision_with(revision: str, more: Sequence[str]) -> str:
    """The name of a hub of that revision, which `more` makes another one; never that of a hub whose stack keeps its login."""
    return _short([revision, *more])


def _short(names: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:10]
