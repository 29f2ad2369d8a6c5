"""The IAM roles that EKS nodes pull with: those that are named, and those that a cluster tells of."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

import pulumi
import pulumi_aws as aws

from .aws_reads import Access, Denied, Finding, Missing, Unanswered, client, read

T = TypeVar("T")

# How the provider words what is not there, and AWS what is not allowed (IAM User Guide, "Troubleshoot access denied error
# messages"). Its functions fail with a bare Exception that has nothing but text.
_ABSENT = re.compile(r"couldn't find resource|NoSuchEntity|ResourceNotFoundException")
_DENIED = re.compile(r"AccessDenied|is not authorized to perform")
_SERVICE_LINKED = "/aws-service-role/"
_LIST_ROLES = "aws iam list-roles --query 'Roles[].RoleName'"


class NodeRoleSource(Protocol):
    """The little of IAM and EKS that the search needs. Each call raises Missing, Denied or Unanswered."""

    def role_path(self, name: str) -> str:
        """The IAM path of a role."""
        ...

    def auto_mode_role(self, cluster: str) -> str | None:
        """ARN of the node role of EKS Auto Mode; None where it is off."""
        ...

    def node_group_roles(self, cluster: str) -> Mapping[str, str]:
        """ARN of the node role, by managed node group."""
        ...

    def fargate_roles(self, cluster: str) -> Mapping[str, str]:
        """ARN of the pod execution role, by Fargate profile: kubelet pulls with it there."""
        ...


@dataclass(frozen=True)
class NodeRole:
    """A role by name, and every place that named it, such as `node group workers of cluster main`."""

    name: str
    found_in: tuple[str, ...]


def find_node_roles(
    listed: Sequence[str], clusters: Sequence[str], source: NodeRoleSource
) -> tuple[list[NodeRole], list[Finding]]:
    """Each role once, listed ones first, and everything that keeps them from getting a policy.

    Nodes that a cluster does not tell of (self-managed ones, Karpenter's, NodeClasses' own) have to be listed. Roles that
    the caller may not look at are warned of and kept; a cluster that it may not look at is a finding, since without its roles
    the plan would take their policies away.
    """
    places: dict[str, list[str]] = {}
    for name in listed:
        places.setdefault(name, []).append("the list")
    findings: list[Finding] = []
    for cluster in clusters:
        try:
            found = dict(_roles_of(cluster, source))
        except (Missing, Denied, Unanswered) as reason:
            findings.append(_unsearchable(cluster, reason))
            continue
        if not found:
            findings.append(_without_nodes(cluster))
        for place, arn in found.items():
            # The name alone, a role's path is no part of it (IAM User Guide, IAM identifiers).
            places.setdefault(arn.rpartition("/")[2], []).append(f"{place} of cluster {cluster}")
    roles = [NodeRole(name, tuple(found_in)) for name, found_in in places.items()]
    return roles, findings + list(_unfit(roles, source))


def _roles_of(cluster: str, source: NodeRoleSource) -> Iterable[tuple[str, str]]:
    auto_mode = source.auto_mode_role(cluster)
    if auto_mode:
        yield "Auto Mode", auto_mode
    for group, arn in source.node_group_roles(cluster).items():
        yield f"node group {group}", arn
    for profile, arn in source.fargate_roles(cluster).items():
        yield f"Fargate profile {profile}", arn


def _unfit(roles: Sequence[NodeRole], source: NodeRoleSource) -> Iterable[Finding]:
    unseen: dict[str, list[str]] = {}
    for role in roles:
        try:
            path = source.role_path(role.name)
        except Missing:
            yield Finding(
                "role",
                role.name,
                f"does not exist in this account ({', '.join(role.found_in)})",
                "names of IAM roles, without path or ARN",
                _LIST_ROLES,
            )
        except (Denied, Unanswered) as reason:
            unseen.setdefault(str(reason), []).append(role.name)
        else:
            if path.startswith(_SERVICE_LINKED):
                yield Finding(
                    "role",
                    role.name,
                    f"is a service-linked role, which AWS alone may change ({', '.join(role.found_in)})",
                    "the role in the nodes' instance profile",
                    _LIST_ROLES,
                )
    for reason, names in unseen.items():
        pulumi.log.warn(f"not checked whether {', '.join(names)} exists: {reason} was not possible")


def _unsearchable(cluster: str, reason: Exception) -> Finding:
    problem, example = "does not exist in this account and region", "aws eks list-clusters"
    if isinstance(reason, Denied):
        problem = f"can't be searched for node roles, because {reason} was denied"
        example = f"allow {reason} on the cluster, or list its node roles by name"
    elif isinstance(reason, Unanswered):
        problem, example = f"can't be searched for node roles ({reason})", "aws sts get-caller-identity"
    return Finding("cluster", cluster, problem, "EKS clusters that whoever deploys may look at", example)


def _without_nodes(cluster: str) -> Finding:
    return Finding(
        "cluster",
        cluster,
        "has no managed node group, no Auto Mode and no Fargate profile that would tell a node role",
        "clusters that tell their node roles; others' roles (self-managed, Karpenter) are listed by name",
        f"aws eks list-access-entries --cluster-name {cluster}",
    )


class _Fargate(Protocol):
    """What is used of boto3's EKS client."""

    def list_fargate_profiles(self, **request: str) -> Mapping[str, object]: ...

    def describe_fargate_profile(
        self,
        *,
        clusterName: str,  # noqa: N803 - boto3's names
        fargateProfileName: str,  # noqa: N803
    ) -> Mapping[str, Mapping[str, object]]: ...


class AwsNodeRoles:
    """A NodeRoleSource on AWS: the provider's functions, and boto3 for Fargate profiles, which pulumi-aws 7.51 has none for.

    `opts` picks the provider, `access` must mean the same account and region.
    """

    def __init__(self, access: Access, opts: pulumi.InvokeOptions | None = None) -> None:
        self._access = access
        self._opts = opts

    def role_path(self, name: str) -> str:
        """The IAM path of a role."""
        return _ask("iam:GetRole", lambda: aws.iam.get_role(name=name, opts=self._opts)).path

    def auto_mode_role(self, cluster: str) -> str | None:
        """ARN of the node role of EKS Auto Mode; None where it is off."""
        found = _ask(
            "eks:DescribeCluster",
            lambda: aws.eks.get_cluster(name=cluster, region=self._access.region, opts=self._opts),
        )
        roles = [config.node_role_arn for config in found.compute_configs if config.enabled]
        return roles[0] if roles and roles[0] else None

    def node_group_roles(self, cluster: str) -> Mapping[str, str]:
        """ARN of the node role, by managed node group."""
        region, opts = self._access.region, self._opts
        groups = _ask(
            "eks:ListNodegroups",
            lambda: aws.eks.get_node_groups(cluster_name=cluster, region=region, opts=opts),
        )
        return {
            group: _ask(
                "eks:DescribeNodegroup",
                lambda group=group: aws.eks.get_node_group(
                    cluster_name=cluster, node_group_name=group, region=region, opts=opts
                ),
            ).node_role_arn
            for group in groups.names
        }

    def fargate_roles(self, cluster: str) -> Mapping[str, str]:
        """ARN of the pod execution role, by Fargate profile."""
        eks = cast(_Fargate, client(self._access, "eks"))
        names: list[str] = []
        request = {"clusterName": cluster}
        while True:
            answer = read("eks:ListFargateProfiles", lambda: eks.list_fargate_profiles(**request))
            names += cast(list[str], answer["fargateProfileNames"])
            if not answer.get("nextToken"):
                break
            request["nextToken"] = str(answer["nextToken"])
        roles: dict[str, str] = {}
        for name in names:
            profile = read(
                "eks:DescribeFargateProfile",
                lambda name=name: eks.describe_fargate_profile(clusterName=cluster, fargateProfileName=name),
            )
            roles[name] = str(profile["fargateProfile"]["podExecutionRoleArn"])
        return roles


def _ask(action: str, function: Callable[[], T]) -> T:
    """What a function of the provider answers. Raises Missing, Denied; whatever else went wrong passes as it is."""
    try:
        return function()
    except Exception as error:
        # Nothing narrower is raised, see _ABSENT.
        text = str(error)
        if _ABSENT.search(text):
            raise Missing from None
        if _DENIED.search(text):
            raise Denied(action) from None
        raise
