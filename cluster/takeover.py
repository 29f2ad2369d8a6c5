"""Objects under the names that this stack will use, which something else made."""

from collections.abc import Iterator, Sequence

from settings import Fault, Settings

from .operator import ESO_API, ESO_GROUP
from .reader import ClusterReader, Row
from .whose import controller, is_ours, named, places, stack_fault

DOCKER_CONFIG_TYPE = "kubernetes.io/dockerconfigjson"
_ADOPT = "everpull:adopt"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def system_namespace_faults(settings: Settings, reader: ClusterReader) -> Iterator[Fault]:
    """The system namespace is something else's: destroy would delete it."""
    name = settings.system_namespace
    found = reader.metadata(f"/api/v1/namespaces/{name}")
    if found is not None and not is_ours(found, settings):
        yield Fault(
            "everpull:systemNamespace",
            name,
            "is a namespace that something else made; everpull makes its own, and deletes it on destroy",
            "the name of a namespace that does not exist",
            f"pulumi config set everpull:systemNamespace {settings.owner}-system",
        )


def pull_secret_faults(settings: Settings, reader: ClusterReader, namespaces: Sequence[str]) -> Iterator[Fault]:
    """Secrets of the pull secret's name that everpull must not, cannot or may not write, in the namespaces."""
    name = settings.pull_secret_name
    found = named(reader, "/api/v1", "secrets", name, namespaces)
    here = [found[namespace] for namespace in namespaces if namespace in found]
    kept = [row for row in here if _has_another_writer(row, settings)]
    if kept:
        owner = controller(kept[0].metadata) or {}
        writer = f"{owner.get('kind')} {owner.get('name')}"
        yield _fault(
            settings,
            f"is in {_places(kept)} a Secret that another controller writes ({writer}); two would undo each other's work",
            f"a name that is free in every chosen namespace, or the other writer gone; {_ADOPT} does not help",
            f"kubectl --namespace {kept[0].namespace} get secret {name} -o jsonpath='{{.metadata.ownerReferences}}'",
        )
    wrong = [row for row in here if row not in kept and row.cells.get("Type", DOCKER_CONFIG_TYPE) != DOCKER_CONFIG_TYPE]
    if wrong:
        yield _fault(
            settings,
            f"is in {_places(wrong)} a Secret of type {wrong[0].cells['Type']}, and a Secret's type cannot be changed",
            f"a name that is free in every chosen namespace, or the Secret gone; {_ADOPT} does not help",
            f"kubectl --namespace {wrong[0].namespace} delete secret {name}   (if nobody needs it)",
        )
    taken = [row for row in here if row not in kept and row not in wrong and not is_ours(row.metadata, settings)]
    if taken and not settings.adopt:
        yield _fault(
            settings,
            f"is taken in {_places(taken)} by a Secret that something else made; everpull would overwrite it, and remove "
            "it on destroy",
            f"a name that is free in every chosen namespace, or {_ADOPT} to take the Secret over",
            "pulumi config set everpull:adopt true   (what it holds now is lost, and destroy removes it)",
        )
    syncs = named(reader, ESO_API, "externalsecrets", name, namespaces)
    rivals = [
        syncs[namespace]
        for namespace in namespaces
        if namespace in syncs and not is_ours(syncs[namespace].metadata, settings) and found.get(namespace) not in kept
    ]
    if rivals:
        yield _fault(
            settings,
            f"is taken in {_places(rivals)} by an ExternalSecret that something else made; it would write the same Secret",
            f"a name that is free in every chosen namespace; {_ADOPT} does not help",
            f"kubectl --namespace {rivals[0].namespace} get externalsecret {name} -o yaml",
        )


def labelled_sync_faults(settings: Settings, reader: ClusterReader, namespaces: Sequence[str]) -> Iterator[Fault]:
    """ExternalSecrets under the name of ours in namespaces that are chosen by label. ESO leaves what it did not make."""
    name = settings.labelled_sync
    syncs = named(reader, ESO_API, "externalsecrets", name, namespaces)
    taken = [n for n in namespaces if n in syncs and not is_ours(syncs[n].metadata, settings)]
    if taken:
        yield _fault(
            settings,
            f"would need the ExternalSecret {name} in {places(taken)}, which something else made",
            f"a name of which no chosen namespace has an ExternalSecret NAME.labelled; {_ADOPT} does not help",
            f"kubectl --namespace {taken[0]} get externalsecret {name} -o yaml",
        )


def role_faults(settings: Settings, reader: ClusterReader) -> Iterator[Fault]:
    """Roles and bindings of mode `cronjob`, in the listed namespaces."""
    for kind in ("Role", "RoleBinding"):
        found = named(reader, RBAC, f"{kind.lower()}s", settings.role, settings.namespaces)
        taken = [
            namespace
            for namespace in settings.namespaces
            if namespace in found and not is_ours(found[namespace].metadata, settings)
        ]
        if taken:
            yield stack_fault(
                settings,
                f"{kind} {settings.role} in {places(taken)}",
                f"kubectl --namespace {taken[0]} get {kind.lower()} {settings.role} -o yaml",
            )


def cluster_role_faults(settings: Settings, reader: ClusterReader) -> Iterator[Fault]:
    """ClusterRole and binding of mode `cronjob`, which has them with a label selector only."""
    if settings.selector is None:
        return
    for kind in ("ClusterRole", "ClusterRoleBinding"):
        found = reader.metadata(f"{RBAC}/{kind.lower()}s/{settings.role}")
        if found is not None and not is_ours(found, settings):
            yield stack_fault(
                settings,
                f"{kind} {settings.role}",
                f"kubectl get {kind.lower()} {settings.role} -o yaml",
            )


def _has_another_writer(row: Row, settings: Settings) -> bool:
    """Whether a controller keeps the Secret, other than an ExternalSecret by which this stack itself keeps it."""
    owner = controller(row.metadata)
    if owner is None:
        return False
    ours = (
        owner.get("kind") == "ExternalSecret"
        and str(owner.get("apiVersion", "")).startswith(f"{ESO_GROUP}/")
        and owner.get("name") in (row.name, settings.labelled_sync)
        and is_ours(row.metadata, settings)
    )
    return not ours


def _places(rows: Sequence[Row]) -> str:
    return places([row.namespace for row in rows])


def _fault(settings: Settings, problem: str, allowed: str, example: str) -> Fault:
    return Fault("everpull:pullSecretName", settings.pull_secret_name, problem, allowed, example)
