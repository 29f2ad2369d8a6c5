"""Ordinary objects through the real engine: up, up again, drift, replacement, down."""

import base64

import pytest

from local.providers.kubernetes.api import Api, ApiError
from tests.local_providers.kubernetes.stack import Stack

USUAL = """
meta = {"namespace": NAMESPACE}
k8s.core.v1.Secret("login", metadata={**meta, "name": "login"}, string_data={"token": "hunter2-hunter2"})
k8s.core.v1.ServiceAccount("reader", metadata={**meta, "name": "reader"})
k8s.core.v1.ConfigMap("settings", metadata=meta, data={"colour": "blue"})
role = k8s.rbac.v1.Role("reader", metadata={**meta, "name": "reader"}, rules=[
    {"api_groups": [""], "resources": ["secrets"], "resource_names": ["login"], "verbs": ["get"]}])
k8s.rbac.v1.RoleBinding("reader", metadata={**meta, "name": "reader"},
    role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": role.metadata.name},
    subjects=[{"kind": "ServiceAccount", "name": "reader", "namespace": NAMESPACE}])
own = k8s.core.v1.Namespace("own")
k8s.core.v1.ConfigMap("inner", metadata={"namespace": own.metadata.name}, data={"a": "b"})
pulumi.export("own", own.metadata.name)
"""


def test_the_usual_objects_go_up_stay_as_they_are_and_go_down(stack: Stack, api: Api, namespace: str) -> None:
    assert "+ 8 created" in stack.up(USUAL)
    secret = api.get(api.resource("v1", "Secret"), namespace, "login")
    assert base64.b64decode(secret["data"]["token"]) == b"hunter2-hunter2"

    assert "8 unchanged" in stack.up()
    assert "8 unchanged" in stack.run("refresh", "--yes", "--skip-preview")

    stack.run("destroy", "--yes", "--skip-preview")
    with pytest.raises(ApiError, match="not found"):
        api.get(api.resource("v1", "Secret"), namespace, "login")
