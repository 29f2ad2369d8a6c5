"""The cluster's issuer, made known to IAM."""

from typing import Any

import pulumi

from components.cluster_issuer import ClusterIssuer, ClusterIssuerArgs
from tests.components.recording import Recorder, record
from tests.components.roles import ISSUER


def built(**more: Any) -> Recorder:
    recorder = record()

    @pulumi.runtime.test
    def build() -> Any:
        return ClusterIssuer("test", ClusterIssuerArgs(url=ISSUER, owner="everpull-dev", **more)).arn

    build()
    return recorder


def test_iam_is_told_of_the_issuer_for_sts_alone_and_whose_it_is() -> None:
    assert built().one(":OpenIdConnectProvider").inputs == {
        "url": ISSUER,
        "clientIdLists": ["sts.amazonaws.com"],
        "tags": {"everpull:owner": "everpull-dev"},
    }


def test_the_engine_asks_before_it_tells_iam() -> None:
    def refused(_: str) -> None:
        raise AssertionError

    asking = built(before=refused).request("test-provider").hooks
    assert list(asking.before_create) == ["test-provider-before"]
    assert not built().request("test-provider").hooks.before_create
