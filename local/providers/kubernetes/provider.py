"""The provider: what the engine asks for, in terms of one Kubernetes object."""

import hashlib
import os
from collections.abc import Mapping

from local.providers.common import provider as base
from local.providers.common.diff import DiffResult, without_ignored
from local.providers.common.provider import ProviderError, Values
from local.providers.common.values import Value, has_unknown, reveal
from local.providers.kubernetes import checkpoint, differences, expressions, normalize, objects, options
from local.providers.kubernetes.cluster import Cluster
from local.providers.kubernetes.objects import Object
from local.providers.kubernetes.operations import RETRY_DELAYS, Operations

_MANAGED_BY = "app.kubernetes.io/managed-by"


class KubernetesProvider(base.Provider):
    """Stand-in for the Kubernetes provider 4.34; README.md in this folder says what it covers."""

    name = "kubernetes"
    version = "4.34.2"

    def __init__(self, retry_delays: tuple[float, ...] = RETRY_DELAYS) -> None:
        super().__init__()
        self._retry_delays = retry_delays
        self._cluster: Cluster | None = None

    @property
    def _here(self) -> Cluster:
        if self._cluster is None:
            raise ProviderError("the kubernetes provider has not been configured")
        return self._cluster

    def _operations(self, request_urn: str) -> Operations:
        return Operations(self._here, self.log, request_urn, self.cancelled, self._retry_delays)

    def close(self) -> None:
        """Closes the connections to the cluster."""
        if self._cluster is not None:
            self._cluster.close()

    # Configuration

    def check_config(self, request: base.CheckRequest) -> base.CheckResult:
        """Refuses what this stand-in can't do."""
        return base.CheckResult(request.new_inputs, options.faults(request.new_inputs))

    def diff_config(self, request: base.DiffRequest) -> DiffResult:
        """Another cluster means new resources; without an identifier, only another server's address tells."""
        return options.diff(request.old_inputs or request.old_state, request.new_inputs)

    def configure(self, config: Mapping[str, Value]) -> None:
        self._cluster = Cluster(options.parse(config))

    # Inputs

    def check(self, request: base.CheckRequest) -> base.CheckResult:
        """Gives the object a name and a namespace, and marks a Secret's content as secret."""
        new, old = (
            normalize.to_kubernetes(reveal(request.new_inputs)),
            normalize.to_kubernetes(reveal(request.old_inputs)),
        )
        kind = objects.kind_of_token(request.on.type, str(new.get("kind", "")))
        new = {**new, "apiVersion": kind.api_version, "kind": kind.kind}
        cluster = self._here
        if cluster.unreachable and cluster.options.skip_update_unreachable and request.old_inputs:
            self.log.warning(
                "the cluster is unreachable; skipUpdateUnreachable is set, so this is skipped", urn=request.on.urn
            )
            return base.CheckResult(request.old_inputs)
        new = normalize.inputs(new)
        if isinstance(new.get("metadata", {}), dict):
            failure = self._name(request, new, old, kind.patch)
            if failure:
                return base.CheckResult(request.new_inputs, [failure])
            if objects.annotation(new, objects.WAIT_FOR):
                # Only for its errors: the real provider meets them after it has made the object.
                expressions.parse(objects.annotation(new, objects.WAIT_FOR))
        return base.CheckResult(checkpoint.with_secrets(new, request.new_inputs))

    def _name(self, request: base.CheckRequest, new: Object, old: Object, patch: bool) -> tuple[str, str] | None:
        """Fills in name, namespace and the managed-by label, in place; a reason if that can't be done."""
        metadata = new["metadata"] = dict(new.get("metadata") or {})
        if not metadata.get("name"):
            if metadata.get("generateName"):
                return "metadata.generateName", "generateName is not supported in Server-Side Apply mode"
            if patch:
                return "metadata.name", "a Patch resource needs the name of the object it patches"
            if request.autonaming is not None and request.autonaming.mode == "disable" and not old:
                return "metadata.name", "automatic naming is disabled by pulumi:autonaming, so the name must be given"
            # A name that the program no longer gives is left out: the difference replaces the object, which names it anew.
            automatic = self._automatic_name(request, old)
            if automatic:
                metadata["name"] = automatic
                if isinstance(metadata.get("annotations", {}), dict):
                    metadata["annotations"] = {**metadata.get("annotations", {}), objects.AUTONAMED: "true"}
        label = os.environ.get("PULUMI_KUBERNETES_MANAGED_BY_LABEL", "pulumi")
        had = (objects.metadata(old).get("labels") or {}).get(_MANAGED_BY)
        if had == label and isinstance(metadata.get("labels", {}), dict):
            # Objects that were made by client-side apply carry it; taking it off would be a change nobody asked for.
            metadata["labels"] = {**metadata.get("labels", {}), _MANAGED_BY: label}
        if not metadata.get("namespace") and self._here.is_namespaced(new):
            metadata["namespace"] = self._here.namespace
        return None

    @staticmethod
    def _automatic_name(request: base.CheckRequest, old: Object) -> str:
        """The old automatic name; for a new object what the stack's settings propose, or the logical name and 8 digits of
        the engine's seed, so that a preview and its `up` agree."""
        if old:
            return objects.name_of(old) if objects.is_true(old, objects.AUTONAMED) else ""
        if request.autonaming is not None and request.autonaming.proposed:
            return request.autonaming.proposed
        return f"{request.on.name}-{hashlib.sha256(request.seed).hexdigest()[:8]}"

    # Differences

    def diff(self, request: base.DiffRequest) -> DiffResult:
        """Compares the new inputs with what the live object was last seen to have of the old inputs' fields."""
        new = normalize.inputs(normalize.to_kubernetes(reveal(request.new_inputs)))
        kind = objects.kind_of_token(request.on.type, str(new.get("kind", "")))
        state = checkpoint.parse(request.old_state)
        old = normalize.prune(state.live, normalize.inputs(state.inputs))
        cluster = self._here
        namespaced = cluster.is_namespaced(new)
        old, new = (self._in_canonical_namespace(obj, namespaced) for obj in (old, new))
        if objects.name_of(new):
            old = objects.with_metadata(old, name=objects.name_of(state.live))
        mutability = differences.Mutability(cluster.options.mutable_secrets, cluster.options.mutable_config_maps)
        replacing = differences.IDENTITY if kind.patch else differences.replacing_paths(new, mutability)
        found = without_ignored(differences.changes(old, new, replacing), request.ignore_changes)
        if objects.is_true(new, objects.REPLACE_UNREADY) and self._is_unready(state.live):
            found.append(differences.REPLACE_UNREADY)
        same_place = (objects.name_of(new), objects.namespace_of(new)) == (
            objects.name_of(state.live),
            objects.namespace_of(state.live) or objects.namespace_of(old),
        )
        named = bool(objects.metadata(new).get("name")) and not objects.is_true(new, objects.AUTONAMED)
        return DiffResult(found, delete_before_replace=named and same_place and any(c.replace for c in found))

    @staticmethod
    def _in_canonical_namespace(obj: Object, namespaced: bool) -> Object:
        namespace = objects.metadata(obj).get("namespace") or "default"
        return objects.with_metadata(obj, namespace=namespace if namespaced else None)

    def _is_unready(self, live: Object) -> bool:
        if self._here.unreachable or live.get("kind") != "Job":
            return False
        return self._operations("").is_unready(live)

    # Life

    def create(self, request: base.CreateRequest) -> base.Resource:
        inputs = normalize.to_kubernetes(reveal(request.inputs))
        kind = objects.kind_of_token(request.on.type, str(inputs.get("kind", "")))
        cluster = self._here
        if request.preview and (has_unknown(inputs) or kind.patch or cluster.find(inputs) is None):
            return base.Resource("", request.inputs)
        return self._operations(request.on.urn).create(inputs, request, patch=kind.patch)

    def read(self, request: base.ReadRequest) -> base.Resource | None:
        cluster = self._here
        if cluster.unreachable:
            return self._read_unreachable(request)
        inputs = normalize.inputs(normalize.to_kubernetes(reveal(request.inputs)))
        return self._operations(request.on.urn).read(inputs, request)

    def _read_unreachable(self, request: base.ReadRequest) -> base.Resource | None:
        cluster = self._here
        self.log.warning(f"configured Kubernetes cluster is unreachable: {cluster.unreachable}", urn=request.on.urn)
        if cluster.options.delete_unreachable:
            return None
        if cluster.options.skip_update_unreachable:
            return base.Resource(request.id, request.state, request.inputs)
        raise ProviderError(
            "failed to read resource state due to unreachable cluster. If the cluster was deleted, you can remove this "
            "resource from Pulumi state by rerunning the operation with the PULUMI_K8S_DELETE_UNREACHABLE environment "
            'variable set to "true"'
        )

    def update(self, request: base.UpdateRequest) -> Values:
        inputs = normalize.inputs(normalize.to_kubernetes(reveal(request.new_inputs)))
        kind = objects.kind_of_token(request.on.type, str(inputs.get("kind", "")))
        if request.preview and (has_unknown(inputs) or self._here.find(inputs) is None):
            return request.new_inputs
        return self._operations(request.on.urn).update(inputs, request, patch=kind.patch)

    def delete(self, request: base.DeleteRequest) -> None:
        state = checkpoint.parse(request.state)
        kind = objects.kind_of_token(request.on.type, str(state.live.get("kind", "")))
        cluster = self._here
        if cluster.unreachable and cluster.options.delete_unreachable:
            self.log.warning(f"the cluster is unreachable ({cluster.unreachable}); forgetting it", urn=request.on.urn)
            return
        self._operations(request.on.urn).delete(state, request, patch=kind.patch)
