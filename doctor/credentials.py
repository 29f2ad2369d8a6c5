"""Where the cluster has its access key, as what uses it says."""

from collections.abc import Callable, Mapping

from cluster.operator import ESO_API
from cluster.reader import items, part
from components.cluster_identity import ACCESS_KEY_VARIABLE

from .cluster import external_secret_path
from .view import View


def key_secret(view: View) -> tuple[str, str] | None:
    """Namespace and name of the Secret with the key in use; None where what uses it is gone. Raises Unreachable, Forbidden."""
    name = _FINDERS[view.mode](view) if view.mode in _FINDERS else None
    return (view.text("systemNamespace"), name) if name else None


def cron_job_pod(cron_job: Mapping[str, object]) -> Mapping[str, object]:
    """The spec of the pods of a CronJob."""
    return part(part(part(part(part(cron_job, "spec"), "jobTemplate"), "spec"), "template"), "spec")


def store_of(view: View) -> tuple[str, Mapping[str, object] | None]:
    """Name and content of the store by which the hub is read; an empty name where the hub does not tell."""
    namespace, hub = view.place("hub")
    wanted = view.cluster.document(external_secret_path(namespace, hub))
    name = str(part(part(wanted or {}, "spec"), "secretStoreRef").get("name") or "")
    return name, view.cluster.document(f"{ESO_API}/namespaces/{namespace}/secretstores/{name}") if name else None


def _of_store(view: View) -> str | None:
    return _key_in(store_of(view)[1] or {}, "spec", "provider", "aws", "auth")


def _of_generators(view: View) -> str | None:
    """All of them have the same."""
    return next(filter(None, (_key_in(one.generator or {}, "spec", "auth") for one in view.generated)), None)


def _key_in(found: Mapping[str, object], *path: str) -> str | None:
    """By the `auth` block of ESO at the end of the path (ESO API reference, AWSAuth)."""
    for step in (*path, "secretRef", "accessKeyIDSecretRef"):
        found = part(found, step)
    return str(found["name"]) if "name" in found else None


def _of_cron_job(view: View) -> str | None:
    namespace, name = view.place("cronJob")
    found = view.cluster.document(f"/apis/batch/v1/namespaces/{namespace}/cronjobs/{name}") or {}
    for container in items(cron_job_pod(found), "containers"):
        for variable in items(container, "env"):
            if variable.get("name") == ACCESS_KEY_VARIABLE:
                reference = part(part(variable, "valueFrom"), "secretKeyRef")
                return str(reference["name"]) if "name" in reference else None
    return None


_FINDERS: Mapping[str, Callable[[View], str | None]] = {
    "lambda": _of_store,
    "generator": _of_generators,
    "cronjob": _of_cron_job,
}
