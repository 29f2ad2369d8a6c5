"""The right to pull, on the roles that EKS nodes have already."""

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from .policy import ROLE_POLICY_CHARACTERS, fetch_login, inline_document, pull_through, pull_with_it


class NodePullPolicyArgs(TypedDict):
    """Arguments of NodePullPolicy."""

    roles: Sequence[str]
    """Names of the nodes' IAM roles, without path; they must exist (see node_roles.find_node_roles)."""

    repository_arns: Sequence[str]
    """ARNs (patterns allowed) of the ECR repositories that the nodes may pull."""

    pull_through_arns: NotRequired[Sequence[str]]
    """ARNs (patterns allowed) of repositories that pull-through cache rules fill; nodes may pull these too. None by default."""


class NodePullPolicy(pulumi.ComponentResource):
    """One inline policy on each role, and nothing else: what the role has otherwise is neither read nor touched.

    Inline, because it goes with the stack and leaves nothing behind that could be attached elsewhere, and because a role takes
    ten managed policies by default, of which nodes commonly use several, while inline ones share 10,240 characters (IAM User
    Guide, IAM and AWS STS quotas). Its name is auto-named, so that it replaces no policy of the role and several stacks can
    serve the same nodes.
    """

    roles: pulumi.Output[list[str]]
    """Names of the roles, once each has its policy."""

    policy_names: pulumi.Output[dict[str, str]]
    """Name of the inline policy, by role."""

    def __init__(self, name: str, args: NodePullPolicyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:NodePullPolicy", name, None, opts)
        policy = _policy(args["repository_arns"], args.get("pull_through_arns", ()))
        policies = {
            role: aws.iam.RolePolicy(
                f"{name}-{role}", role=role, policy=policy, opts=pulumi.ResourceOptions(parent=self)
            )
            for role in dict.fromkeys(args["roles"])
        }
        self.roles = pulumi.Output.all(*[made.role for made in policies.values()]).apply(lambda roles: [*roles])
        self.policy_names = pulumi.Output.all(**{role: made.name for role, made in policies.items()}).apply(
            lambda names: {**names}
        )
        self.register_outputs({"roles": self.roles, "policy_names": self.policy_names})


def _policy(repository_arns: Sequence[str], pull_through_arns: Sequence[str]) -> str:
    statements = [fetch_login(), pull_with_it(repository_arns)]
    if pull_through_arns:
        statements.append(pull_through(pull_through_arns))
    return inline_document(ROLE_POLICY_CHARACTERS, *statements)
