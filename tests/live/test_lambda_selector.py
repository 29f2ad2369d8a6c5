"""Mode `lambda` with a label selector: ESO serves namespaces as they come and go, and no mark of it stays behind."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, Pod, Secret
from lightkube.types import PatchType

from local.demo.chain import CLUSTER_EXTERNAL_SECRET
from local.driver.stack import PulumiError
from local.driver.workloads import remove_pod, wait_until
from local.state import PlatformState
from tests.live.deployment import Deployment, bring_up, deploy
from tests.live.test_side_by_side import in_aws, in_cluster
from tests.live.watch import watched

LABEL = "everpull-live"
NAMES = ("sel-a", "sel-b", "sel-out", "sel-not")
# What is promised of a namespace that is labelled later.
SECONDS = 60


def mark_of(stack: str) -> str:
    return f"externalsecrets.external-secrets.io/ces-everpull-{stack}"


@contextmanager
def namespaces(kube: Client, value: str, *names: str) -> Iterator[None]:
    """Namespaces with the label, freshly made; gone afterwards, which none of them may hold up."""
    for name in names:
        remove(kube, name)
        make(kube, name, {LABEL: value})
    yield
    for name in names:
        remove(kube, name)


def make(kube: Client, name: str, labels: Mapping[str, str]) -> None:
    kube.create(Namespace(metadata=ObjectMeta(name=name, labels=dict(labels))))


def remove(kube: Client, name: str) -> None:
    # Its pods first: the namespace controller would look again for one that still ends after 15 seconds only.
    for pod in kube.list(Pod, namespace=name):
        remove_pod(kube, name, str(pod.metadata.name))
    try:
        kube.delete(Namespace, name)
    except ApiError as error:
        if error.status.code != 404:
            raise
    wait_until(lambda: name not in every(kube), f"namespace {name} is gone", SECONDS)


def every(kube: Client) -> set[str]:
    return {item.metadata.name for item in kube.list(Namespace)}


def relabel(kube: Client, name: str, value: str | None) -> None:
    kube.patch(Namespace, name, {"metadata": {"labels": {LABEL: value}}}, patch_type=PatchType.MERGE)


def marked(kube: Client, stack: str) -> list[str]:
    """Namespaces that carry the stack's mark."""
    return [ns.metadata.name for ns in kube.list(Namespace) if mark_of(stack) in (ns.metadata.finalizers or [])]


@pytest.fixture(scope="module")
def chosen(platform: PlatformState, kube: Client) -> Iterator[Deployment]:
    with namespaces(kube, "sel", *NAMES):
        relabel(kube, "sel-not", None)
        with deploy(
            platform,
            kube,
            "sel",
            ["sel-listed"],
            namespaceSelector=f"{LABEL}=sel",
            excludedNamespaces=["sel-out"],
        ) as deployment:
            yield deployment
        assert marked(kube, "sel") == []


def served(deployment: Deployment, name: str) -> float:
    """Seconds until the namespace has the pull secret."""
    began = time.monotonic()
    wait_until(lambda: deployment.pull_secret(name) is not None, f"{name} has the pull secret", SECONDS)
    return time.monotonic() - began


def loses(deployment: Deployment, name: str) -> None:
    wait_until(lambda: deployment.pull_secret(name) is None, f"{name} loses the pull secret", SECONDS)


def test_up_ends_with_pods_that_pull_where_the_labels_are_and_nowhere_else(chosen: Deployment) -> None:
    for name in ("sel-listed", "sel-a", "sel-b"):
        outcome = chosen.pull(name)
        assert outcome.pulled, outcome.message
    for name in ("sel-out", "sel-not", "default", chosen.outputs["systemNamespace"]):
        assert chosen.pull_secret(name) is None
    assert chosen.outputs["namespaceSelector"] == f"{LABEL}=sel"


def test_up_again_and_refresh_change_nothing(chosen: Deployment) -> None:
    assert chosen.stack.up().changes == {}
    assert chosen.stack.refresh().changes == {}


def test_a_namespace_labelled_later_is_served_and_loses_the_secret_when_it_leaves(
    chosen: Deployment, kube: Client
) -> None:
    before = chosen.pull_secret("sel-a")
    relabel(kube, "sel-not", "sel")
    assert served(chosen, "sel-not") < SECONDS
    assert chosen.pull("sel-not").pulled
    relabel(kube, "sel-not", None)
    loses(chosen, "sel-not")
    after = chosen.pull_secret("sel-a")
    assert before
    assert after
    assert before.metadata.resourceVersion == after.metadata.resourceVersion
    assert chosen.stack.up().changes == {}
    assert "sel-not" not in marked(kube, "sel"), "up takes the mark off"


def test_a_new_namespace_with_the_label_is_served(chosen: Deployment, kube: Client) -> None:
    with namespaces(kube, "sel", "sel-new"):
        assert served(chosen, "sel-new") < SECONDS
        assert chosen.pull("sel-new").pulled


def test_a_namespace_that_left_is_deleted_without_hanging_and_without_an_up(chosen: Deployment, kube: Client) -> None:
    make(kube, "sel-gone", {LABEL: "sel"})
    served(chosen, "sel-gone")
    relabel(kube, "sel-gone", None)
    loses(chosen, "sel-gone")
    assert "sel-gone" in marked(kube, "sel"), "this operator leaves no mark any more: what takes it off can go"
    remove(kube, "sel-gone")


def test_a_namespace_with_the_label_is_deleted_without_hanging(chosen: Deployment, kube: Client) -> None:
    make(kube, "sel-gone", {LABEL: "sel"})
    served(chosen, "sel-gone")
    remove(kube, "sel-gone")


def test_an_excluded_namespace_loses_the_secret_and_its_mark(chosen: Deployment, kube: Client) -> None:
    with chosen.configured(excludedNamespaces=["sel-out", "sel-b"]):
        chosen.stack.up()
        loses(chosen, "sel-b")
        assert "sel-b" not in marked(kube, "sel")
    assert chosen.pull_secret("sel-b") is not None, "up waits for namespaces that follow"


def test_an_added_registry_is_in_labelled_namespaces_too_when_up_returns(chosen: Deployment) -> None:
    second = f"{chosen.state.account}.dkr.ecr.eu-west-1.amazonaws.com"
    with chosen.configured(registries=[chosen.state.registry_host, second]):
        chosen.stack.up()
        assert set(chosen.docker_config("sel-a")["auths"]) == {chosen.state.registry_host, second}
    assert set(chosen.docker_config("sel-a")["auths"]) == {chosen.state.registry_host}


def test_a_namespace_that_comes_to_be_listed_and_back_keeps_its_pull_secret(chosen: Deployment) -> None:
    name = chosen.outputs["pullSecretName"]
    with watched(chosen.state, "sel-a", name) as seen:
        with chosen.configured(namespaces=["sel-listed", "sel-a"]):
            changes = chosen.stack.up().changes
            assert "everpull-sel-sync-pull-secret-sel-a" in changes
            assert chosen.pull("sel-a").pulled
        assert chosen.pull("sel-a").pulled
    assert seen.faults == []
    assert len(seen.uids) == 1, "the Secret was made anew"


def test_a_pull_secret_that_somebody_deletes_is_made_again(chosen: Deployment, kube: Client) -> None:
    kube.delete(Secret, chosen.outputs["pullSecretName"], namespace="sel-a")
    served(chosen, "sel-a")


def test_destroy_takes_everything_and_every_mark(platform: PlatformState, kube: Client) -> None:
    before = in_aws(platform, "sell"), in_cluster(kube, "sell")
    with namespaces(kube, "sell", "sell-a", "sell-left"):
        with deploy(platform, kube, "sell", [], namespaceSelector=f"{LABEL}=sell") as deployment:
            assert deployment.pull("sell-a").pulled
            relabel(kube, "sell-left", None)
            loses(deployment, "sell-left")
            assert sorted(marked(kube, "sell")) == ["sell-a", "sell-left"]
        assert marked(kube, "sell") == []
        assert in_aws(platform, "sell") == before[0]
        wait_until(lambda: in_cluster(kube, "sell") == before[1], "nothing is left in the cluster")


def test_taking_the_selector_away_takes_what_it_made_with_it(platform: PlatformState, kube: Client) -> None:
    with (
        namespaces(kube, "sela", "sela-a"),
        deploy(platform, kube, "sela", ["sela-listed"], namespaceSelector=f"{LABEL}=sela") as deployment,
    ):
        assert deployment.pull_secret("sela-a") is not None
        deployment.stack.configure(
            {key: value for key, value in deployment.config.items() if key != "everpull:namespaceSelector"}
        )
        deployment.stack.up()
        loses(deployment, "sela-a")
        assert marked(kube, "sela") == []
        assert in_cluster(kube, "sela")["cluster external secrets"] == []
        assert deployment.pull("sela-listed").pulled


def refused(platform: PlatformState, kube: Client, **more: object) -> str:
    keys = {"namespaceSelector": f"{LABEL}=selr", **more}
    with pytest.raises(PulumiError) as caught, bring_up(Deployment, platform, kube, "selr", ["selr-listed"], keys):
        pass
    return str(caught.value)


def test_a_secret_that_somebody_else_made_is_refused_unless_adopted(platform: PlatformState, kube: Client) -> None:
    with namespaces(kube, "selr", "selr-a"):
        content = {".dockerconfigjson": '{"auths": {}}'}
        secret = Secret(
            metadata=ObjectMeta(name="ecr-pull", namespace="selr-a"),
            type="kubernetes.io/dockerconfigjson",
            stringData=content,
        )
        made = kube.create(secret)
        assert "everpull:adopt" in refused(platform, kube, pullSecretName="ecr-pull")
        keys = {"namespaceSelector": f"{LABEL}=selr", "pullSecretName": "ecr-pull", "adopt": True}
        with bring_up(Deployment, platform, kube, "selr", ["selr-listed"], keys) as deployment:
            taken = deployment.pull_secret("selr-a")
            assert taken
            assert taken.metadata.uid == made.metadata.uid
            assert deployment.pull("selr-a").pulled


def test_a_cluster_external_secret_of_that_name_that_somebody_else_made_is_refused(
    platform: PlatformState, kube: Client
) -> None:
    spec = {"externalSecretSpec": {"secretStoreRef": {"name": "none", "kind": "ClusterSecretStore"}}}
    kube.create(CLUSTER_EXTERNAL_SECRET(metadata=ObjectMeta(name="everpull-selr"), spec=spec))
    try:
        assert "ClusterExternalSecret everpull-selr, which something else made" in refused(platform, kube)
    finally:
        kube.delete(CLUSTER_EXTERNAL_SECRET, "everpull-selr")


def test_a_stack_by_label_moves_to_the_cronjob_and_back_without_a_hole(platform: PlatformState, kube: Client) -> None:
    before = in_aws(platform, "selm"), in_cluster(kube, "selm")
    with namespaces(kube, "selm", "selm-a"):
        keys = {"namespaceSelector": f"{LABEL}=selm"}
        with bring_up(Deployment, platform, kube, "selm", [], keys) as deployment:
            assert deployment.pull("selm-a").pulled
            for mode, more in (("cronjob", {"everpull:image": platform.refresher_image}), ("lambda", {})):
                deployment.stack.configure({**deployment.config, **more, "everpull:mode": mode})
                with watched(platform, "selm-a", deployment.outputs["pullSecretName"]) as seen:
                    deployment.stack.up()
                    outcome = deployment.pull("selm-a")
                    assert outcome.pulled, outcome.message
                assert seen.faults == []
                assert len(seen.uids) == 1, "the Secret was made anew instead of being taken over"
                assert deployment.stack.up().changes == {}
                assert (marked(kube, "selm") == []) is (mode == "cronjob")
        assert marked(kube, "selm") == []
        assert in_aws(platform, "selm") == before[0]
        wait_until(lambda: in_cluster(kube, "selm") == before[1], "nothing is left in the cluster")
