"""Nodes that pull by their own IAM role: all of mode `node-role`, and an addition to every other."""

from collections.abc import Sequence

from components.aws_reads import Access
from components.node_pull_policy import NodePullPolicy
from components.node_roles import AwsNodeRoles, find_node_roles
from settings import ConfigurationError, Settings

from .findings import fault


def find_nodes(settings: Settings) -> list[str]:
    """The names of the roles, those of the clusters included. Raises ConfigurationError for what AWS would refuse later."""
    source = AwsNodeRoles(Access(settings.region, profile=settings.aws_profile))
    roles, findings = find_node_roles(settings.node_roles, settings.node_clusters, source)
    if findings:
        raise ConfigurationError(settings.stack, [fault(finding) for finding in findings])
    return [role.name for role in roles]


def serve_nodes(
    settings: Settings, roles: Sequence[str], repository_arns: Sequence[str], pull_through_arns: Sequence[str]
) -> dict[str, object]:
    """Gives the roles the right to pull, if there are any. Gives the outputs that come of it."""
    if not roles:
        return {}
    made = NodePullPolicy(
        f"{settings.owner}-nodes",
        {"roles": roles, "repository_arns": repository_arns, "pull_through_arns": pull_through_arns},
    )
    return {"nodeRoles": made.roles}
