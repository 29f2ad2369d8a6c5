"""Looks at every link between IAM and the pull secret of a deployed stack, and says what state it is in."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lightkube import Client
from lightkube.generic_resource import create_global_resource, create_namespaced_resource
from lightkube.resources.core_v1 import Secret

from local.driver import aws
from local.state import PlatformState

EXTERNAL_SECRET = create_namespaced_resource("external-secrets.io", "v1", "ExternalSecret", "externalsecrets")
SECRET_STORE = create_namespaced_resource("external-secrets.io", "v1", "SecretStore", "secretstores")
CLUSTER_EXTERNAL_SECRET = create_global_resource(
    "external-secrets.io", "v1", "ClusterExternalSecret", "clusterexternalsecrets"
)
CLUSTER_STORE = create_global_resource("external-secrets.io", "v1", "ClusterSecretStore", "clustersecretstores")


@dataclass(frozen=True)
class Link:
    """One link: its name, whether it holds, and what was seen."""

    name: str
    holds: bool
    seen: str


def look(state: PlatformState, kube: Client, outputs: Mapping[str, Any]) -> Iterator[Link]:
    """Every link of mode `lambda`, in the order in which a login travels."""
    user = outputs["identityArn"].rsplit("/", 1)[1]
    keys = aws.client(state, "iam").list_access_keys(UserName=user)["AccessKeyMetadata"]
    yield Link("IAM user", [key["Status"] for key in keys] == ["Active"], f"{user}, {len(keys)} active access key")
    yield _trigger(state, outputs)
    function = aws.client(state, "lambda").get_function_configuration(FunctionName=outputs["functionName"])
    yield Link(
        "refresh function", function["State"] == "Active", f"{function['FunctionName']} {function['State'].lower()}"
    )
    document = json.loads(
        aws.client(state, "secretsmanager").get_secret_value(SecretId=outputs["loginSecretArn"])["SecretString"]
    )
    yield Link("login in Secrets Manager", _alive(document["expiresAt"]), f"expires {document['expiresAt']}")
    system, hub = outputs["hub"].split("/")
    yield _ready("SecretStore", f"{system}/login", kube.get(SECRET_STORE, "login", namespace=system))
    yield _ready("ExternalSecret (hub)", f"{system}/{hub}", kube.get(EXTERNAL_SECRET, hub, namespace=system))
    yield _ready("ClusterSecretStore", outputs["clusterStore"], kube.get(CLUSTER_STORE, outputs["clusterStore"]))
    for place in outputs["pullSecrets"]:
        namespace, name = place.split("/")
        yield _ready("ExternalSecret", place, kube.get(EXTERNAL_SECRET, name, namespace=namespace))
        yield _pull_secret(place, kube.get(Secret, name, namespace=namespace), document)


def _trigger(state: PlatformState, outputs: Mapping[str, Any]) -> Link:
    """What runs the refresher."""
    if rate := outputs.get("rotation"):
        secret = aws.client(state, "secretsmanager").describe_secret(SecretId=outputs["loginSecretArn"])
        is_on = bool(secret.get("RotationEnabled"))
        return Link("rotation of the login", is_on, f"{rate} {'enabled' if is_on else 'cancelled'}")
    rule = aws.client(state, "events").describe_rule(Name=outputs["scheduleRule"])
    return Link(
        "EventBridge schedule", rule["State"] == "ENABLED", f"{rule['ScheduleExpression']} {rule['State'].lower()}"
    )


def _ready(kind: str, name: str, item: Mapping[str, Any]) -> Link:
    conditions = (item.get("status") or {}).get("conditions") or []
    ready = next((condition for condition in conditions if condition["type"] == "Ready"), {})
    return Link(kind, ready.get("status") == "True", f"{name}: {ready.get('message', 'no status yet')}")


def _pull_secret(place: str, secret: Secret, document: Mapping[str, Any]) -> Link:
    content = json.loads(base64.b64decode((secret.data or {})[".dockerconfigjson"]))
    same = json.dumps(content, sort_keys=True) == json.dumps(json.loads(document["dockerconfigjson"]), sort_keys=True)
    seen = f"{place}: login for {', '.join(content['auths'])}, {'the current one' if same else 'an older one'}"
    return Link("pull secret", secret.type == "kubernetes.io/dockerconfigjson" and same, seen)


def _alive(expires_at: str) -> bool:
    return datetime.fromisoformat(expires_at) > datetime.now(UTC)
