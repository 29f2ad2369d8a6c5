"""Clusters with another operator, or none: a scratch API server of its own."""

import json
from collections.abc import Iterator
from typing import Any

import pulumi
import pytest
import yaml
from lightkube import Client, KubeConfig
from lightkube.codecs import load_all_yaml
from lightkube.core.exceptions import ApiError
from lightkube.models.apps_v1 import DeploymentSpec
from lightkube.models.core_v1 import Container, PodSpec, PodTemplateSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apiextensions_v1 import CustomResourceDefinition
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Namespace

from local.driver.stack import PulumiError, Stack
from local.driver.workloads import wait_until
from local.paths import current
from local.state import PlatformState
from tests.components.recording import record
from tests.components.test_lambda_delivery import deliver, settled
from tests.local_providers.kubernetes.control_plane import ControlPlane, control_plane

OBJECTS = ("SecretStore", "ClusterSecretStore", "ExternalSecret", "ClusterExternalSecret")


@pytest.fixture(scope="module")
def plane(platform: PlatformState, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(tmp_path_factory.mktemp("scratch-cluster")) as running:
        yield running


@pytest.fixture(scope="module")
def scratch(plane: ControlPlane) -> Iterator[Client]:
    with Client(config=KubeConfig.from_file(plane.kubeconfig), field_manager="tests") as client:
        yield client


def test_a_cluster_without_the_operator_is_refused_with_the_way_to_install_it(
    platform: PlatformState, plane: ControlPlane
) -> None:
    stack = Stack(platform, "bare", {"aws:region": platform.region}, environment={"KUBECONFIG": str(plane.kubeconfig)})
    stack.init()
    with pytest.raises(PulumiError) as caught:
        stack.preview()
    assert "the cluster has none" in str(caught.value)
    assert "helm upgrade --install external-secrets" in str(caught.value)
    stack.remove()


def our_objects() -> list[dict[str, Any]]:
    """The custom resources of a delivery, as they are sent to the cluster."""
    recorder = record()

    @pulumi.runtime.test
    def build() -> Any:
        return settled(deliver(namespace_selector={"matchLabels": {"team": "b"}}))

    build()
    return [
        {key: item.inputs[key] for key in ("apiVersion", "kind", "metadata", "spec")}
        for item in recorder.resources
        if item.inputs.get("kind") in OBJECTS
    ]


@pytest.fixture(scope="module")
def next_operator(scratch: Client) -> Client:
    """The scratch cluster with the CRDs of ESO 1.3.2, and the namespaces that the objects live in."""
    bundle = current().share / "external-secrets-next" / "crds.yaml"
    if not bundle.exists():
        pytest.fail(f"{bundle.name} is missing: run `python -m local.tools external-secrets-next`")
    for crd in load_all_yaml(bundle.read_text(encoding="utf-8")):
        if isinstance(crd, CustomResourceDefinition) and crd.spec.names.kind in OBJECTS:
            scratch.apply(crd, force=True)
            name = crd.metadata.name
            wait_until(lambda name=name: established(scratch, name), f"{name} is established")
    for namespace in ("everpull-dev", "team-a", "team-b"):
        scratch.apply(Namespace(metadata=ObjectMeta(name=namespace)), force=True)
    return scratch


def established(kube: Client, name: str) -> bool:
    conditions = kube.get(CustomResourceDefinition, name).status.conditions or []
    return any(condition.type == "Established" and condition.status == "True" for condition in conditions)


def dry_run(kube: Client, content: dict[str, Any]) -> None:
    (item,) = load_all_yaml(yaml.safe_dump(json.loads(json.dumps(content))), create_resources_for_crds=True)
    kube.apply(item, dry_run=True)


def test_the_next_operator_takes_our_objects(next_operator: Client) -> None:
    objects = our_objects()
    assert {item["kind"] for item in objects} == set(OBJECTS)
    for item in objects:
        dry_run(next_operator, item)


def test_the_next_operator_would_refuse_what_it_does_not_know(next_operator: Client) -> None:
    (store, *_) = [item for item in our_objects() if item["kind"] == "SecretStore"]
    store["spec"]["provider"]["aws"]["service"] = "NoSuchService"
    with pytest.raises(ApiError, match="NoSuchService"):
        dry_run(next_operator, store)


def test_an_operator_without_cluster_stores_is_refused_and_the_cronjob_is_not(
    platform: PlatformState, plane: ControlPlane, next_operator: Client
) -> None:
    labels = {"app.kubernetes.io/name": "external-secrets"}
    container = Container(name="main", image="example.com/eso", args=["--enable-cluster-store-reconciler=false"])
    next_operator.create(
        Deployment(
            metadata=ObjectMeta(name="hardened", namespace="team-a", labels=labels),
            spec=DeploymentSpec(
                selector=LabelSelector(matchLabels=labels),
                template=PodTemplateSpec(metadata=ObjectMeta(labels=labels), spec=PodSpec(containers=[container])),
            ),
        )
    )
    config = {"aws:region": platform.region, "everpull:systemNamespace": "hardened-system"}
    stack = Stack(platform, "hardened", config, environment={"KUBECONFIG": str(plane.kubeconfig)})
    stack.init()
    with pytest.raises(PulumiError) as caught:
        stack.preview()
    assert "Deployment hardened in namespace team-a" in str(caught.value)
    assert "--set processClusterStore=true" in str(caught.value)
    stack.configure({**config, "everpull:mode": "cronjob", "everpull:image": platform.refresher_image})
    stack.preview()
    stack.remove()
    next_operator.delete(Deployment, "hardened", namespace="team-a")
