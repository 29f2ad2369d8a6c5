"""What the platform adds to pods, and what it leaves alone, asked of the API server in dry runs."""

from collections.abc import Iterator

import pytest
from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.models.core_v1 import Container, ContainerPort, EnvVar, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, Pod

from local.cluster.pod_policy import environment
from local.driver import workloads
from local.state import PlatformState
from tests.live import one_shot

NAMESPACE = "pods-here"


def created(kube: Client, spec: PodSpec, namespace: str = NAMESPACE) -> PodSpec:
    """The spec of a pod as the API server would keep it."""
    workloads.ensure_namespace(kube, namespace)
    item = Pod(metadata=ObjectMeta(name="any", namespace=namespace), spec=spec)
    made = kube.create(item, dry_run=True)
    assert made.spec is not None
    return made.spec


def variables(container: Container) -> dict[str, str | None]:
    return {variable.name: variable.value for variable in container.env or []}


def test_every_container_of_a_pod_is_told_where_aws_is(platform: PlatformState, kube: Client) -> None:
    spec = created(
        kube,
        PodSpec(
            containers=[Container(name="one", image="x"), Container(name="two", image="x")],
            initContainers=[Container(name="first", image="x")],
        ),
    )
    assert spec.hostNetwork is True
    containers = [*spec.containers, *(spec.initContainers or [])]
    assert [container.name for container in containers] == ["one", "two", "first"]
    assert [variables(container) for container in containers] == [environment(platform)] * 3


def test_variables_that_are_there_stay_as_they_are(platform: PlatformState, kube: Client) -> None:
    own = [EnvVar(name="AWS_ENDPOINT_URL", value="http://127.0.0.1:1"), EnvVar(name="OTHER", value="stays")]
    (container,) = created(kube, PodSpec(containers=[Container(name="one", image="x", env=own)])).containers
    assert variables(container) == {
        **environment(platform),
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "OTHER": "stays",
    }


def test_a_pod_that_asked_for_the_hosts_network_itself_is_taken(kube: Client) -> None:
    assert created(kube, PodSpec(containers=[Container(name="one", image="x")], hostNetwork=True)).hostNetwork is True


def test_a_containers_ports_are_the_hosts(kube: Client) -> None:
    ports = [ContainerPort(containerPort=29123)]
    (container,) = created(kube, PodSpec(containers=[Container(name="one", image="x", ports=ports)])).containers
    assert [(port.containerPort, port.hostPort) for port in container.ports or []] == [(29123, 29123)]


@pytest.fixture(params=["restricted", "baseline"])
def judged(request: pytest.FixtureRequest, kube: Client) -> Iterator[str]:
    """A namespace in which pods are judged by that pod security standard."""
    name = f"judged-{request.param}"
    workloads.ensure_namespace(kube, name)
    labels = {"pod-security.kubernetes.io/enforce": request.param}
    kube.patch(Namespace, name, {"metadata": {"labels": labels}})
    yield name
    kube.delete(Namespace, name)


def test_where_pods_are_judged_they_are_judged_as_they_are(platform: PlatformState, kube: Client, judged: str) -> None:
    good = one_shot.pod(judged, "any", platform.refresher_image, "")
    assert good.spec is not None
    spec = created(kube, good.spec, judged)
    assert spec.hostNetwork is None
    assert spec.containers[0].env is None
    good.spec.hostNetwork = True
    with pytest.raises(ApiError, match="violates PodSecurity"):
        created(kube, good.spec, judged)
