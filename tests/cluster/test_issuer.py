"""Whose tokens the cluster's service accounts have, as far as the cluster tells."""

import pulumi
import pytest

from cluster import issuer
from cluster.issuer import DISCOVERY, find_issuer, issuer_of
from cluster.reader import ClusterReader, Unreachable
from settings import ClusterAccess
from tests.cluster.fakes import FakeCluster

ACCESS = ClusterAccess(None, None)


@pytest.mark.parametrize(
    ("objects", "found"),
    [({DISCOVERY: {"issuer": "https://a", "jwks_uri": "b"}}, "https://a"), ({DISCOVERY: {}}, None), ({}, None)],
)
def test_the_issuer_is_what_the_discovery_document_says(
    objects: dict[str, dict[str, object]], found: str | None
) -> None:
    assert find_issuer(FakeCluster(objects)) == found


def asked(monkeypatch: pytest.MonkeyPatch, reader: ClusterReader | None) -> tuple[str | None, list[str]]:
    said: list[str] = []

    def of(access: ClusterAccess) -> ClusterReader:
        assert access is ACCESS
        if reader is None:
            raise Unreachable("no usable kubeconfig")
        return reader

    monkeypatch.setattr(issuer.HttpClusterReader, "of", of)
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    return issuer_of(ACCESS), said


def test_the_clusters_issuer_is_asked_for_where_the_provider_would_go(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch, FakeCluster({DISCOVERY: {"issuer": "https://a"}})) == ("https://a", [])


def test_who_may_not_ask_is_told_and_a_cluster_out_of_reach_was_told_of_already(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = f"not checked, because the kubeconfig's user may not read {DISCOVERY}"
    assert asked(monkeypatch, FakeCluster(forbidden=(DISCOVERY,))) == (None, [text])
    assert asked(monkeypatch, None) == (None, [])
