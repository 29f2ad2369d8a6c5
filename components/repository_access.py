"""Repositories that other accounts, or principals of this one, may pull."""

from collections.abc import Sequence
from typing import TypedDict

import pulumi
import pulumi_aws as aws

from .policy import document, fetch_login, pull_with_it
from .repository_policies import parse_repository, pull_statement


class RepositoryAccessArgs(TypedDict):
    """Arguments of RepositoryAccess."""

    repository_arns: Sequence[str]
    """ARNs of repositories, all of the account that the provider acts in; no patterns, since each has a policy of its own."""

    principals: Sequence[pulumi.Input[str]]
    """Who may pull: account numbers, or ARNs of accounts, roles and users. Roles and users must exist when this is deployed."""

    sid: str
    """Sid of the statement, by which it is known as this stack's (see repository_policies.statement_id)."""


class RepositoryAccess(pulumi.ComponentResource):
    """The repositories' side of pulling across accounts, and the text of the other side.

    AWS keeps one policy document a repository, and this component owns it whole: a policy with statements of somebody else has
    to be refused before (see repository_policies.check_repositories), and destroy deletes the document. For repositories of
    another account `opts` carries the provider that acts there.
    """

    repositories: pulumi.Output[list[str]]
    """ARNs of the repositories, once each has its policy."""

    identity_policy: pulumi.Output[str]
    """The policy that the pulling account has to give its pulling principals: across accounts both sides must allow (IAM User
    Guide, Cross-account policy evaluation logic)."""

    def __init__(self, name: str, args: RepositoryAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:RepositoryAccess", name, None, opts)
        arns = [*dict.fromkeys(args["repository_arns"])]
        policies = [self._open(name, arn, args) for arn in arns]
        self.repositories = pulumi.Output.all(*[policy.id for policy in policies]).apply(lambda _: arns)
        self.identity_policy = pulumi.Output.from_input(document(fetch_login(), pull_with_it(arns)))
        self.register_outputs({"repositories": self.repositories, "identity_policy": self.identity_policy})

    def _open(self, name: str, arn: str, args: RepositoryAccessArgs) -> aws.ecr.RepositoryPolicy:
        repository = parse_repository(arn)
        return aws.ecr.RepositoryPolicy(
            f"{name}-{repository.region}/{repository.name}",
            repository=repository.name,
            region=repository.region,
            policy=pulumi.Output.all(*args["principals"]).apply(
                lambda principals: document(pull_statement(args["sid"], repository.partition, principals))
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
