"""The cluster as the doctor reads it."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

from cluster.operator import ESO_API
from cluster.reader import ClusterReader, HttpClusterReader, Unreachable, items, part
from kube.client import answering
from lambda_src.refresher.core import instant, parse_object, read_docker_config
from lambda_src.refresher.shapes import mapping

DATA_KEY = ".dockerconfigjson"
Object = Mapping[str, object]


class Cluster(ClusterReader, Protocol):
    """What the links read of the cluster. Secrets are read whole; what they hold stays in memory."""

    def clock(self) -> datetime:
        """What time it is at the API server. Raises Unreachable."""
        ...


class HttpCluster(HttpClusterReader):
    """A Cluster over HTTP."""

    def clock(self) -> datetime:
        with answering("/version"):
            response = self._http.get("/version")
        try:
            return parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
        except (KeyError, ValueError):
            raise Unreachable("no date in the answer on /version") from None


def external_secret_path(namespace: str, name: str) -> str:
    """Where an ExternalSecret is."""
    return f"{ESO_API}/namespaces/{namespace}/externalsecrets/{name}"


def secret_path(namespace: str, name: str) -> str:
    """Where a Secret is."""
    return f"/api/v1/namespaces/{namespace}/secrets/{name}"


def role_path(kind: str, name: str, namespace: str | None = None) -> str:
    """Where an object of RBAC is; `kind` is its plural."""
    where = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/rbac.authorization.k8s.io/v1{where}/{kind}/{name}"


def decoded(secret: Object, key: str) -> str | None:
    """A value of a Secret; None where it has none that is text."""
    encoded = part(secret, "data").get(key)
    if not isinstance(encoded, str):
        return None
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        return None


def hosts_in(secret: Object) -> set[str]:
    """The registries for which a pull secret has logins."""
    return {host for login in read_docker_config(decoded(secret, DATA_KEY)) for host in login.registries}


def logins_in(docker_config: str | None) -> Mapping[str, object]:
    """What a docker config holds for each registry; nothing where it is none."""
    auths = parse_object(docker_config)[0].get("auths") if docker_config else None
    return mapping(auths)


def same_logins(one: str | None, other: str | None) -> bool:
    """Whether two docker configs hold the same, however they are spelled."""
    if one is None or other is None:
        return False
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


def condition(document: Object, kind: str) -> Object:
    """The condition of that type in an object's status; an empty one where there is none."""
    listed = items(part(document, "status"), "conditions")
    return next((found for found in listed if found.get("type") == kind), dict[str, object]())


def not_ready(document: Object) -> str | None:
    """Why an object of ESO is not ready, None if it is."""
    found = condition(document, "Ready")
    if found.get("status") == "True":
        return None
    return str(found.get("message") or found.get("reason") or "it has no status yet")


def moment(document: Object, *path: str) -> datetime | None:
    """The time at the end of the path through the document."""
    for step in path[:-1]:
        document = part(document, step)
    return instant(document.get(path[-1]))
