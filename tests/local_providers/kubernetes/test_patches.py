"""Patch resources: some fields of an object that somebody else owns."""

import pytest

from tests.local_providers.kubernetes.meddler import Meddler
from tests.local_providers.kubernetes.stack import PulumiError, Stack

PATCH = """
k8s.core.v1.ServiceAccountPatch("p", metadata={{"name": "{name}", "namespace": NAMESPACE, "annotations": {annotations}}})
"""


def make_account(meddler: Meddler, name: str = "worker") -> None:
    metadata = {"name": name, "annotations": {"theirs": "1", "both": "theirs"}, "labels": {"theirs": "1"}}
    meddler.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})


def annotations(meddler: Meddler, name: str = "worker") -> dict[str, str]:
    return meddler.get("v1", "ServiceAccount", name)["metadata"]["annotations"]


def test_a_patch_adds_its_fields_changes_them_and_takes_only_them_back(stack: Stack, meddler: Meddler) -> None:
    make_account(meddler)
    stack.up(PATCH.format(name="worker", annotations={"ours": "1", "more": "1"}))
    assert annotations(meddler) == {"theirs": "1", "both": "theirs", "ours": "1", "more": "1"}
    assert "2 unchanged" in stack.up()
    assert "2 unchanged" in stack.run("refresh", "--yes", "--skip-preview")

    assert "~ 1 updated" in stack.up(PATCH.format(name="worker", annotations={"ours": "2"}))
    assert annotations(meddler) == {"theirs": "1", "both": "theirs", "ours": "2"}

    stack.run("destroy", "--yes", "--skip-preview")
    live = meddler.get("v1", "ServiceAccount", "worker")["metadata"]
    assert live["annotations"] == {"theirs": "1", "both": "theirs"}
    assert live["labels"] == {"theirs": "1"}


def test_a_patch_of_a_field_that_is_taken_is_a_conflict_unless_forced(stack: Stack, meddler: Meddler) -> None:
    make_account(meddler)
    with pytest.raises(PulumiError, match="Apply failed with 1 conflict") as refused:
        stack.up(PATCH.format(name="worker", annotations={"both": "ours"}))
    assert "pulumi.com/patchForce" in str(refused.value)
    assert "The resource managed by field manager" in str(refused.value)

    stack.up(PATCH.format(name="worker", annotations={"both": "ours", "pulumi.com/patchForce": "true"}))
    assert annotations(meddler)["both"] == "ours"


def test_a_patch_needs_a_name(stack: Stack) -> None:
    with pytest.raises(PulumiError, match="a Patch resource needs the name of the object it patches"):
        stack.preview('k8s.core.v1.ServiceAccountPatch("p", metadata={"namespace": NAMESPACE, "labels": {"a": "b"}})')


def test_a_patch_of_another_object_is_a_new_patch(stack: Stack, meddler: Meddler) -> None:
    make_account(meddler, "one")
    make_account(meddler, "two")
    stack.up(PATCH.format(name="one", annotations={"ours": "1"}))
    assert "+-1 replaced" in stack.up(PATCH.format(name="two", annotations={"ours": "1"}))
    assert "ours" not in annotations(meddler, "one")
    assert annotations(meddler, "two")["ours"] == "1"


def test_a_patch_of_an_object_that_does_not_exist_makes_it_and_a_retained_one_leaves_it(
    stack: Stack, meddler: Meddler
) -> None:
    """As server-side apply does."""
    stack.up(
        """
        k8s.core.v1.ServiceAccountPatch("p", metadata={"name": "worker", "namespace": NAMESPACE},
            opts=pulumi.ResourceOptions(retain_on_delete=True))
        """
    )
    uid = meddler.get("v1", "ServiceAccount", "worker")["metadata"]["uid"]
    assert "2 unchanged" in stack.up()
    stack.run("destroy", "--yes", "--skip-preview")
    assert meddler.get("v1", "ServiceAccount", "worker")["metadata"]["uid"] == uid


def test_destroying_a_patch_of_an_object_that_is_gone_does_not_bring_it_back(stack: Stack, meddler: Meddler) -> None:
    make_account(meddler)
    stack.up(PATCH.format(name="worker", annotations={"ours": "1"}))
    meddler.api.delete(meddler.resource("v1", "ServiceAccount"), meddler.namespace, "worker", "Background")
    stack.run("destroy", "--yes", "--skip-preview")
    assert not meddler.exists("v1", "ServiceAccount", "worker")
