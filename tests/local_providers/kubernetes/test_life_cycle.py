"""Ordinary objects through the real engine: up, up again, drift, replacement, down."""

import base64

import pytest

from tests.local_providers.kubernetes.meddler import MANAGER, Meddler
from tests.local_providers.kubernetes.stack import PulumiError, Stack

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
ROLE = """
k8s.rbac.v1.Role("reader", metadata={{"name": "reader", "namespace": NAMESPACE}}, rules=[
    {{"api_groups": [""], "resources": ["secrets"], "verbs": {verbs}}}])
"""
RBAC = "rbac.authorization.k8s.io/v1"


def test_the_usual_objects_go_up_stay_as_they_are_and_go_down(stack: Stack, meddler: Meddler) -> None:
    assert "+ 8 created" in stack.up(USUAL)
    secret = meddler.get("v1", "Secret", "login")
    assert base64.b64decode(secret["data"]["token"]) == b"hunter2-hunter2"

    assert "8 unchanged" in stack.up()
    assert "8 unchanged" in stack.run("refresh", "--yes", "--skip-preview")

    stack.run("destroy", "--yes", "--skip-preview")
    assert not meddler.exists("v1", "Secret", "login")


def test_an_automatic_name_is_the_logical_name_and_eight_hex_digits_and_stays(stack: Stack) -> None:
    program = 'k8s.core.v1.ServiceAccount("worker", metadata={"namespace": NAMESPACE})'
    stack.up(program)
    name = stack.resource("worker")["outputs"]["metadata"]["name"]
    prefix, _, digits = name.rpartition("-")
    assert prefix == "worker"
    assert len(digits) == 8
    assert int(digits, 16) >= 0

    assert "2 unchanged" in stack.up(program)
    assert stack.resource("worker")["outputs"]["metadata"]["name"] == name


def test_an_edit_behind_its_back_shows_in_refresh_and_the_next_up_heals_it(stack: Stack, meddler: Meddler) -> None:
    stack.up(ROLE.format(verbs=["get"]))
    meddler.patch(RBAC, "Role", "reader", {"op": "replace", "path": "/rules/0/verbs", "value": ["*"]})

    assert "~ 1 updated" in stack.run("refresh", "--yes", "--skip-preview")
    # The meddler owns the field now; whoever wants it back has to say so, and a preview tells already.
    for command in (stack.preview, stack.up):
        with pytest.raises(PulumiError, match=f'conflict with "{MANAGER}"') as refused:
            command()
        assert "pulumi.com/patchForce" in str(refused.value)

    forced = ROLE.replace(
        '"reader", "namespace"', '"reader", "annotations": {{"pulumi.com/patchForce": "true"}}, "namespace"'
    )
    assert "~ 1 updated" in stack.up(forced.format(verbs=["get"]))
    assert meddler.get(RBAC, "Role", "reader")["rules"][0]["verbs"] == ["get"]
    assert "2 unchanged" in stack.up()


def test_what_was_deleted_behind_its_back_is_made_again(stack: Stack, meddler: Meddler) -> None:
    stack.up(ROLE.format(verbs=["get"]))
    meddler.api.delete(meddler.resource(RBAC, "Role"), meddler.namespace, "reader", "Background")

    assert "- 1 deleted" in stack.run("refresh", "--yes", "--skip-preview")
    assert "+ 1 created" in stack.up()
    assert meddler.exists(RBAC, "Role", "reader")


def test_an_update_takes_away_what_the_program_dropped_and_leaves_what_others_added(
    stack: Stack, meddler: Meddler
) -> None:
    program = """
    k8s.core.v1.ServiceAccount("worker", metadata={"name": "worker", "namespace": NAMESPACE, "annotations": ANNOTATIONS})
    """
    stack.up('ANNOTATIONS = {"a": "1", "b": "2"}\n' + program.strip())
    added = {"op": "add", "path": "/metadata/annotations/theirs", "value": "kept"}
    pulled = {"op": "add", "path": "/imagePullSecrets", "value": [{"name": "theirs"}]}
    meddler.patch("v1", "ServiceAccount", "worker", added, pulled)
    assert "2 unchanged" in stack.run("refresh", "--yes", "--skip-preview")

    assert "~ 1 updated" in stack.up('ANNOTATIONS = {"a": "3"}\n' + program.strip())
    live = meddler.get("v1", "ServiceAccount", "worker")
    assert live["metadata"]["annotations"] == {"a": "3", "theirs": "kept"}
    assert live["imagePullSecrets"] == [{"name": "theirs"}]


def test_ignore_changes_leaves_a_field_to_its_other_owner(stack: Stack, meddler: Meddler) -> None:
    program = """
    k8s.core.v1.ServiceAccount("worker", metadata={{"name": "worker", "namespace": NAMESPACE, "annotations": {annotations}}},
        opts=pulumi.ResourceOptions(ignore_changes=["metadata.annotations.shared"]))
    """
    stack.up(program.format(annotations={"shared": "ours", "a": "1"}))
    meddler.apply(
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "worker", "annotations": {"shared": "theirs"}},
        }
    )
    stack.run("refresh", "--yes", "--skip-preview")
    assert "~ 1 updated" in stack.up(program.format(annotations={"shared": "ours again", "a": "2"}))
    live = meddler.get("v1", "ServiceAccount", "worker")
    assert live["metadata"]["annotations"] == {"shared": "theirs", "a": "2"}
    ours = [entry for entry in live["metadata"]["managedFields"] if entry["manager"].startswith("pulumi-kubernetes-")]
    assert "f:a" in ours[0]["fieldsV1"]["f:metadata"]["f:annotations"]
    assert "f:shared" not in ours[0]["fieldsV1"]["f:metadata"]["f:annotations"]


def test_a_named_secret_is_replaced_on_new_content_and_deleted_first(stack: Stack, meddler: Meddler) -> None:
    program = 'k8s.core.v1.Secret("s", metadata={"name": "s", "namespace": NAMESPACE}, string_data={"key": VALUE})'
    stack.up(f"VALUE = 'first-value'\n{program}")
    before = meddler.get("v1", "Secret", "s")["metadata"]["uid"]

    assert "+-1 replaced" in stack.up(f"VALUE = 'second-value'\n{program}")
    after = meddler.get("v1", "Secret", "s")
    assert after["metadata"]["uid"] != before
    assert base64.b64decode(after["data"]["key"]) == b"second-value"


def test_a_secret_changes_in_place_when_the_provider_may(stack: Stack, meddler: Meddler) -> None:
    stack.run("config", "set", "kubernetes:enableSecretMutable", "true")
    program = 'k8s.core.v1.Secret("s", metadata={"name": "s", "namespace": NAMESPACE}, string_data={"key": VALUE})'
    stack.up(f"VALUE = 'first-value'\n{program}")
    before = meddler.get("v1", "Secret", "s")["metadata"]["uid"]

    assert "~ 1 updated" in stack.up(f"VALUE = 'second-value'\n{program}")
    assert meddler.get("v1", "Secret", "s")["metadata"]["uid"] == before


def test_a_role_binding_to_another_role_is_a_new_one(stack: Stack, meddler: Meddler) -> None:
    program = """
    k8s.rbac.v1.RoleBinding("b", metadata={{"name": "b", "namespace": NAMESPACE}}, subjects=[],
        role_ref={{"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": "{role}"}})
    """
    stack.up(program.format(role="one"))
    assert "+-1 replaced" in stack.up(program.format(role="two"))
    assert meddler.get(RBAC, "RoleBinding", "b")["roleRef"]["name"] == "two"


def test_an_automatically_named_object_is_made_before_the_old_one_goes(stack: Stack, meddler: Meddler) -> None:
    program = 'k8s.core.v1.ConfigMap("c", metadata={{"namespace": NAMESPACE}}, data={{"a": "{value}"}})'
    stack.up(program.format(value="1"))
    old = stack.resource("c")["outputs"]["metadata"]["name"]
    done = stack.up(program.format(value="2"))
    new = stack.resource("c")["outputs"]["metadata"]["name"]
    assert "+-1 replaced" in done
    assert old != new
    assert done.index("created replacement") < done.index("deleted original")
    assert not meddler.exists("v1", "ConfigMap", old)


def test_an_object_that_exists_already_is_refused_unless_upserting_is_allowed(stack: Stack, meddler: Meddler) -> None:
    meddler.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "worker", "labels": {"a": "b"}}})
    program = 'k8s.core.v1.ServiceAccount("worker", metadata={"name": "worker", "namespace": NAMESPACE, "labels": {"c": "d"}})'
    with pytest.raises(PulumiError, match="already exists") as refused:
        stack.up(program)
    assert "pulumi import" in str(refused.value)

    stack.run("config", "set", "kubernetes:upsertExistingObjects", "true")
    assert "+ 1 created" in stack.up()
    assert meddler.get("v1", "ServiceAccount", "worker")["metadata"]["labels"] == {"a": "b", "c": "d"}


def test_an_existing_object_can_be_looked_up_and_imported(stack: Stack, meddler: Meddler) -> None:
    meddler.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "b"}})
    stack.up(
        """
        found = k8s.core.v1.ConfigMap.get("found", f"{NAMESPACE}/c")
        pulumi.export("a", found.data["a"])
        """
    )
    assert stack.run("stack", "output", "a").strip() == "b"
    done = stack.up(
        """
        k8s.core.v1.ConfigMap("c", metadata={"name": "c", "namespace": NAMESPACE}, data={"a": "b"},
            opts=pulumi.ResourceOptions(import_=f"{NAMESPACE}/c"))
        """
    )
    assert "= 1 imported" in done
    stack.run("destroy", "--yes", "--skip-preview")
    assert not meddler.exists("v1", "ConfigMap", "c")
