"""EKS clusters, looked at before their service accounts get a role."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import pulumi

from .aws_reads import Access, Denied, Finding, Missing, Unanswered, client, read

_DESCRIBE = "aws eks describe-cluster --query cluster.identity.oidc.issuer --output text --name"


class EksClusters(Protocol):
    """The little of EKS that the checks need. Each call raises Missing, Denied or Unanswered."""

    def issuer(self, cluster: str) -> str:
        """URL of the cluster's OpenID Connect issuer; empty where it tells none."""
        ...

    def associations(self, cluster: str, namespace: str, service_account: str) -> Sequence[str]:
        """Ids of the Pod Identity associations of a service account."""
        ...


@dataclass(frozen=True)
class FoundCluster:
    """A cluster that may be used, and its issuer, if that could be looked at."""

    issuer: str | None


def cluster_arn(partition: str, region: str, account: str, cluster: str) -> str:
    """ARN of an EKS cluster (Service Authorization Reference, Amazon EKS)."""
    return f"arn:{partition}:eks:{region}:{account}:cluster/{cluster}"


def find_cluster(cluster: str, clusters: EksClusters, *, needs_issuer: bool) -> FoundCluster | Finding:
    """The cluster, or what keeps it from being used. Where its issuer is not needed, a cluster that can't be looked at is a
    warning."""
    try:
        issuer = clusters.issuer(cluster)
    except Missing:
        return _finding(cluster, "does not exist in this account and region", "aws eks list-clusters")
    except (Denied, Unanswered) as reason:
        if needs_issuer:
            return _unseen(cluster, reason)
        pulumi.log.warn(f"whether there is an EKS cluster {cluster} was not checked: {reason} was not possible")
        return FoundCluster(None)
    if needs_issuer and not issuer:
        return _finding(cluster, "tells no OIDC issuer", f"{_DESCRIBE} {cluster}")
    return FoundCluster(issuer or None)


def check_unassociated(cluster: str, namespace: str, service_account: str, clusters: EksClusters) -> Finding | None:
    """What keeps the service account from being associated with a role: it can be with one only. What can't be looked at is a
    warning."""
    place = f"{namespace}/{service_account}"
    try:
        found = clusters.associations(cluster, namespace, service_account)
    except Missing:
        # No such cluster, of which somebody else tells.
        return None
    except (Denied, Unanswered) as reason:
        pulumi.log.warn(f"whether {place} has a Pod Identity association was not checked: {reason} was not possible")
        return None
    if not found:
        return None
    return _finding(
        cluster,
        f"has a Pod Identity association of service account {place} that the stack's state does not have",
        f"aws eks delete-pod-identity-association --cluster-name {cluster} --association-id {found[0]}   (then pulumi up)",
        allowed="a cluster without it; a run that was cut off may have left it",
    )


def _unseen(cluster: str, reason: Exception) -> Finding:
    if isinstance(reason, Denied):
        instead = (
            f"allow {reason} on the cluster, or set everpull:oidcIssuer instead, to what its administrator gets from "
        )
        return _finding(
            cluster, f"can't be asked for its issuer, because {reason} was denied", f"{instead}{_DESCRIBE} {cluster}"
        )
    return _finding(cluster, f"can't be asked for its issuer ({reason})", "aws sts get-caller-identity")


def _finding(
    cluster: str, problem: str, example: str, allowed: str = "EKS clusters that whoever deploys may look at"
) -> Finding:
    return Finding("identity cluster", cluster, problem, allowed, example)


class _Eks(Protocol):
    """What is used of boto3's EKS client."""

    def describe_cluster(self, *, name: str) -> Mapping[str, object]: ...

    def list_pod_identity_associations(
        self,
        *,
        clusterName: str,  # noqa: N803 - boto3's names
        namespace: str,
        serviceAccount: str,  # noqa: N803
    ) -> Mapping[str, object]: ...


class AwsEksClusters:
    """EksClusters on EKS, by boto3; `access` must mean the account and region of the provider that will act."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def issuer(self, cluster: str) -> str:
        """URL of the cluster's OpenID Connect issuer; empty where it tells none. Raises Missing, Denied, Unanswered."""
        eks = cast(_Eks, client(self._access, "eks"))
        match read("eks:DescribeCluster", lambda: eks.describe_cluster(name=cluster)):
            case {"cluster": {"identity": {"oidc": {"issuer": str(issuer)}}}}:
                return issuer
            case _:
                return ""

    def associations(self, cluster: str, namespace: str, service_account: str) -> Sequence[str]:
        """Ids of the Pod Identity associations of a service account, of which there is one at most. Raises Missing, Denied,
        Unanswered."""
        eks = cast(_Eks, client(self._access, "eks"))
        answer = read(
            "eks:ListPodIdentityAssociations",
            lambda: eks.list_pod_identity_associations(
                clusterName=cluster, namespace=namespace, serviceAccount=service_account
            ),
        )
        return [str(item["associationId"]) for item in cast(Sequence[Mapping[str, object]], answer["associations"])]
