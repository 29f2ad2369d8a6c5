"""Create, read, update and delete of one object, in the order and with the tolerance of the real provider."""

import threading
from collections.abc import Callable

from local.providers.common import provider as base
from local.providers.common.provider import PartialFailureError, ProviderError, Values
from local.providers.kubernetes import checkpoint, normalize, objects, ownership
from local.providers.kubernetes.api import Answer, ApiError, NoSuchKind, Resource, Unreachable
from local.providers.kubernetes.checkpoint import Checkpoint
from local.providers.kubernetes.cluster import Cluster, explain_conflict, field_warnings
from local.providers.kubernetes.objects import Object
from local.providers.kubernetes.redact import Redactor
from local.providers.kubernetes.waiting import NotReady, Waiter

# Seconds between tries while a namespace or a CustomResourceDefinition isn't there yet: other resources of the same
# `up` may be making it (pulumi-kubernetes, `await.Creation`).
RETRY_DELAYS = (1.0, 2.0, 4.0, 8.0, 16.0)
_EXISTS_HELP = (
    "\nThe resource already exists in the cluster. To keep it: adopt it with `pulumi import`, manage single fields of it "
    "with a Patch resource, give an alias if only the Pulumi name changed, or set upsertExistingObjects on the provider."
)


class Operations:
    """What one request does. Errors are ProviderError and hold no secret of the request."""

    def __init__(
        self,
        cluster: Cluster,
        log: base.EngineLog,
        urn: str,
        cancelled: threading.Event,
        retry_delays: tuple[float, ...],
    ) -> None:
        self._cluster = cluster
        self._log = log
        self._urn = urn
        self._cancelled = cancelled
        self._retry_delays = retry_delays
        self._api = cluster.api
        self._waiter = Waiter(self._api, cancelled)

    def is_unready(self, live: Object) -> bool:
        """Whether the object, looked up now, isn't ready; False when that can't be told."""
        try:
            resource = self._api.resource(str(live.get("apiVersion")), str(live.get("kind")))
            current = self._api.get(resource, objects.namespace_of(live), objects.name_of(live))
        except (ApiError, NoSuchKind, Unreachable):
            return False
        return bool(self._waiter.now(current))

    def create(self, inputs: Object, request: base.CreateRequest, *, patch: bool) -> base.Resource:
        """Makes the object and waits for it; with preview, what a dry run answers, or the inputs where it can't tell."""
        redact = Redactor(request.inputs)
        manager = ownership.manager_name(inputs, "")
        try:
            resource, answer = self._make(inputs, manager, redact, preview=request.preview, patch=patch)
        except (ApiError, NoSuchKind, Unreachable) as error:
            if request.preview and _is_tolerable_at_preview(error):
                return base.Resource("", request.inputs)
            raise ProviderError(self._creation_fault(error, inputs, manager, redact)) from None
        self._warn(answer)
        live, failure = answer.object, None
        if request.preview:
            live = {key: value for key, value in live.items() if key != "status"}
        else:
            live, failure = self._await(resource, inputs, live, request.timeout, updating=False)
            self._tell("")
        state = checkpoint.build(inputs, live, request.inputs, api_version=inputs["apiVersion"], manager=manager)
        if failure is not None:
            text = (
                f"resource {self._urn!r} was successfully created, but the Kubernetes API server reported that it failed "
                f"to fully initialize or become live: {failure}"
            )
            raise self._partial(objects.resource_id(live), state, {}, [text, *failure.details], redact)
        if inputs["kind"] == "CustomResourceDefinition":
            self._api.forget_kinds()
        return base.Resource("" if request.preview else objects.resource_id(live), state)

    def _make(
        self, inputs: Object, manager: str, redact: Redactor, *, preview: bool, patch: bool
    ) -> tuple[Resource, Answer]:
        """One create, tried again while what it needs may still come."""
        for delay in (*self._retry_delays, None):
            try:
                return self._make_once(inputs, manager, preview=preview, patch=patch)
            except (ApiError, NoSuchKind) as error:
                missing = isinstance(error, NoSuchKind) or error.code == 404
                if not missing or preview or delay is None:
                    raise
                self._tell(f"not there yet, trying again: {redact(str(error))}")
                if self._cancelled.wait(delay):
                    raise
        raise AssertionError("the last try returns or raises")

    def _make_once(self, inputs: Object, manager: str, *, preview: bool, patch: bool) -> tuple[Resource, Answer]:
        resource = self._api.resource(inputs["apiVersion"], inputs["kind"])
        if not resource.namespaced:
            inputs = objects.with_metadata(inputs, namespace=None)
        place = {"namespace": objects.namespace_of(inputs), "name": objects.name_of(inputs), "dry_run": preview}
        if not patch and not self._cluster.options.upsert:
            return resource, self._api.write("create", resource, inputs, manager=ownership.CREATOR, **place)
        force = ownership.must_force(inputs, None, always=self._cluster.options.patch_force, preview=preview)
        return resource, self._api.write("apply", resource, inputs, manager=manager, force=force, **place)

    def _creation_fault(self, error: Exception, inputs: Object, manager: str, redact: Redactor) -> str:
        if isinstance(error, NoSuchKind):
            return (
                f"creation of resource {self._urn!r} with kind {inputs['apiVersion']}/{inputs['kind']} failed because the "
                "Kubernetes API server reported that the apiVersion for this resource does not exist. Verify that any "
                f"required CRDs have been created: {error}"
            )
        text = _text_of(error, manager)
        if isinstance(error, ApiError) and error.reason == "AlreadyExists":
            text += _EXISTS_HELP
        return redact(f"resource {self._urn!r} was not successfully created by the Kubernetes API server: {text}")

    def read(self, inputs: Object, request: base.ReadRequest) -> base.Resource | None:
        """The live object; with inputs unknown (an import or `get`) they are made from it."""
        state = checkpoint.parse(request.state)
        namespace, name = objects.parse_id(request.id)
        from_cluster = not inputs.get("kind") and not state.live.get("kind")
        kind = objects.kind_of_token(request.on.type, str(inputs.get("kind") or state.live.get("kind") or ""))
        if not inputs.get("kind"):
            where = {"name": name, **({"namespace": namespace} if namespace else {})}
            inputs = {**inputs, "apiVersion": kind.api_version, "kind": kind.kind}
            inputs = objects.with_metadata(inputs, **{**where, **objects.metadata(inputs)})
        redact = Redactor(request.inputs, request.state)
        try:
            resource = self._api.resource(inputs["apiVersion"], inputs["kind"])
            live = self._api.get(resource, namespace or objects.namespace_of(inputs), name)
            unready = [] if from_cluster or objects.is_true(inputs, objects.SKIP_AWAIT) else self._waiter.now(live)
        except NoSuchKind:
            return None
        except (ApiError, Unreachable) as error:
            if isinstance(error, ApiError) and error.code == 404:
                return None
            raise ProviderError(redact(str(error))) from None
        seen = _importable(live) if from_cluster else normalize.prune(live, inputs)
        manager = ownership.manager_name(inputs, state.manager)
        api_version = state.api_version or inputs["apiVersion"]
        outputs = checkpoint.build(seen, live, request.inputs, api_version=api_version, manager=manager)
        seen_inputs = checkpoint.with_secrets(seen, request.inputs)
        if unready:
            text = f"Resource '{name}' was created but failed to initialize"
            raise self._partial(request.id, outputs, seen_inputs, [text, *unready], Redactor(outputs))
        return base.Resource(request.id, outputs, seen_inputs)

    def update(self, inputs: Object, request: base.UpdateRequest, *, patch: bool) -> Values:
        """Brings the object to its new inputs. A refused or unfinished update keeps the new inputs in state, so that the
        next `up` tries again."""
        redact = Redactor(request.new_inputs, request.old_inputs, request.old_state)
        state = checkpoint.parse(request.old_state)
        manager = ownership.manager_name(inputs, state.manager)
        failure: str | None = None
        details: list[str] = []
        try:
            resource = self._api.resource(inputs["apiVersion"], inputs["kind"])
            live = self._api.get(resource, objects.namespace_of(state.live), objects.name_of(state.live))
        except (ApiError, NoSuchKind, Unreachable) as error:
            raise ProviderError(redact(f"update of resource {self._urn!r} failed: {error}")) from None
        try:
            answer = self._apply(resource, inputs, live, manager, request, patch=patch)
            self._warn(answer)
            live = answer.object
        except (ApiError, Unreachable) as error:
            if request.preview:
                if isinstance(error, ApiError) and error.reason == "Forbidden":
                    return request.new_inputs
                raise ProviderError(
                    redact(f"update of resource {self._urn!r} failed: {_text_of(error, manager)}")
                ) from None
            failure = _text_of(error, manager)
        if failure is None and not request.preview:
            live, unready = self._await(resource, inputs, live, request.timeout, updating=True)
            self._tell("")
            if unready is not None:
                failure, details = str(unready), unready.details
        outputs = checkpoint.build(inputs, live, request.new_inputs, api_version=state.api_version, manager=manager)
        if failure is not None:
            name = objects.resource_id(live)
            text = (
                f"the Kubernetes API server reported that {name!r} failed to fully initialize or become live: {failure}"
            )
            raise self._partial(request.id, outputs, {}, [text, *details], redact)
        if state.manager and state.manager != manager and not request.preview:
            self._quietly(lambda: ownership.relinquish(self._api, resource, live, state.manager), redact)
        return outputs

    def _apply(
        self,
        resource: Resource,
        inputs: Object,
        live: Object,
        manager: str,
        request: base.UpdateRequest,
        *,
        patch: bool,
    ) -> Answer:
        namespace, name = objects.namespace_of(live), objects.name_of(live)
        if not resource.namespaced:
            inputs = objects.with_metadata(inputs, namespace=None)
        place = {"namespace": namespace, "name": name, "manager": manager, "dry_run": request.preview}
        if resource.kind == "CustomResourceDefinition":
            # A whole new definition rather than a merge, as `kubectl replace` does.
            version = objects.metadata(live)["resourceVersion"]
            return self._api.write("replace", resource, objects.with_metadata(inputs, resourceVersion=version), **place)
        if not request.preview and not patch:
            live = ownership.take_over(self._api, resource, live, manager)
        inputs = ownership.keep_ignored(inputs, live, request.ignore_changes, manager)
        always = self._cluster.options.patch_force
        force = ownership.must_force(inputs, live, always=always, preview=request.preview)
        return self._api.write("apply", resource, inputs, force=force, **place)

    def delete(self, state: Checkpoint, request: base.DeleteRequest, *, patch: bool) -> None:
        """Deletes the object and waits until it is gone; a Patch resource only gives its own fields back."""
        redact = Redactor(request.state, request.old_inputs)
        inputs, live = state.inputs, state.live
        namespace, name = objects.parse_id(request.id)
        try:
            resource = self._api.resource(str(live.get("apiVersion")), str(live.get("kind")))
            if patch:
                ownership.relinquish(self._api, resource, live, ownership.manager_name(inputs, state.manager))
                return
            self._api.delete(resource, namespace, name, _propagation(inputs))
            if objects.is_true(inputs, objects.SKIP_AWAIT) and live.get("kind") in _SKIPPABLE:
                return
            self._waiter.until_gone(resource, inputs, live, timeout=request.timeout, tell=self._tell)
            self._tell("")
        except NoSuchKind:
            return
        except NotReady as failure:
            outputs = checkpoint.build(
                inputs, failure.last, request.state, api_version=state.api_version, manager=state.manager
            )
            raise self._partial(request.id, outputs, {}, [str(failure), *failure.details], redact) from None
        except (ApiError, Unreachable) as error:
            if isinstance(error, ApiError) and error.code == 404:
                return
            if patch and isinstance(error, ApiError) and "Required value" in str(error):
                raise ProviderError(
                    "this Patch resource is currently managing a required field, so it can't be deleted directly. Either "
                    "set the `retainOnDelete` resource option, or transfer ownership of the field before deleting: "
                    + redact(str(error))
                ) from None
            raise ProviderError(redact(str(error))) from None

    def _await(
        self, resource: Resource, inputs: Object, live: Object, timeout: float, *, updating: bool
    ) -> tuple[Object, NotReady | None]:
        try:
            ready = self._waiter.until_ready(
                resource, inputs, live, updating=updating, timeout=timeout, tell=self._tell
            )
        except NotReady as failure:
            return failure.last, failure
        except (ApiError, Unreachable, ProviderError) as error:
            return live, NotReady(str(error), live, [])
        return ready, None

    @staticmethod
    def _partial(
        resource_id: str, state: Values, inputs: Values, reasons: list[str], redact: Redactor
    ) -> PartialFailureError:
        return PartialFailureError(resource_id, state, inputs, [redact(reason) for reason in reasons])

    def _quietly(self, work: Callable[[], None], redact: Redactor) -> None:
        try:
            work()
        except (ApiError, Unreachable) as error:
            self._log.warning(redact(f"the former field manager still owns its fields: {error}"), urn=self._urn)

    def _tell(self, message: str) -> None:
        self._log.info(message, urn=self._urn, ephemeral=True)

    def _warn(self, answer: Answer) -> None:
        for text in field_warnings(answer):
            self._log.warning(f"the API server drops a field of this resource: {text}", urn=self._urn)


# Kinds for which the real provider's skipAwait also skips waiting for deletion.
_SKIPPABLE = frozenset({"Namespace", "Pod", "ReplicationController", "DaemonSet", "Deployment", "StatefulSet", "Job"})


def _propagation(inputs: Object) -> str:
    wanted = objects.annotation(inputs, objects.PROPAGATION).capitalize()
    return wanted if wanted in ("Orphan", "Background") else "Foreground"


def _text_of(error: Exception, manager: str) -> str:
    if isinstance(error, ApiError) and error.code == 409 and error.reason == "Conflict":
        return explain_conflict(error, manager)
    return str(error)


def _is_tolerable_at_preview(error: Exception) -> bool:
    """Whether an `up` may well succeed where the dry run didn't: the namespace or the kind is made by the same `up`, the
    existing object is deleted first, or this login may not do dry runs."""
    if isinstance(error, NoSuchKind):
        return True
    if not isinstance(error, ApiError):
        return False
    no_dry_run = error.code == 400 and "dry run" in error.message
    return error.is_missing_namespace or no_dry_run or error.reason in ("AlreadyExists", "Forbidden")


def _importable(live: Object) -> Object:
    """Inputs for an object that Pulumi didn't make."""
    kept = objects.without_read_only({key: value for key, value in live.items() if key != "status"})
    annotations = dict(objects.metadata(kept).get("annotations") or {})
    for key in ("deployment.kubernetes.io/revision", "kubectl.kubernetes.io/last-applied-configuration"):
        annotations.pop(key, None)
    return objects.with_metadata(kept, annotations=annotations or None)
