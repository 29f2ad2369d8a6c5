"""Pods on the local node: did they pull, or why not."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from lightkube import Client, KubeConfig
from lightkube.core.client import FieldValue
from lightkube.core.exceptions import ApiError
from lightkube.models.core_v1 import Container, LocalObjectReference, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Event, Namespace, Pod, Secret

from local.state import PlatformState

T = TypeVar("T")
_POLL_SECONDS = 0.25


@dataclass(frozen=True)
class Pull:
    """How a pod's pull ended: `pulled`, and what kubelet said where it did not."""

    pulled: bool
    message: str
    seconds: float


def client(state: PlatformState) -> Client:
    """The administrator's client."""
    return Client(config=KubeConfig.from_file(state.kubeconfig))


def wait_until(look: Callable[[], T | None], what: str, seconds: float = 60) -> T:
    """Polls until `look` gives something. Raises TimeoutError naming `what`."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(_POLL_SECONDS)


def ensure_namespace(kube: Client, name: str) -> None:
    try:
        kube.create(Namespace(metadata=ObjectMeta(name=name)))
    except ApiError as error:
        if error.status.code != 409:
            raise


def run_pod(kube: Client, namespace: str, name: str, image: str, pull_secret: str | None) -> None:
    """Starts a pod that pulls `image` afresh, in place of an earlier one of that name."""
    remove_pod(kube, namespace, name)
    kube.create(
        Pod(
            metadata=ObjectMeta(name=name, namespace=namespace),
            spec=PodSpec(
                containers=[Container(name="main", image=image, imagePullPolicy="Always")],
                imagePullSecrets=[LocalObjectReference(name=pull_secret)] if pull_secret else None,
                hostNetwork=True,
                terminationGracePeriodSeconds=1,
                automountServiceAccountToken=False,
            ),
        )
    )


def remove_pod(kube: Client, namespace: str, name: str) -> None:
    try:
        kube.delete(Pod, name, namespace=namespace, grace_period=1)
    except ApiError as error:
        if error.status.code != 404:
            raise
    wait_until(lambda: not _exists(kube, Pod, namespace, name), f"pod {namespace}/{name} gone")


def pull(kube: Client, namespace: str, name: str, image: str, pull_secret: str | None, seconds: float = 60) -> Pull:
    """Runs a pod until its image is pulled or refused. Raises TimeoutError where neither happens."""
    started = time.monotonic()
    run_pod(kube, namespace, name, image, pull_secret)
    pulled, message = wait_until(
        lambda: pull_outcome(kube, kube.get(Pod, name, namespace=namespace)),
        f"pod {namespace}/{name} pulled or refused",
        seconds,
    )
    return Pull(pulled, message, time.monotonic() - started)


def _exists(kube: Client, kind: type[Pod] | type[Secret], namespace: str, name: str) -> bool:
    try:
        kube.get(kind, name, namespace=namespace)
    except ApiError as error:
        if error.status.code == 404:
            return False
        raise
    return True


def pull_outcome(kube: Client, pod: Pod) -> tuple[bool, str] | None:
    """Whether the image of the pod's first container was pulled, and which it is or why not; None while that is open."""
    containers = (pod.status.containerStatuses if pod.status else None) or []
    if not containers or not containers[0].state:
        return None
    state = containers[0].state
    if state.running or state.terminated:
        return True, containers[0].imageID or ""
    waiting = state.waiting
    if not waiting or waiting.reason not in ("ErrImagePull", "ImagePullBackOff"):
        return None
    # The waiting message turns into "Back-off pulling image" soon; the event keeps the reason.
    refusals = [event for event in _events(kube, pod, "Failed") if "pull image" in (event.message or "")]
    if sum(event.count or 1 for event in refusals) < 2 and _pulled_without_its_secret(kube, pod):
        return None
    return False, next((event.message for event in refusals if event.message), waiting.message or waiting.reason)


def _pulled_without_its_secret(kube: Client, pod: Pod) -> bool:
    """Whether kubelet did not get hold of a pull secret that is there.

    It waits a second for it and then pulls without any login (kubernetes#117972); a busy machine is enough for that. Its next
    try, ten seconds later, is the one that counts.
    """
    wanted = [item.name for item in (pod.spec.imagePullSecrets if pod.spec else None) or []]
    if not _events(kube, pod, "FailedToRetrieveImagePullSecret"):
        return False
    namespace = (pod.metadata or ObjectMeta()).namespace or ""
    return all(_exists(kube, Secret, namespace, name or "") for name in wanted)


def _events(kube: Client, pod: Pod, reason: str) -> list[Event]:
    known = pod.metadata or ObjectMeta()
    # By uid: a pod of before may have had the name.
    fields: dict[str, FieldValue] = {"involvedObject.uid": str(known.uid), "reason": reason}
    return list(kube.list(Event, namespace=known.namespace, fields=fields))
