"""EKS clusters: what keeps their service accounts from getting a role."""

from collections.abc import Sequence

import pytest

from components import eks_clusters
from components.aws_reads import Denied, Finding, Missing, Unanswered
from components.eks_clusters import AwsEksClusters, FoundCluster, check_unassociated, cluster_arn, find_cluster
from tests.components.aws_answers import REFUSALS, Client, answering, warnings

ISSUER = "https://oidc.example.com/a"
ALLOWED = "EKS clusters that whoever deploys may look at"
SHOW = "aws eks describe-cluster --query cluster.identity.oidc.issuer --output text --name main"


class Eks:
    def __init__(self, issuer: str | Exception = "", associations: Sequence[str] | Exception = ()) -> None:
        self._issuer, self._associations = issuer, associations

    def issuer(self, cluster: str) -> str:
        assert cluster == "main"
        if isinstance(self._issuer, Exception):
            raise self._issuer
        return self._issuer

    def associations(self, cluster: str, namespace: str, service_account: str) -> Sequence[str]:
        assert (cluster, namespace, service_account) == ("main", "everpull-dev", "refresher")
        if isinstance(self._associations, Exception):
            raise self._associations
        return self._associations


def finding(problem: str, example: str) -> Finding:
    return Finding("identity cluster", "main", problem, ALLOWED, example)


def test_an_arn_names_partition_region_account_and_cluster() -> None:
    assert cluster_arn("aws-cn", "cn-north-1", "1", "main") == "arn:aws-cn:eks:cn-north-1:1:cluster/main"


@pytest.mark.parametrize("needs", [True, False])
def test_a_cluster_tells_its_issuer(needs: bool) -> None:
    assert find_cluster("main", Eks(ISSUER), needs_issuer=needs) == FoundCluster(ISSUER)


@pytest.mark.parametrize("needs", [True, False])
def test_a_cluster_that_does_not_exist_is_a_finding(needs: bool) -> None:
    problem = "does not exist in this account and region"
    found = find_cluster("main", Eks(Missing("ResourceNotFoundException")), needs_issuer=needs)
    assert found == finding(problem, "aws eks list-clusters")


def test_a_cluster_without_an_issuer_is_a_finding_where_that_is_needed() -> None:
    assert find_cluster("main", Eks(""), needs_issuer=True) == finding("tells no OIDC issuer", SHOW)
    assert find_cluster("main", Eks(""), needs_issuer=False) == FoundCluster(None)


def test_a_cluster_that_can_not_be_asked_for_the_issuer_that_is_needed_is_a_finding_with_a_way_round() -> None:
    denied, unanswered = Denied("eks:DescribeCluster"), Unanswered("a session: ProfileNotFound")
    assert find_cluster("main", Eks(denied), needs_issuer=True) == finding(
        "can't be asked for its issuer, because eks:DescribeCluster was denied",
        "allow eks:DescribeCluster on the cluster, or set everpull:oidcIssuer instead, to what its administrator gets from "
        f"{SHOW}",
    )
    assert find_cluster("main", Eks(unanswered), needs_issuer=True) == finding(
        "can't be asked for its issuer (a session: ProfileNotFound)", "aws sts get-caller-identity"
    )


@pytest.mark.parametrize("reason", [Denied("eks:DescribeCluster"), Unanswered("a session: ProfileNotFound")])
def test_a_cluster_that_can_not_be_looked_at_is_else_a_warning(
    monkeypatch: pytest.MonkeyPatch, reason: Exception
) -> None:
    said = warnings(monkeypatch)
    assert find_cluster("main", Eks(reason), needs_issuer=False) == FoundCluster(None)
    assert said == [f"whether there is an EKS cluster main was not checked: {reason} was not possible"]


@pytest.mark.parametrize("answer", [(), Missing("ResourceNotFoundException")])
def test_a_service_account_without_an_association_may_get_one(answer: Sequence[str] | Exception) -> None:
    assert check_unassociated("main", "everpull-dev", "refresher", Eks(associations=answer)) is None


def test_a_service_account_with_an_association_is_a_finding_with_the_command_that_ends_it() -> None:
    assert check_unassociated("main", "everpull-dev", "refresher", Eks(associations=["a-1"])) == Finding(
        "identity cluster",
        "main",
        "has a Pod Identity association of service account everpull-dev/refresher that the stack's state does not have",
        "a cluster without it; a run that was cut off may have left it",
        "aws eks delete-pod-identity-association --cluster-name main --association-id a-1   (then pulumi up)",
    )


@pytest.mark.parametrize("reason", [Denied("eks:ListPodIdentityAssociations"), Unanswered("a session: NoRegionError")])
def test_associations_that_can_not_be_looked_at_are_a_warning(
    monkeypatch: pytest.MonkeyPatch, reason: Exception
) -> None:
    said = warnings(monkeypatch)
    assert check_unassociated("main", "everpull-dev", "refresher", Eks(associations=reason)) is None
    assert said == [
        f"whether everpull-dev/refresher has a Pod Identity association was not checked: {reason} was not possible"
    ]


DESCRIBE = {"name": "main"}
LIST = {"clusterName": "main", "namespace": "everpull-dev", "serviceAccount": "refresher"}


@pytest.mark.parametrize(
    ("cluster", "issuer"),
    [({"identity": {"oidc": {"issuer": ISSUER}}}, ISSUER), ({"identity": {"oidc": {}}}, ""), ({"name": "main"}, "")],
)
def test_clusters_are_read_as_who_deploys(
    monkeypatch: pytest.MonkeyPatch, cluster: dict[str, object], issuer: str
) -> None:
    client = Client("describe_cluster", DESCRIBE, {"cluster": cluster})
    assert AwsEksClusters(answering(monkeypatch, eks_clusters, "eks", client)).issuer("main") == issuer


def test_associations_are_read_as_who_deploys(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = {"associations": [{"associationId": "a-1", "namespace": "everpull-dev"}]}
    client = Client("list_pod_identity_associations", LIST, listed)
    clusters = AwsEksClusters(answering(monkeypatch, eks_clusters, "eks", client))
    assert clusters.associations("main", "everpull-dev", "refresher") == ["a-1"]


@pytest.mark.parametrize(("code", "raised", "text"), REFUSALS)
def test_a_refused_look_is_told_by_its_kind(
    monkeypatch: pytest.MonkeyPatch, code: str, raised: type[Exception], text: str
) -> None:
    access = answering(monkeypatch, eks_clusters, "eks", Client("describe_cluster", DESCRIBE, {}, code))
    with pytest.raises(raised, match=f"^{text.format('eks:DescribeCluster')}$"):
        AwsEksClusters(access).issuer("main")
    access = answering(monkeypatch, eks_clusters, "eks", Client("list_pod_identity_associations", LIST, {}, code))
    with pytest.raises(raised, match=f"^{text.format('eks:ListPodIdentityAssociations')}$"):
        AwsEksClusters(access).associations("main", "everpull-dev", "refresher")
