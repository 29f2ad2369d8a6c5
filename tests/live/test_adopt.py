"""A pull secret that somebody else made: refused at preview, taken over only when the stack says so."""

from collections.abc import Iterator, Mapping

import pytest
from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import ObjectMeta, OwnerReference
from lightkube.resources.core_v1 import ConfigMap, Secret

from local.driver.stack import PulumiError
from local.driver.workloads import ensure_namespace, wait_until
from local.state import PlatformState
from tests.live.cronjob_deployment import deploy_cronjob
from tests.live.deployment import Deployment, bring_up
from tests.live.surroundings import DOCKER_CONFIG

NAMESPACE = "adopt-a"
NAME = "ecr-pull"


@pytest.fixture
def theirs(kube: Client) -> Iterator[Secret]:
    ensure_namespace(kube, NAMESPACE)
    made = make(kube)
    yield made
    try:
        kube.delete(Secret, NAME, namespace=NAMESPACE)
    except ApiError as error:
        if error.status.code != 404:
            raise


def make(kube: Client, type_: str = "kubernetes.io/dockerconfigjson", owner: OwnerReference | None = None) -> Secret:
    data = {".dockerconfigjson": DOCKER_CONFIG} if type_.startswith("kubernetes.io/") else {"theirs": "kept"}
    metadata = ObjectMeta(name=NAME, namespace=NAMESPACE, ownerReferences=[owner] if owner else None)
    return kube.create(Secret(metadata=metadata, type=type_, stringData=data), field_manager="somebody-else")


def keys(platform: PlatformState, mode: str) -> Mapping[str, object]:
    return {"pullSecretName": NAME, "mode": mode, **({"image": platform.refresher_image} if mode == "cronjob" else {})}


@pytest.mark.parametrize("mode", ["lambda", "cronjob"])
def test_an_adopted_secret_is_taken_over_in_place_and_goes_with_the_stack(
    platform: PlatformState, kube: Client, theirs: Secret, mode: str
) -> None:
    with (
        pytest.raises(PulumiError) as refused,
        bring_up(Deployment, platform, kube, "adopt", [NAMESPACE], keys(platform, mode)),
    ):
        pass
    assert "everpull:adopt" in str(refused.value)
    assert kube.get(Secret, NAME, namespace=NAMESPACE).metadata.resourceVersion == theirs.metadata.resourceVersion
    with bring_up(
        Deployment, platform, kube, "adopt", [NAMESPACE], {**keys(platform, mode), "adopt": True}
    ) as deployment:
        assert kube.get(Secret, NAME, namespace=NAMESPACE).metadata.uid == theirs.metadata.uid
        assert deployment.pull().pulled
    wait_until(lambda: deployment.pull_secret(NAMESPACE) is None, "the adopted pull secret goes with the stack")


@pytest.mark.parametrize("mode", ["lambda", "cronjob"])
def test_a_secret_of_another_type_is_refused_even_with_adopt(
    platform: PlatformState, kube: Client, theirs: Secret, mode: str
) -> None:
    kube.delete(Secret, NAME, namespace=NAMESPACE)
    make(kube, type_="Opaque")
    with (
        pytest.raises(PulumiError) as refused,
        bring_up(Deployment, platform, kube, "adopt", [NAMESPACE], {**keys(platform, mode), "adopt": True}),
    ):
        pass
    assert "Opaque" in str(refused.value)
    assert "theirs" in (kube.get(Secret, NAME, namespace=NAMESPACE).data or {})


def test_a_secret_that_another_controller_writes_is_refused_even_with_adopt(
    platform: PlatformState, kube: Client, theirs: Secret
) -> None:
    owner = kube.create(ConfigMap(metadata=ObjectMeta(name="adopt-owner", namespace=NAMESPACE)))
    try:
        kube.delete(Secret, NAME, namespace=NAMESPACE)
        reference = OwnerReference(
            apiVersion="v1", kind="ConfigMap", name="adopt-owner", uid=str(owner.metadata.uid), controller=True
        )
        make(kube, owner=reference)
        with (
            pytest.raises(PulumiError) as refused,
            bring_up(Deployment, platform, kube, "adopt", [NAMESPACE], {**keys(platform, "cronjob"), "adopt": True}),
        ):
            pass
        assert "ConfigMap" in str(refused.value)
    finally:
        kube.delete(ConfigMap, "adopt-owner", namespace=NAMESPACE)


def test_what_turns_up_between_preview_and_run_is_left_alone(
    platform: PlatformState, kube: Client, theirs: Secret
) -> None:
    """The refresher itself refuses too: somebody makes a Secret of the name after the deployment."""
    kube.delete(Secret, NAME, namespace=NAMESPACE)
    with deploy_cronjob(platform, kube, "adopt", [NAMESPACE], pullSecretName=NAME) as deployment:
        kube.delete(Secret, NAME, namespace=NAMESPACE)
        made = make(kube)
        run = deployment.run("--force")
        assert not run.succeeded
        assert NAMESPACE in run.said
        now = kube.get(Secret, NAME, namespace=NAMESPACE)
        assert now.metadata.resourceVersion == made.metadata.resourceVersion
    assert kube.get(Secret, NAME, namespace=NAMESPACE).metadata.uid == made.metadata.uid
