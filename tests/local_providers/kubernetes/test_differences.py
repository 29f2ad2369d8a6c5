"""What counts as a difference, and which differences need a new object."""

from typing import Any

import pytest

from local.providers.common.diff import Change
from local.providers.common.values import UNKNOWN
from local.providers.kubernetes import differences, normalize
from local.providers.kubernetes.differences import Mutability


def replaced(old: dict[str, Any], new: dict[str, Any], mutability: Mutability | None = None) -> list[tuple[Any, ...]]:
    paths = differences.replacing_paths(new, mutability or Mutability())
    return [change.path for change in differences.changes(old, new, paths) if change.replace]


def obj(api_version: str, kind: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, **fields}


@pytest.mark.parametrize(
    ("api_version", "kind", "old", "new", "path"),
    [
        ("v1", "Secret", {"type": "Opaque"}, {"type": "kubernetes.io/dockerconfigjson"}, ("type",)),
        ("v1", "Secret", {"data": {"a": "MQ=="}}, {"data": {"a": "Mg=="}}, ("data", "a")),
        ("v1", "Secret", {"data": {"a": "MQ=="}}, {"data": UNKNOWN}, ("data",)),
        ("v1", "ConfigMap", {"data": {"a": "1"}}, {"data": {}}, ("data", "a")),
        (
            "batch/v1",
            "Job",
            {"spec": {"template": {"a": [1]}}},
            {"spec": {"template": {"a": [2]}}},
            ("spec", "template", "a", 0),
        ),
        ("batch/v1", "Job", {}, {"spec": {"template": {}, "suspend": True}}, ("spec",)),
        (
            "apps/v1",
            "Deployment",
            {"spec": {"selector": {"matchLabels": {"a": "1"}}}},
            {"spec": {"selector": {"matchLabels": {"a": "2"}}}},
            ("spec", "selector", "matchLabels", "a"),
        ),
        (
            "rbac.authorization.k8s.io/v1",
            "ClusterRoleBinding",
            {"roleRef": {"name": "a"}},
            {"roleRef": {"name": "b"}},
            ("roleRef", "name"),
        ),
        (
            "v1",
            "Pod",
            {"spec": {"containers": [{"image": "a"}]}},
            {"spec": {"containers": [{"image": "b"}]}},
            ("spec", "containers", 0, "image"),
        ),
        ("v1", "Service", {"spec": {"clusterIP": "127.0.0.1"}}, {"spec": {"clusterIP": "None"}}, ("spec", "clusterIP")),
        ("storage.k8s.io/v1", "StorageClass", {"provisioner": "a"}, {"provisioner": "b"}, ("provisioner",)),
    ],
)
def test_a_change_that_the_api_server_refuses_needs_a_new_object(
    api_version: str, kind: str, old: dict[str, Any], new: dict[str, Any], path: tuple[Any, ...]
) -> None:
    assert replaced(obj(api_version, kind, **old), obj(api_version, kind, **new)) == [path]


@pytest.mark.parametrize(
    ("api_version", "kind", "old", "new"),
    [
        ("batch/v1", "Job", {"spec": {"suspend": True}}, {"spec": {"suspend": False}}),
        ("batch/v1", "CronJob", {"spec": {"schedule": "a"}}, {"spec": {"schedule": "b"}}),
        ("apps/v1", "Deployment", {"spec": {"replicas": 1}}, {"spec": {"replicas": 2}}),
        ("rbac.authorization.k8s.io/v1", "Role", {"rules": [1]}, {"rules": [2]}),
        ("example.com/v1", "Secret", {"data": {"a": "1"}}, {"data": {"a": "2"}}),
    ],
)
def test_any_other_change_is_made_in_place(
    api_version: str, kind: str, old: dict[str, Any], new: dict[str, Any]
) -> None:
    found = differences.changes(obj(api_version, kind, **old), obj(api_version, kind, **new), differences.IDENTITY)
    assert found
    assert replaced(obj(api_version, kind, **old), obj(api_version, kind, **new)) == []


def test_another_name_or_namespace_is_another_object() -> None:
    old, new = obj("v1", "ServiceAccount"), obj("v1", "ServiceAccount")
    new["metadata"] = {"name": "y", "namespace": "n"}
    assert replaced(old, new) == [("metadata", "name"), ("metadata", "namespace")]


@pytest.mark.parametrize(
    ("kind", "mutability"), [("Secret", Mutability(secrets=True)), ("ConfigMap", Mutability(config_maps=True))]
)
def test_content_changes_in_place_when_allowed_unless_the_object_is_immutable(
    kind: str, mutability: Mutability
) -> None:
    old, new = obj("v1", kind, data={"a": "MQ=="}), obj("v1", kind, data={"a": "Mg=="})
    assert replaced(old, new, mutability) == []
    assert replaced(old, {**new, "immutable": True}, mutability) == [("data", "a")]


def test_amounts_that_mean_the_same_are_no_difference() -> None:
    old = {"spec": {"resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}}
    new = {"spec": {"resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}}}}
    assert differences.changes(obj("v1", "Pod", **old), obj("v1", "Pod", **new), []) == []
    new["spec"]["resources"]["limits"]["cpu"] = "1001m"
    assert differences.changes(obj("v1", "Pod", **old), obj("v1", "Pod", **new), []) == [
        Change(("spec", "resources", "limits", "cpu"), "update")
    ]


def test_an_empty_map_is_like_none_for_kubernetes_own_kinds_only() -> None:
    assert differences.changes(obj("v1", "ServiceAccount"), obj("v1", "ServiceAccount", imagePullSecrets=[]), []) == []
    assert differences.changes(obj("example.com/v1", "Widget"), obj("example.com/v1", "Widget", spec={}), [])


def test_pruning_keeps_what_the_inputs_speak_of() -> None:
    live = {"a": {"x": 1, "server": 2}, "list": [{"n": 1, "server": 2}, {"n": 3}], "status": {}}
    assert normalize.prune(live, {"a": {"x": 0}, "list": [{"n": 0}], "gone": 1}) == {"a": {"x": 1}, "list": [{"n": 1}]}
    assert normalize.prune({"a": ["text"]}, {"a": [{"n": 1}]}) == {"a": ["text"]}


def test_a_secrets_texts_become_its_data() -> None:
    given = obj("v1", "Secret", stringData={"a": "1"}, data={"a": "old", "b": "Mg=\n="})
    assert normalize.inputs(given)["data"] == {"a": "MQ==", "b": "Mg=\n="}
    assert "stringData" not in normalize.inputs(given)
    assert normalize.inputs(obj("v1", "Secret", data={"b": "Mg=\n="}))["data"] == {"b": "Mg=="}
    assert normalize.inputs(obj("v1", "Secret", data={"b": "not base64!"}))["data"] == {"b": "not base64!"}
    unknown = obj("v1", "Secret", stringData={"a": UNKNOWN})
    assert normalize.inputs(unknown)["stringData"] == {"a": UNKNOWN}


def test_metadata_that_only_the_server_writes_is_no_input() -> None:
    given = {"metadata": {"name": "x", "uid": "u", "managedFields": [], "resourceVersion": "1"}}
    assert normalize.inputs(given) == {"metadata": {"name": "x"}}


@pytest.mark.parametrize(
    ("text", "value"), [("1Ki", 1024), ("0.5", "0.5"), ("500m", "0.5"), ("1e3", 1000), ("2M", 2_000_000), (3, 3)]
)
def test_quantities_are_numbers(text: str | int, value: object) -> None:
    assert normalize.quantity(text) == normalize.quantity(str(value))


@pytest.mark.parametrize("text", ["", "abc", "1 Gi", "1XB"])
def test_what_is_no_quantity_stays_as_it_is(text: str) -> None:
    assert normalize.quantity(text) == text
