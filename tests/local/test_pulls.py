"""How a pod's pull ended: what kubelet says of it, and which of it counts."""

from typing import Any, cast

from httpx2 import Request, Response
from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.models.core_v1 import (
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStateWaiting,
    ContainerStatus,
    LocalObjectReference,
    ObjectReference,
    PodSpec,
    PodStatus,
)
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Event, Pod, Secret

from local.driver.workloads import pull_outcome

REFUSED = 'Failed to pull image "a/b:1": 401 Unauthorized'


class Cluster:
    """The events of one pod, and whether its pull secret is there."""

    def __init__(self, *events: tuple[str, str, int], secret: bool = True) -> None:
        self._events, self._secret = events, secret

    def list(self, kind: type[Event], *, namespace: str, fields: dict[str, str]) -> list[Event]:
        assert (kind, namespace, fields["involvedObject.uid"]) == (Event, "team", "uid-1")
        return [
            Event(involvedObject=ObjectReference(), metadata=ObjectMeta(), reason=reason, message=message, count=count)
            for reason, message, count in self._events
            if reason == fields["reason"]
        ]

    def get(self, kind: type[Secret], name: str, *, namespace: str) -> Secret:
        assert (kind, name, namespace) == (Secret, "ecr-pull", "team")
        if not self._secret:
            raise _not_found()
        return Secret()


def _not_found() -> ApiError:
    answer = Response(404, json={"code": 404, "message": "not found"}, request=Request("GET", "https://cluster"))
    return ApiError(response=cast(Any, answer))


def outcome(cluster: Cluster, state: ContainerState | None) -> tuple[bool, str] | None:
    containers = [
        ContainerStatus(image="a/b:1", imageID="a/b@1", name="main", ready=False, restartCount=0, state=state)
    ]
    pod = Pod(
        metadata=ObjectMeta(name="pod", namespace="team", uid="uid-1"),
        spec=PodSpec(containers=[Container(name="main")], imagePullSecrets=[LocalObjectReference(name="ecr-pull")]),
        status=PodStatus(containerStatuses=containers),
    )
    return pull_outcome(cast(Client, cluster), pod)


def waiting(reason: str) -> ContainerState:
    return ContainerState(waiting=ContainerStateWaiting(reason=reason, message="Back-off pulling image"))


BLIND = ("FailedToRetrieveImagePullSecret", "Unable to retrieve some image pull secrets (ecr-pull)", 3)


def test_a_container_that_runs_was_pulled() -> None:
    assert outcome(Cluster(), ContainerState(running=ContainerStateRunning())) == (True, "a/b@1")


def test_a_container_that_waits_for_something_else_is_open() -> None:
    assert outcome(Cluster(), waiting("ContainerCreating")) is None
    assert outcome(Cluster(), None) is None


def test_a_refusal_is_told_in_the_registrys_words() -> None:
    cluster = Cluster(("Failed", "Error: ErrImagePull", 1), ("Failed", REFUSED, 1))
    assert outcome(cluster, waiting("ImagePullBackOff")) == (False, REFUSED)


def test_a_refusal_whose_event_is_not_there_yet_is_told_as_the_pod_has_it() -> None:
    assert outcome(Cluster(), waiting("ErrImagePull")) == (False, "Back-off pulling image")


def test_a_refusal_without_the_secret_that_kubelet_did_not_get_in_time_does_not_count() -> None:
    assert outcome(Cluster(BLIND, ("Failed", REFUSED, 1)), waiting("ErrImagePull")) is None
    assert outcome(Cluster(BLIND), waiting("ErrImagePull")) is None


def test_the_next_refusal_counts() -> None:
    assert outcome(Cluster(BLIND, ("Failed", REFUSED, 2)), waiting("ErrImagePull")) == (False, REFUSED)


def test_a_refusal_counts_at_once_where_there_is_no_such_secret() -> None:
    assert outcome(Cluster(BLIND, ("Failed", REFUSED, 1), secret=False), waiting("ErrImagePull")) == (False, REFUSED)
