"""The logins that ESO fetches itself, in mode `generator`, as the objects in the system namespace tell of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cluster.operator import ESO_API, GENERATORS
from cluster.reader import items, part
from cluster.whose import labelled
from components.generated_logins import LOGIN_ANNOTATION
from settings import Settings

from .cluster import DATA_KEY, Cluster, Object, decoded, external_secret_path, moment, secret_path

_GENERATORS = "ecrauthorizationtokens"


@dataclass(frozen=True)
class GeneratedLogin:
    """One login. `name` is that of its ExternalSecret, its generator and its Secret. What does not exist is None.

    `login` is what the logins are told apart by (see modes/by_generator.py).
    """

    login: str
    name: str
    sync: Object | None
    generator: Object | None
    secret: Object | None = field(repr=False)

    @property
    def fetched(self) -> datetime | None:
        """When it was: each sync that goes well fetches it anew (ESO API reference, ExternalSecretStatus)."""
        return moment(self.sync or {}, "status", "refreshTime")

    @property
    def docker_config(self) -> str | None:
        """What its Secret holds."""
        return decoded(self.secret, DATA_KEY) if self.secret else None

    @property
    def reader_role(self) -> str | None:
        """Name of the Role, and of its binding, by which the hub reads it; None where that is not to be known."""
        ending = f"-{self.login}"
        return self.name.removesuffix(ending) if self.sync is not None and self.name.endswith(ending) else None


def read_generated(cluster: Cluster, settings: Settings, hub: tuple[str, str]) -> list[GeneratedLogin]:
    """The logins that the hub (namespace and name) is made of; those that there are, where it is gone.

    Raises Unreachable, Forbidden.
    """
    namespace, name = hub
    wanted = cluster.document(external_secret_path(namespace, name))
    names = _read_by(wanted) if wanted else _there(cluster, settings, namespace)
    return [_login(cluster, namespace, one) for one in names]


def generator_path(namespace: str, name: str) -> str:
    """Where a generator of ECR logins is."""
    return f"{GENERATORS}/namespaces/{namespace}/{_GENERATORS}/{name}"


def _login(cluster: Cluster, namespace: str, name: str) -> GeneratedLogin:
    sync = cluster.document(external_secret_path(namespace, name))
    return GeneratedLogin(
        str(_annotations(sync or {}).get(LOGIN_ANNOTATION, name)),
        name,
        sync,
        cluster.document(generator_path(namespace, name)),
        cluster.document(secret_path(namespace, name)),
    )


def _read_by(hub: Object) -> Sequence[str]:
    keys = [part(one, "remoteRef").get("key") for one in items(part(hub, "spec"), "data")]
    return list(dict.fromkeys(str(key) for key in keys if key))


def _there(cluster: Cluster, settings: Settings, namespace: str) -> Sequence[str]:
    listed = cluster.document(f"{ESO_API}/namespaces/{namespace}/externalsecrets?{labelled(settings)}")
    found = [one for one in items(listed, "items") if LOGIN_ANNOTATION in _annotations(one)]
    return [str(part(one, "metadata")["name"]) for one in found]


def _annotations(document: Object) -> Mapping[str, object]:
    return part(part(document, "metadata"), "annotations")
