"""One stack keeps the login of two clusters' worth of namespaces: each half in a stack of its own, on the one local cluster."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.resources.core_v1 import Secret

from local.driver import aws
from local.driver.stack import PulumiError, Stack
from local.driver.workloads import ensure_namespace, wait_until
from local.state import PlatformState
from tests.live.deployment import Deployed, Deployment
from tests.live.test_side_by_side import in_aws, in_cluster

KEEPER, CLUSTERS = "fleet", ("fleet-one", "fleet-two")
OTHER_REGION = "eu-west-1"


@dataclass
class Fleet:
    """The stack that keeps the login, and those of the clusters."""

    state: PlatformState
    keeper: Stack
    config: dict[str, object]
    outputs: dict[str, Any]
    clusters: list[Deployment]


@contextmanager
def brought_up(state: PlatformState, name: str, config: dict[str, object]) -> Iterator[Stack]:
    stack = Stack(state, name, config)
    stack.init()
    try:
        stack.up()
        yield stack
    finally:
        stack.destroy()
        stack.remove()


@contextmanager
def cluster(state: PlatformState, kube: Client, name: str, image: str) -> Iterator[Deployment]:
    """A stack with the half of a cluster, in two namespaces. What it is asked of the login is in the outputs of both halves."""
    namespaces = [f"{name}-a", f"{name}-b"]
    for namespace in namespaces:
        ensure_namespace(kube, namespace)
    config: dict[str, object] = {
        "aws:region": state.region,
        "everpull:scope": "cluster",
        "everpull:awsStack": KEEPER,
        "everpull:namespaces": namespaces,
    }
    stack = Stack(state, name, config)
    stack.init()
    try:
        first_up = stack.up()
        yield Deployment(state, kube, stack, config, namespaces, image, first_up, stack.outputs())
    finally:
        stack.destroy()
        stack.remove()


@pytest.fixture(scope="module")
def fleet(platform: PlatformState, kube: Client) -> Iterator[Fleet]:
    image = aws.seed_image(platform, f"{KEEPER}/app", "1", f"hello from {KEEPER}")
    config: dict[str, object] = {
        "aws:region": platform.region,
        "everpull:scope": "aws",
        "everpull:repositories": [f"{KEEPER}/*"],
    }
    with ExitStack() as open_stacks:
        keeper = open_stacks.enter_context(brought_up(platform, KEEPER, config))
        clusters = [open_stacks.enter_context(cluster(platform, kube, name, image)) for name in CLUSTERS]
        yield Fleet(platform, keeper, config, keeper.outputs(), clusters)


def test_pods_pull_in_every_namespace_of_every_cluster(fleet: Fleet) -> None:
    for deployed in fleet.clusters:
        for namespace in deployed.namespaces:
            pull = deployed.pull(namespace)
            assert pull.pulled, f"{namespace}: {pull.message}"
    names = {deployed.outputs["pullSecretName"] for deployed in fleet.clusters}
    assert len(names) == len(CLUSTERS)


def test_there_is_one_function_and_one_secret_and_no_key_but_the_clusters_own(fleet: Fleet, kube: Client) -> None:
    keeper = in_aws(fleet.state, KEEPER)
    # Names of the clusters' stacks begin as the keeper's does.
    assert [len(keeper[kind]) for kind in ("functions", "secrets", "rules", "queues")] == [1, 1, 1, 1]
    assert not any(in_cluster(kube, KEEPER).values())
    users = {deployed.outputs["identityArn"].rpartition("/")[2] for deployed in fleet.clusters}
    assert set(keeper["users"]) == users
    assert len(users) == len(CLUSTERS)
    state = fleet.keeper.export()
    assert "accessKey" not in state
    assert "ciphertext" not in state
    for deployed in fleet.clusters:
        others = users - {deployed.outputs["identityArn"].rpartition("/")[2]}
        assert not any(user in deployed.stack.export() for user in others)


def test_each_cluster_reads_the_secret_and_calls_nothing_else(fleet: Fleet) -> None:
    for deployed in fleet.clusters:
        calls = aws.calls_of(fleet.state, deployed.outputs["identityArn"])
        assert set(calls) == {"secretsmanager:GetSecretValue"}
    assert aws.calls_of(fleet.state, fleet.outputs["refresherArn"])["ecr:GetAuthorizationToken"] >= 1


def test_no_stack_has_anything_to_change(fleet: Fleet) -> None:
    assert fleet.keeper.preview("--refresh").changes == {}
    for deployed in fleet.clusters:
        assert deployed.stack.preview("--refresh").changes == {}


def test_a_new_login_reaches_every_cluster(fleet: Fleet) -> None:
    answer = aws.client(fleet.state, "lambda").invoke(
        FunctionName=fleet.outputs["functionName"], Payload=json.dumps({"reason": "test", "force": True}).encode()
    )
    assert "FunctionError" not in answer, answer["Payload"].read()
    for deployed in fleet.clusters:
        deployed.sync()
        assert all(deployed.holds_current_login(namespace) for namespace in deployed.namespaces)
        assert deployed.pull().pulled


def test_another_registry_is_read_by_itself_and_proven_by_the_next_up(fleet: Fleet) -> None:
    own = f"{fleet.state.account}.dkr.ecr.{fleet.state.region}.amazonaws.com"
    other = own.replace(fleet.state.region, OTHER_REGION)
    image = aws.seed_image(fleet.state, f"{KEEPER}/app", "1", "hello from elsewhere", region=OTHER_REGION)
    one, two = fleet.clusters
    before = one.outputs["hub"]
    fleet.keeper.configure({**fleet.config, "everpull:registries": [own, other]})
    try:
        fleet.keeper.up()
        two.sync()
        assert set(two.docker_config(two.namespaces[0])["auths"]) == {own, other}
        assert two.pull(image=image).pulled
        one.stack.up()
        one.outputs = one.stack.outputs()
        assert one.outputs["hub"] != before
        assert one.outputs["registries"] == [own, other]
        for namespace in one.namespaces:
            assert one.pull(namespace, image).pulled
        assert one.stack.refresh().changes == {}
    finally:
        fleet.keeper.configure(fleet.config)
        fleet.keeper.up()
        one.stack.up()
        one.outputs = one.stack.outputs()
    assert one.outputs["hub"] == before
    assert one.pull().pulled


def test_another_key_of_one_cluster_is_no_matter_of_the_other(fleet: Fleet) -> None:
    one, two = fleet.clusters
    key = aws.client(fleet.state, "iam").list_access_keys(UserName=two.outputs["identityArn"].rpartition("/")[2])
    with one.configured(accessKeyGeneration=2):
        one.stack.up()
        assert one.pull().pulled
    one.outputs = one.stack.outputs()
    now = aws.client(fleet.state, "iam").list_access_keys(UserName=two.outputs["identityArn"].rpartition("/")[2])
    assert key["AccessKeyMetadata"] == now["AccessKeyMetadata"]
    assert two.stack.preview().changes == {}
    assert two.pull().pulled


def test_a_cluster_that_leaves_takes_its_identity_along_and_the_others_go_on(fleet: Fleet, kube: Client) -> None:
    image, name = fleet.clusters[0].image, "fleet-three"
    with cluster(fleet.state, kube, name, image) as third:
        assert third.pull().pulled
        assert len(in_aws(fleet.state, name)["users"]) == 1
    assert not any(in_aws(fleet.state, name).values())
    wait_until(lambda: not any(in_cluster(kube, name).values()), "nothing is left in the cluster")
    assert fleet.keeper.preview("--refresh").changes == {}
    assert fleet.clusters[0].pull().pulled


def pull_secret(kube: Client, deployed: Deployed) -> Secret:
    found = deployed.pull_secret(deployed.namespaces[0])
    assert found
    return found


def test_a_stack_with_both_halves_gives_its_login_away_and_keeps_its_pull_secrets(fleet: Fleet, kube: Client) -> None:
    name = "fleet-moved"
    ensure_namespace(kube, f"{name}-a")
    whole: dict[str, object] = {
        "aws:region": fleet.state.region,
        "everpull:repositories": [f"{KEEPER}/*"],
        "everpull:namespaces": [f"{name}-a"],
    }
    with brought_up(fleet.state, name, whole) as stack:
        deployed = Deployed(
            fleet.state, kube, stack, whole, [f"{name}-a"], fleet.clusters[0].image, stack.up(), stack.outputs()
        )
        before, user = pull_secret(kube, deployed), deployed.outputs["identityArn"]
        half = {"everpull:scope": "cluster", "everpull:awsStack": KEEPER}
        stack.configure({key: value for key, value in whole.items() if key != "everpull:repositories"} | half)
        stack.up()
        deployed.outputs = stack.outputs()
        assert deployed.pull().pulled
        after = pull_secret(kube, deployed)
        assert before.metadata
        assert after.metadata
        assert (before.metadata.uid, user) == (after.metadata.uid, deployed.outputs["identityArn"])
        left = in_aws(fleet.state, name)
        assert {kind for kind, names in left.items() if names} == {"users"}
        assert stack.preview("--refresh").changes == {}
        stack.configure(whole)
        stack.up()
        assert deployed.pull().pulled
        after = pull_secret(kube, deployed)
        assert after.metadata
        assert before.metadata.uid == after.metadata.uid


def test_a_login_that_nobody_keeps_is_refused_at_preview(platform: PlatformState, fleet: Fleet) -> None:
    stack = Stack(platform, "fleet-lost", {**fleet.clusters[0].config, "everpull:awsStack": "fleet-none"})
    stack.init()
    try:
        with pytest.raises(PulumiError, match="everpull:awsStack = fleet-none") as caught:
            stack.preview()
        assert "Traceback" not in str(caught.value)
    finally:
        stack.remove()


def test_what_is_in_a_namespace_is_a_pull_secret_and_no_credentials_of_aws(fleet: Fleet, kube: Client) -> None:
    for deployed in fleet.clusters:
        for namespace in deployed.namespaces:
            kinds = {secret.type for secret in kube.list(Secret, namespace=namespace)}
            assert kinds == {"kubernetes.io/dockerconfigjson"}
        with pytest.raises(ApiError):
            kube.get(Secret, "aws-credentials", namespace=deployed.namespaces[0])
