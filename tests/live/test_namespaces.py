"""Listed namespaces that are not there, go, or are made by the stack: the others are served all the same."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from lightkube import Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Namespace
from lightkube.types import PatchType

from local.driver.stack import PulumiError, Stack
from local.driver.workloads import wait_until
from local.state import PlatformState
from tests.live.cronjob_deployment import CronJobDeployment
from tests.live.deployment import Deployed, Deployment, bring_up
from tests.live.test_lambda_selector import every, make, remove

KINDS: dict[str, type[Deployed]] = {"lambda": Deployment, "cronjob": CronJobDeployment}
MODES = pytest.mark.parametrize("mode", KINDS)


def keys(platform: PlatformState, mode: str, *listed: str, **more: object) -> Mapping[str, object]:
    image = {"image": platform.refresher_image} if mode == "cronjob" else {}
    return {"mode": mode, **image, "namespaces": list(listed), **more}


@contextmanager
def stack_in(
    platform: PlatformState, kube: Client, mode: str, name: str, *listed: str, **more: object
) -> Iterator[Deployed]:
    """A stack whose first listed namespace is there; the others are not, unless the test makes them."""
    for namespace in listed[1:]:
        remove(kube, namespace)
    with bring_up(KINDS[mode], platform, kube, name, [listed[0]], keys(platform, mode, *listed, **more)) as deployment:
        yield deployment


@MODES
def test_a_missing_namespace_is_told_of_the_others_are_served_and_each_up_sees_whether_it_is_there(
    platform: PlatformState, kube: Client, mode: str
) -> None:
    with stack_in(platform, kube, mode, "miss", "miss-a", "miss-b") as deployment:
        assert "namespace miss-b does not exist in the cluster and is left out" in deployment.first_up.output
        assert deployment.outputs["namespaces"] == ["miss-a", "miss-b"]
        assert deployment.outputs["missingNamespaces"] == ["miss-b"]
        assert deployment.pull("miss-a").pulled
        assert deployment.stack.up().changes == {}
        if isinstance(deployment, CronJobDeployment):
            run = deployment.run()
            assert run.succeeded, run.log
            assert run.report["leftOutNamespaces"] == ["miss-b"]
        make(kube, "miss-b", {})
        assert "is left out" not in deployment.stack.up().output
        assert "missingNamespaces" not in deployment.stack.outputs()
        outcome = deployment.pull("miss-b")
        assert outcome.pulled, outcome.message
        remove(kube, "miss-b")
        assert "is left out" in deployment.stack.up().output
        assert deployment.pull("miss-a").pulled
        assert deployment.stack.up().changes == {}


def test_a_namespace_made_anew_behind_the_engines_back_is_served_by_an_up_that_refreshes(
    platform: PlatformState, kube: Client
) -> None:
    with bring_up(
        Deployment, platform, kube, "come", ["come-a", "come-b"], keys(platform, "lambda", "come-a", "come-b")
    ) as deployment:
        remove(kube, "come-b")
        make(kube, "come-b", {})
        with pytest.raises(PulumiError, match=r"come-b[\s\S]*pulumi up --refresh makes it again"):
            deployment.stack.up()
        deployment.stack.up("--refresh")
        assert deployment.pull("come-b").pulled
    remove(kube, "come-b")


def test_a_namespace_that_is_being_deleted_is_left_out(platform: PlatformState, kube: Client) -> None:
    make_held(kube, "going-b")
    try:
        with bring_up(
            Deployment, platform, kube, "going", ["going-a"], keys(platform, "lambda", "going-a", "going-b")
        ) as deployment:
            assert "namespace going-b is being deleted and left out" in deployment.first_up.output
            assert deployment.outputs["missingNamespaces"] == ["going-b"]
            assert deployment.pull("going-a").pulled
    finally:
        kube.patch(
            ConfigMap, "held", {"metadata": {"finalizers": None}}, namespace="going-b", patch_type=PatchType.MERGE
        )
    wait_until(lambda: "going-b" not in every(kube), "going-b is gone")


def make_held(kube: Client, name: str) -> None:
    """A namespace that is being deleted for as long as something in it is held."""
    remove(kube, name)
    make(kube, name, {})
    kube.create(ConfigMap(metadata=ObjectMeta(name="held", namespace=name, finalizers=["example.com/held"])))
    kube.delete(Namespace, name)


def test_namespaces_that_the_stack_makes_outlive_it_with_what_is_in_them(platform: PlatformState, kube: Client) -> None:
    remove(kube, "made-a")
    make(kube, "made-a", {"theirs": "kept"})
    more = {"createNamespaces": True, "attach": "service-accounts"}
    with stack_in(platform, kube, "cronjob", "made", "made-a", "made-b", **more) as deployment:
        assert "missingNamespaces" not in deployment.outputs
        for name in ("made-a", "made-b"):
            outcome = deployment.pull(name)
            assert outcome.pulled, outcome.message
        assert kube.get(Namespace, "made-a").metadata.labels["theirs"] == "kept"
        uid = kube.get(Namespace, "made-b").metadata.uid
        kube.create(ConfigMap(metadata=ObjectMeta(name="tenants", namespace="made-b"), data={"a": "b"}))
        assert deployment.stack.up().changes == {}
        assert deployment.stack.refresh().changes == {}
    for name in ("made-a", "made-b"):
        wait_until(lambda name=name: deployment.pull_secret(name) is None, f"the pull secret leaves {name}")
    assert kube.get(Namespace, "made-b").metadata.uid == uid
    assert kube.get(ConfigMap, "tenants", namespace="made-b").data == {"a": "b"}
    assert kube.get(Namespace, "made-a").metadata.labels["theirs"] == "kept"
    for name in ("made-a", "made-b"):
        remove(kube, name)


def test_one_that_the_stack_made_and_somebody_deleted_is_made_again_by_an_up_that_refreshes(
    platform: PlatformState, kube: Client
) -> None:
    with stack_in(platform, kube, "cronjob", "anew", "anew-a", "anew-b", createNamespaces=True) as deployment:
        assert deployment.pull("anew-b").pulled
        remove(kube, "anew-b")
        with pytest.raises(PulumiError, match=r"namespace anew-b, which somebody deleted: pulumi up --refresh"):
            deployment.stack.up()
        deployment.stack.up("--refresh")
        assert deployment.pull("anew-b").pulled
    remove(kube, "anew-b")


def test_a_preview_of_a_stack_whose_namespaces_are_all_missing_says_so_and_is_no_error(
    platform: PlatformState,
) -> None:
    stack = Stack(platform, "none", {"aws:region": platform.region, "everpull:namespaces": ["nobody-made-this"]})
    stack.init()
    output = stack.preview().output
    assert "kubectl create namespace nobody-made-this" in output
    assert "pull-secret-nobody-made-this" not in output
    stack.remove()
