"""Waits until an object is as it should be, or gone, and tells what is known when it doesn't come to that."""

import threading
import time
from collections.abc import Callable

from local.providers.common.provider import ProviderError
from local.providers.kubernetes import expressions, objects, readiness
from local.providers.kubernetes.api import Api, ApiError, Resource, Unreachable
from local.providers.kubernetes.expressions import Condition, Verdict
from local.providers.kubernetes.objects import Object

# The real provider's default for every kind.
_DEFAULT_TIMEOUT = 600.0
_TOLD_EVENTS = 5


class NotReady(ProviderError):
    """The wait failed. `last` is the object as last seen, `details` what is known about the cause."""

    def __init__(self, message: str, last: Object, details: list[str]) -> None:
        super().__init__(message)
        self.last = last
        self.details = details


def timeout_of(obj: Object, asked: float) -> float:
    """Seconds: the resource option `customTimeouts`, else the annotation, else ten minutes."""
    if asked:
        return asked
    annotated = objects.annotation(obj, objects.TIMEOUT)
    return float(annotated) if annotated.isdecimal() else _DEFAULT_TIMEOUT


class Waiter:
    """Waits on one API server; `cancelled` ends every wait."""

    def __init__(self, api: Api, cancelled: threading.Event) -> None:
        self._api = api
        self._cancelled = cancelled

    def until_ready(
        self,
        resource: Resource,
        inputs: Object,
        live: Object,
        *,
        updating: bool,
        timeout: float,
        tell: Callable[[str], None],
    ) -> Object:
        """The live object once it is ready, by the `waitFor` annotation or else by its kind. Raises NotReady."""
        condition = self._condition(inputs, live, updating)
        if condition is None:
            return live
        deadline, told = time.monotonic() + timeout_of(inputs, timeout), ""
        namespace, name = objects.namespace_of(live), objects.name_of(live)
        verdict = Verdict(False, "not seen yet")
        for seen in self._api.watch(resource, namespace, name):
            live = seen or live
            try:
                verdict = condition(live)
            except readiness.Failed as failure:
                raise NotReady(str(failure), live, self._what_is_known(live)) from None
            if verdict.done:
                return live
            if verdict.seen != told:
                told = verdict.seen
                tell(told)
            self._check_clock(deadline, live, "timed out waiting for the condition", verdict)
        raise NotReady("it was deleted while it was waited for", live, [])

    def _condition(self, inputs: Object, live: Object, updating: bool) -> Condition | None:
        if objects.is_true(inputs, objects.SKIP_AWAIT):
            return None
        annotated = objects.annotation(live, objects.WAIT_FOR)
        if not annotated:
            return readiness.condition_for(self._api, live, updating)
        conditions = expressions.parse(annotated)

        def all_hold(obj: Object) -> Verdict:
            verdicts = [condition(obj) for condition in conditions]
            return next((verdict for verdict in verdicts if not verdict.done), Verdict(True, ""))

        return all_hold

    def _check_clock(self, deadline: float, live: Object, message: str, verdict: Verdict | None = None) -> None:
        if self._cancelled.is_set():
            raise NotReady("the operation was cancelled", live, [])
        if time.monotonic() >= deadline:
            details = [verdict.seen] if verdict else []
            raise NotReady(message, live, details + self._what_is_known(live))

    def until_gone(
        self, resource: Resource, inputs: Object, live: Object, *, timeout: float, tell: Callable[[str], None]
    ) -> None:
        """Returns when the object doesn't exist any more. Raises NotReady."""
        deadline = time.monotonic() + timeout_of(inputs, timeout)
        told = ""
        for seen in self._api.watch(resource, objects.namespace_of(live), objects.name_of(live)):
            live = seen or live
            if not objects.metadata(live).get("deletionTimestamp"):
                # Somebody made a new object of this name after ours was gone.
                return
            finalizers = ", ".join(objects.metadata(live).get("finalizers") or [])
            message = f"waiting for deletion (finalizers: {finalizers})" if finalizers else "waiting for deletion"
            if message != told:
                told = message
                tell(told)
            held = f"; finalizers might be preventing deletion ({finalizers})" if finalizers else ""
            self._check_clock(deadline, live, f"timed out waiting for the condition{held}")

    def now(self, live: Object) -> list[str]:
        """For a refresh: why the object isn't ready, empty if it is. Only kinds with their own rule are looked at."""
        condition = readiness.condition_for_read(self._api, live)
        if condition is None:
            return []
        try:
            verdict = condition(live)
        except readiness.Failed as failure:
            return [str(failure)]
        return [] if verdict.done else [verdict.seen]

    def _what_is_known(self, live: Object) -> list[str]:
        """Conditions, the pods' own faults, and the last warning events; nothing when even asking fails."""
        known = [
            f"condition {condition.get('type')} is {condition.get('status')}: "
            f"[{condition.get('reason', 'no reason')}] {condition.get('message', '')}".rstrip()
            for condition in (live.get("status") or {}).get("conditions") or []
        ]
        try:
            pods = self._pods(live)
            for pod in pods:
                known += [f"pod {objects.name_of(pod)}: {fault}" for fault in readiness.container_faults(pod)]
            for obj in [live, *pods]:
                known += self._events(obj)
        except (ApiError, Unreachable):
            return known
        return known

    def _pods(self, live: Object) -> list[Object]:
        pods = self._api.resource("v1", "Pod")
        namespace = objects.namespace_of(live)
        if live.get("kind") == "Job":
            return self._api.find_all(pods, namespace, labelSelector=f"job-name={objects.name_of(live)}")
        labels = ((live.get("spec") or {}).get("selector") or {}).get("matchLabels")
        if live.get("kind") in ("Deployment", "StatefulSet", "DaemonSet") and labels:
            selector = ",".join(f"{key}={value}" for key, value in labels.items())
            return self._api.find_all(pods, namespace, labelSelector=selector)
        return []

    def _events(self, obj: Object) -> list[str]:
        fields = f"involvedObject.uid={objects.metadata(obj)['uid']},type=Warning"
        found = self._api.find_all(self._api.resource("v1", "Event"), objects.namespace_of(obj), fieldSelector=fields)
        found.sort(key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
        who = f"{obj.get('kind', 'Pod')} {objects.name_of(obj)}"
        return [f"event on {who}: [{event['reason']}] {event['message']}" for event in found[-_TOLD_EVENTS:]]
