"""Mode `cronjob` with a label selector: namespaces come and go without an `up`."""

from collections.abc import Iterator

import pytest
from lightkube import Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, Secret
from lightkube.types import PatchType

from local.driver.workloads import wait_until
from local.state import PlatformState
from tests.live.cronjob_deployment import CronJobDeployment, deploy_cronjob

CHOSEN = {"everpull-test": "chosen"}
NAMES = ("chosen-a", "chosen-b", "chosen-out", "chosen-not")


@pytest.fixture(scope="module")
def chosen(platform: PlatformState, kube: Client) -> Iterator[CronJobDeployment]:
    for name in NAMES:
        labels = {} if name == "chosen-not" else CHOSEN
        kube.apply(Namespace(metadata=ObjectMeta(name=name, labels=labels)), field_manager="tests", force=True)
    with deploy_cronjob(
        platform, kube, "chosen", [], namespaceSelector="everpull-test=chosen", excludedNamespaces=["chosen-out"]
    ) as deployment:
        yield deployment


def test_up_serves_the_selected_namespaces_and_no_others(chosen: CronJobDeployment) -> None:
    for name in ("chosen-a", "chosen-b"):
        assert chosen.pull(name).pulled
    for name in ("chosen-out", "chosen-not", "default"):
        assert chosen.pull_secret(name) is None


def test_a_namespace_labelled_later_is_served_by_the_next_run_and_loses_the_secret_when_it_leaves(
    chosen: CronJobDeployment, kube: Client
) -> None:
    untouched = chosen.version("chosen-a")
    relabel(kube, "chosen-not", "chosen")
    assert chosen.run().succeeded
    assert chosen.pull("chosen-not").pulled
    relabel(kube, "chosen-not", None)
    run = chosen.run()
    assert run.succeeded, run.log
    assert chosen.pull_secret("chosen-not") is None
    assert chosen.version("chosen-a") == untouched


def test_a_namespace_that_left_is_deleted_without_hanging(chosen: CronJobDeployment, kube: Client) -> None:
    kube.apply(Namespace(metadata=ObjectMeta(name="chosen-gone", labels=CHOSEN)), field_manager="tests", force=True)
    assert chosen.run().succeeded
    assert chosen.pull_secret("chosen-gone") is not None
    relabel(kube, "chosen-gone", None)
    kube.delete(Namespace, "chosen-gone")
    names = lambda: {item.metadata.name for item in kube.list(Namespace)}  # noqa: E731
    wait_until(lambda: "chosen-gone" not in names(), "the namespace is gone")
    assert chosen.run().succeeded


def test_a_foreign_secret_of_that_name_is_left_alone_when_a_namespace_is_not_selected(
    chosen: CronJobDeployment, kube: Client
) -> None:
    name = chosen.outputs["pullSecretName"]
    kube.create(Secret(metadata=ObjectMeta(name=name, namespace="chosen-not"), stringData={"theirs": "kept"}))
    try:
        assert chosen.run().succeeded
        assert chosen.pull_secret("chosen-not") is not None
    finally:
        kube.delete(Secret, name, namespace="chosen-not")


def test_destroy_leaves_no_secret(platform: PlatformState, kube: Client) -> None:
    kube.apply(Namespace(metadata=ObjectMeta(name="last-a", labels={"last": "yes"})), field_manager="tests", force=True)
    with deploy_cronjob(platform, kube, "last", [], namespaceSelector="last=yes") as deployment:
        assert deployment.pull("last-a").pulled
    wait_until(lambda: deployment.pull_secret("last-a") is None, "the pull secret goes with the stack")


def relabel(kube: Client, name: str, value: str | None) -> None:
    patch = {"metadata": {"labels": {"everpull-test": value}}}
    kube.patch(Namespace, name, patch, patch_type=PatchType.MERGE)
