"""The form in which an object is kept in Pulumi's state, and what in it is secret.

State holds the live object's own fields and three more: `__inputs` (the inputs it was made from),
`__initialApiVersion` and `__fieldManager`, as the real provider does (pulumi-kubernetes, `checkpointObject`), so that
both can read each other's state.
"""

from dataclasses import dataclass
from typing import Any

from local.providers.common.provider import Values
from local.providers.common.values import Secret, reveal, secret_paths
from local.providers.kubernetes import normalize
from local.providers.kubernetes.objects import Object

INPUTS = "__inputs"
API_VERSION = "__initialApiVersion"
MANAGER = "__fieldManager"
# kubectl keeps the whole manifest in there, a Secret's values included.
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True)
class Checkpoint:
    """A state's content, in Kubernetes' own spelling and without secret marks: never log it."""

    inputs: Object
    live: Object
    api_version: str
    manager: str


def parse(state: Values) -> Checkpoint:
    """Reads a state back."""
    plain: Object = normalize.to_kubernetes(reveal(state))
    inputs = plain.pop(INPUTS, None) or {}
    api_version = plain.pop(API_VERSION, None) or inputs.get("apiVersion") or plain.get("apiVersion") or ""
    return Checkpoint(inputs, plain, api_version, plain.pop(MANAGER, None) or "")


def build(inputs: Object, live: Object, like: Values, *, api_version: str, manager: str) -> Values:
    """State for a live object. Whatever is secret in `like` (the inputs as the engine sent them) stays secret."""
    return {
        **with_secrets(live, like),
        INPUTS: with_secrets(inputs, like),
        API_VERSION: api_version,
        MANAGER: manager,
    }


def with_secrets(obj: Object, like: Values) -> Values:
    """The object in the SDKs' spelling, with marks on a Secret's content and on what is secret in `like`.

    A list that holds a secret becomes secret as a whole, because the server may order it anew."""
    marked = _mark(normalize.to_pulumi(obj), like)
    if marked.get("kind") != "Secret":
        return marked
    hidden = {key: Secret(reveal(marked[key])) for key in ("data", "stringData") if marked.get(key) is not None}
    return {**_hide_last_applied(marked), **hidden}


def _hide_last_applied(obj: Values) -> Values:
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("annotations"), dict):
        return obj
    annotations = metadata["annotations"]
    if not isinstance(annotations.get(_LAST_APPLIED), str):
        return obj
    annotations = {**annotations, _LAST_APPLIED: Secret(annotations[_LAST_APPLIED])}
    return {**obj, "metadata": {**metadata, "annotations": annotations}}


def _mark(out: Any, like: Any) -> Any:
    if isinstance(out, dict) and isinstance(like, dict):
        return {key: _mark(value, like[key]) if key in like else value for key, value in out.items()}
    return Secret(out) if any(True for _ in secret_paths(like)) else out
