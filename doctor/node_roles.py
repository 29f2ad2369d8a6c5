"""Link `node-roles`: the right to pull, on the roles of nodes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import cast

from components.aws_reads import Missing
from components.policy import fetch_login, pull_through, pull_with_it
from lambda_src.refresher.registries import PUBLIC, parse_registry
from lambda_src.refresher.shapes import mapping
from modes.reaching import node_arns
from settings.partitions import partition_of

from .aws import name_of
from .link import Findings, Link, examine
from .rights import Right, inline_policies, lacking, rights_in
from .view import View
from .words import counted

NAME = "node-roles"


def look(view: View) -> Link:
    """Whether each role has it still, and the clusters have no other roles by now."""
    return examine(NAME, lambda found: _roles(view, found), lambda found: _clusters(view, found))


def _roles(view: View, found: Findings) -> None:
    roles = view.texts("nodeRoles")
    needed = _needed(view) if roles else []
    for role in roles:
        try:
            missing = lacking(inline_policies(view.aws, "role", role), needed)
        except Missing:
            found.broken(f"the node role {role} does not exist", view.up)
            continue
        if missing:
            found.broken(f"the node role {role} has no inline policy that allows {', '.join(missing)}", view.up)
    found.see(f"{counted(len(roles), 'role')} may pull" if roles else "none are served")


def _clusters(view: View, found: Findings) -> None:
    """Node groups that came after the last up."""
    served = view.texts("nodeRoles")
    for cluster in view.settings.node_clusters:
        try:
            for place, role in _of_cluster(view, cluster):
                if role not in served:
                    found.broken(
                        f"the role {role} of {place} of EKS cluster {cluster} is not served",
                        f"pulumi up --stack {view.stack}",
                    )
        except Missing:
            found.broken(f"the EKS cluster {cluster} does not exist", view.aws_cli("eks list-clusters"))


def _of_cluster(view: View, cluster: str) -> Iterator[tuple[str, str]]:
    described = view.aws.ask("eks", "describe_cluster", name=cluster)["cluster"]
    compute = mapping(described.get("computeConfig"))
    if compute.get("enabled") and compute.get("nodeRoleArn"):
        yield "Auto Mode", name_of(str(compute["nodeRoleArn"]))
    for group in _pages(view, "list_nodegroups", "nodegroups", cluster):
        answer = view.aws.ask("eks", "describe_nodegroup", clusterName=cluster, nodegroupName=group)
        yield f"node group {group}", name_of(str(answer["nodegroup"]["nodeRole"]))
    for profile in _pages(view, "list_fargate_profiles", "fargateProfileNames", cluster):
        answer = view.aws.ask("eks", "describe_fargate_profile", clusterName=cluster, fargateProfileName=profile)
        yield f"Fargate profile {profile}", name_of(str(answer["fargateProfile"]["podExecutionRoleArn"]))


def _pages(view: View, operation: str, key: str, cluster: str) -> list[str]:
    request: dict[str, object] = {"clusterName": cluster}
    names: list[str] = []
    while True:
        answer = view.aws.ask("eks", operation, **request)
        names += cast(Sequence[str], answer[key])
        if not answer.get("nextToken"):
            return names
        request["nextToken"] = answer["nextToken"]


def _needed(view: View) -> list[Right]:
    registries = tuple(parse_registry(host) for host in view.texts("registries") if host != PUBLIC.host)
    partition = partition_of(view.settings.region)
    pulled, cached = node_arns(replace(view.settings, registries=registries), partition)
    return rights_in([fetch_login(), pull_with_it(pulled), *([pull_through(cached)] if cached else [])])
