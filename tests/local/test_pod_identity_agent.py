"""The stand-in for EKS's agent on nodes: what pods get from it, and what it tells the cluster."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import urllib3
from botocore.exceptions import ClientError, EndpointConnectionError

from local.cluster.pod_identity import CLUSTER, NAME, associations
from local.pod_identity.agent import CREDENTIALS, HEALTH, Agent

TOKEN = "a pod's token"
ENDS = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class EksAuth:
    """Knows one token."""

    def assume_role_for_pod_identity(self, *, clusterName: str, token: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert clusterName == CLUSTER
        if token == "unreachable":
            raise EndpointConnectionError(endpoint_url="http://aws")
        if token != TOKEN:
            error = {"Error": {"Code": "InvalidTokenException", "Message": "no"}}
            raise ClientError({**error, "ResponseMetadata": {"HTTPStatusCode": 400}}, "AssumeRoleForPodIdentity")
        key = {"accessKeyId": "ASIA1", "secretAccessKey": "secret", "sessionToken": "session", "expiration": ENDS}
        return {"credentials": key, "assumedRoleUser": {"arn": "arn:aws:sts::123456789012:assumed-role/r/s"}}


class Eks:
    """`listed` are the associations, None where there is no such cluster."""

    class exceptions:  # noqa: N801 - boto3's name
        class ResourceNotFoundException(Exception):
            pass

    def __init__(self) -> None:
        self.listed: list[tuple[str, str]] | None = None

    def list_pod_identity_associations(self, *, clusterName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        if self.listed is None:
            raise self.exceptions.ResourceNotFoundException
        return {"associations": [{"namespace": space, "serviceAccount": name} for space, name in self.listed]}


class Cluster:
    def __init__(self) -> None:
        self.applied: list[tuple[str, Any]] = []

    def apply(self, path: str, body: Any) -> None:
        self.applied.append((path, body))


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def eks() -> Eks:
    return Eks()


@pytest.fixture
def agent(cluster: Cluster, eks: Eks) -> Iterator[Agent]:
    with Agent(0, CLUSTER, EksAuth(), eks, cluster) as running:  # type: ignore[arg-type]
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def get(agent: Agent, path: str, token: str = "") -> tuple[int, Any]:
    address = f"http://127.0.0.1:{agent.server_address[1]}{path}"
    answer = urllib3.request("GET", address, headers={"Authorization": token}, retries=False)
    return answer.status, json.loads(answer.data)


def test_a_pods_token_gives_credentials_as_containers_expect_them(agent: Agent) -> None:
    status, found = get(agent, CREDENTIALS, TOKEN)
    assert status == 200
    assert found == {
        "AccessKeyId": "ASIA1",
        "SecretAccessKey": "secret",
        "Token": "session",
        "AccountId": "123456789012",
        "Expiration": "2026-01-02T03:04:05Z",
    }


@pytest.mark.parametrize(("token", "status"), [("another", 400), ("", 400), ("unreachable", 500)])
def test_what_aws_refuses_is_refused_with_its_reason(agent: Agent, token: str, status: int) -> None:
    found, document = get(agent, CREDENTIALS, token)
    assert found == status
    assert set(document) == {"message"}


def test_nothing_else_is_served(agent: Agent) -> None:
    assert get(agent, HEALTH)[0] == 200
    assert get(agent, "/v1/other")[0] == 404


def test_the_cluster_is_told_who_has_an_association_whenever_that_changes(
    agent: Agent, eks: Eks, cluster: Cluster
) -> None:
    path = f"/api/v1/namespaces/kube-system/configmaps/{NAME}"
    agent._list()
    eks.listed = []
    agent._list()
    assert cluster.applied == [(path, associations([]))]
    eks.listed = [("team", "b.c"), ("system", "a")]
    agent._list()
    agent._list()
    assert cluster.applied[1:] == [(path, associations([("system", "a"), ("team", "b.c")]))]
    assert set(cluster.applied[1][1]["data"]) == {"system.a", "team.b.c"}
    eks.listed = None
    agent._list()
    assert cluster.applied[2:] == [(path, associations([]))]
