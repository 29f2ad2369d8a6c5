"""A CustomResourceDefinition for these tests, with a status subresource as operators have it."""

from local.providers.kubernetes.api import Api
from tests.local_providers.kubernetes.meddler import MANAGER, Object, eventually

GROUP = "tests.example.com"


def definition(kind: str, scope: str = "Namespaced") -> Object:
    plural = f"{kind.lower()}s"
    schema = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    "size": {"type": "integer", "maximum": 10},
                    "password": {"type": "string", "pattern": "^[a-z]*$"},
                },
            },
            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": scope,
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [version],
        },
    }


def install(api: Api, kind: str, scope: str = "Namespaced") -> None:
    """Returns when the kind is served."""
    body = definition(kind, scope)
    kept, name = api.resource(body["apiVersion"], body["kind"]), body["metadata"]["name"]
    api.write("apply", kept, body, namespace=None, name=name, manager=MANAGER, force=True)

    def established() -> bool:
        conditions = api.get(kept, None, name).get("status", {}).get("conditions") or []
        return any(condition["type"] == "Established" and condition["status"] == "True" for condition in conditions)

    eventually(established)
