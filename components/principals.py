"""What every IAM user and role of a stack is like, whatever it may do."""

from typing import NotRequired, TypedDict


class PrincipalArgs(TypedDict):
    """Where users and roles are, and what bounds them."""

    iam_path: NotRequired[str]
    """Path of each user and role, / by default. A role with another path is another role."""

    permissions_boundary: NotRequired[str]
    """ARN of the policy that bounds their rights. None by default."""


class PrincipalOptions(TypedDict, total=False):
    """The same as arguments of an `aws.iam.User` or `aws.iam.Role`."""

    path: str
    permissions_boundary: str


def principal_options(args: PrincipalArgs) -> PrincipalOptions:
    """Those that are set, and nothing of others, so that they don't change what is there."""
    options: PrincipalOptions = {}
    if "iam_path" in args:
        options["path"] = args["iam_path"]
    if "permissions_boundary" in args:
        options["permissions_boundary"] = args["permissions_boundary"]
    return options


def principal_revision(args: PrincipalArgs) -> dict[str, str]:
    """What must be proven anew when it changes, by its argument: another path is another role, and a boundary may take rights
    away. Empty where nothing is set."""
    return {name: str(value) for name, value in principal_options(args).items()}
