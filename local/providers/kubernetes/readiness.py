"""When an object of a built-in kind is ready, as the real provider sees it (pulumi-kubernetes, `await`)."""

from typing import Any

from local.providers.common.provider import ProviderError
from local.providers.kubernetes.api import Api, NoSuchKind
from local.providers.kubernetes.expressions import Condition, Verdict
from local.providers.kubernetes.objects import Object

_READY = Verdict(True, "")


class Failed(ProviderError):
    """The object will never be ready."""


def condition_for(api: Api, obj: Object, updating: bool) -> Condition | None:
    """What a create or update of this object waits for; None if for nothing."""
    key = f"{obj.get('apiVersion')}/{obj.get('kind')}"
    if key == "v1/Service":
        return lambda live: _service(api, live)
    if key == "v1/PersistentVolumeClaim":
        return lambda live: _claim(api, live, updating)
    return _CONDITIONS.get(key)


def condition_for_read(api: Api, obj: Object) -> Condition | None:
    """What a refresh expects to hold already; a resource for which it doesn't is shown as not initialised."""
    readable = ("Deployment", "StatefulSet", "DaemonSet", "Job", "Pod", "Service", "Ingress")
    return condition_for(api, obj, updating=True) if obj.get("kind") in readable else None


def _conditions(obj: Object) -> dict[str, Object]:
    return {condition["type"]: condition for condition in (obj.get("status") or {}).get("conditions") or []}


def _is_true(obj: Object, kind: str) -> bool:
    return _conditions(obj).get(kind, {}).get("status") == "True"


def _said(condition: Object) -> str:
    return f"[{condition.get('reason', 'no reason')}] {condition.get('message', '')}".strip()


def _job(obj: Object) -> Verdict:
    status = obj.get("status") or {}
    if _is_true(obj, "Failed"):
        raise Failed(_said(_conditions(obj)["Failed"]))
    if _is_true(obj, "Complete") and status.get("startTime"):
        return _READY
    counts = ", ".join(f"{status.get(key) or 0} {key}" for key in ("active", "succeeded", "failed"))
    return Verdict(False, f"waiting for the Job to succeed ({counts})")


def _pod(obj: Object) -> Verdict:
    phase = (obj.get("status") or {}).get("phase")
    if phase == "Succeeded":
        return _READY
    if phase == "Failed":
        raise Failed("; ".join(["the Pod failed", *container_faults(obj)]))
    for kind in ("PodScheduled", "Initialized", "Ready"):
        if not _is_true(obj, kind):
            condition = _conditions(obj).get(kind)
            return Verdict(False, f"waiting for the Pod to be {kind}" + (f": {_said(condition)}" if condition else ""))
    return _READY


def container_faults(pod: Object) -> list[str]:
    """What the kubelet says about containers that aren't ready."""
    status = pod.get("status") or {}
    faults: list[str] = []
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        state = container.get("state") or {}
        waiting, ended = (
            state.get("waiting"),
            state.get("terminated") or (container.get("lastState") or {}).get("terminated"),
        )
        if waiting and waiting.get("reason") not in ("ContainerCreating", "PodInitializing"):
            faults.append(f"container {container['name']}: {_said(waiting)}")
        if ended and ended.get("exitCode"):
            said = ended.get("message") or ended.get("reason") or "no message"
            faults.append(f"container {container['name']} ended with exit code {ended['exitCode']}: {said.strip()}")
    return faults


def _observed(obj: Object) -> bool:
    return ((obj.get("status") or {}).get("observedGeneration") or 0) >= obj["metadata"].get("generation", 0)


def _rolled_out(obj: Object, wanted: int, counts: tuple[str, ...]) -> Verdict:
    status = obj.get("status") or {}
    have = {count: status.get(count) or 0 for count in counts}
    if _observed(obj) and all(value >= wanted for value in have.values()):
        return _READY
    seen = ", ".join(f"{key} {value}" for key, value in have.items())
    return Verdict(False, f"waiting for the roll-out ({seen}; {wanted} wanted)")


def _replicas(obj: Object) -> int:
    wanted = (obj.get("spec") or {}).get("replicas")
    return 1 if wanted is None else int(wanted)


def _deployment(obj: Object) -> Verdict:
    wanted, status = _replicas(obj), obj.get("status") or {}
    verdict = _rolled_out(obj, wanted, ("updatedReplicas", "availableReplicas"))
    old = (status.get("replicas") or 0) - (status.get("updatedReplicas") or 0)
    if verdict.done and old > 0:
        return Verdict(False, f"waiting for {old} old replicas to end")
    return verdict


def _stateful_set(obj: Object) -> Verdict:
    status = obj.get("status") or {}
    verdict = _rolled_out(obj, _replicas(obj), ("readyReplicas",))
    if verdict.done and status.get("updateRevision") != status.get("currentRevision"):
        return Verdict(False, "waiting for the new revision to be current")
    return verdict


def _daemon_set(obj: Object) -> Verdict:
    wanted = (obj.get("status") or {}).get("desiredNumberScheduled") or 0
    return _rolled_out(obj, wanted, ("updatedNumberScheduled", "numberAvailable"))


def _replication_controller(obj: Object) -> Verdict:
    return _rolled_out(obj, _replicas(obj), ("availableReplicas",))


def _volume(obj: Object) -> Verdict:
    phase = (obj.get("status") or {}).get("phase")
    return Verdict(phase in ("Available", "Bound"), f"the volume is {phase}")


def _claim(api: Api, obj: Object, updating: bool) -> Verdict:
    phase = (obj.get("status") or {}).get("phase")
    if phase == "Bound" and updating:
        return _READY
    name = (obj.get("spec") or {}).get("storageClassName")
    mode = (
        api.get(api.resource("storage.k8s.io/v1", "StorageClass"), None, name).get("volumeBindingMode") if name else ""
    )
    wanted = "Pending" if mode == "WaitForFirstConsumer" else "Bound"
    return Verdict(phase == wanted, f"the claim is {phase}, {wanted} is wanted")


def _quota(obj: Object) -> Verdict:
    wanted, seen = (obj.get("spec") or {}).get("hard"), (obj.get("status") or {}).get("hard")
    return Verdict(wanted == seen, "waiting for the quota to be in force")


def _secret(obj: Object) -> Verdict:
    if obj.get("type") == "kubernetes.io/service-account-token" and not obj.get("data"):
        return Verdict(False, "waiting for the token to be made")
    return _READY


def _service(api: Api, obj: Object) -> Verdict:
    spec = obj.get("spec") or {}
    if spec.get("type") == "ExternalName":
        return _READY
    if spec.get("type") == "LoadBalancer" and not _has_ingress(obj):
        return Verdict(False, "waiting for an address of the load balancer")
    # Without a selector nobody but the user makes endpoints; a headless one may have none for good reason.
    if not spec.get("selector") or spec.get("clusterIP") == "None":
        return _READY
    metadata = obj["metadata"]
    label = f"kubernetes.io/service-name={metadata['name']}"
    try:
        slices = api.find_all(
            api.resource("discovery.k8s.io/v1", "EndpointSlice"), metadata["namespace"], labelSelector=label
        )
    except NoSuchKind:
        return _READY
    endpoints = [endpoint for part in slices for endpoint in part.get("endpoints") or []]
    ready = [endpoint for endpoint in endpoints if (endpoint.get("conditions") or {}).get("ready", True)]
    return Verdict(bool(ready), "the Service doesn't target any ready Pods: its selector may match none")


def _has_ingress(obj: Object) -> bool:
    balancer: dict[str, Any] = (obj.get("status") or {}).get("loadBalancer") or {}
    return bool(balancer.get("ingress"))


def _ingress(obj: Object) -> Verdict:
    return Verdict(_has_ingress(obj), "waiting for an address of the ingress")


_CONDITIONS: dict[str, Condition] = {
    "apps/v1/DaemonSet": _daemon_set,
    "apps/v1/Deployment": _deployment,
    "apps/v1/StatefulSet": _stateful_set,
    "batch/v1/Job": _job,
    "networking.k8s.io/v1/Ingress": _ingress,
    "v1/PersistentVolume": _volume,
    "v1/Pod": _pod,
    "v1/ReplicationController": _replication_controller,
    "v1/ResourceQuota": _quota,
    "v1/Secret": _secret,
}
