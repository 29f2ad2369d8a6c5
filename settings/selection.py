"""Which namespaces get the pull secret: what is wrong with a choice as a whole."""

from collections.abc import Sequence

from . import schema
from .reader import Reader
from .selectors import Selector

# One namespace's entry in the CronJob's list of targets (components/refresh_cron_job.py), less its two names; a uid has 36
# characters. And room for all that stands around the entries.
_ENTRY_BYTES = 36 + len(
    '{"name":"","owner":{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","name":"","uid":""}},'
)
_FRAME_BYTES = 2048


def refuse_bad_selections(
    reader: Reader,
    *,
    namespaces: Sequence[str],
    create: bool,
    selector: Selector | None,
    excluded: Sequence[str],
    system_namespace: str,
) -> None:
    """Notes what is wrong between the keys that choose namespaces."""
    if system_namespace in namespaces and reader.sound("namespaces", "systemNamespace"):
        reader.refuse(
            "systemNamespace",
            "is also in everpull:namespaces, but whoever may run pods there could mount the AWS credentials it holds",
            "a namespace of its own, which everpull makes",
        )
    if not reader.sound("namespaces", "namespaceSelector", "excludedNamespaces"):
        return
    if not namespaces and selector is None:
        reader.refuse(
            "namespaces",
            "names no namespace, so nobody would get a pull secret",
            "at least one namespace, or labels to choose by in everpull:namespaceSelector",
        )
    if create and not namespaces and reader.sound("createNamespaces"):
        reader.refuse(
            "createNamespaces",
            "makes namespaces that everpull:namespaces lists, and there are none; those that everpull:namespaceSelector "
            "chooses exist",
            "together with everpull:namespaces",
        )
    if excluded and selector is None:
        reader.refuse(
            "excludedNamespaces",
            "takes namespaces out of what everpull:namespaceSelector chooses, and that is not set",
            "together with everpull:namespaceSelector",
        )
    both = [name for name in namespaces if name in excluded]
    if both:
        reader.refuse(
            "excludedNamespaces",
            f"excludes {both[0]}, which everpull:namespaces lists",
            "namespaces that are not listed",
        )


def refuse_too_many(reader: Reader, namespaces: Sequence[str], excluded: Sequence[str], role: str, more: int) -> None:
    """Notes more namespaces than fit into the ConfigMap that tells the CronJob of them.

    `role` is the longest name of a Role there, `more` the length of what else the configuration puts into it.
    """
    size = targets_bytes(namespaces, excluded, role, more)
    if size > schema.CONFIG_MAP_BYTES and reader.sound("namespaces", "excludedNamespaces"):
        key = "namespaces" if len(namespaces) >= len(excluded) else "excludedNamespaces"
        reader.refuse(
            key,
            f"is a list that takes {size / 2**20:.1f} MiB in the cluster, and a ConfigMap holds 1",
            "fewer names: choose by label with everpull:namespaceSelector, or use several stacks",
        )


def targets_bytes(namespaces: Sequence[str], excluded: Sequence[str], role: str, more: int) -> int:
    """No fewer bytes than the list of targets takes."""
    listed = sum(len(name) + len(role) + _ENTRY_BYTES for name in namespaces)
    return _FRAME_BYTES + more + listed + sum(len(name) + len('"",') for name in excluded)
