"""Whose a Secret is: what may be written, what is left alone, and what is said about it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refresher.ownership import is_controlled, is_ours, refusal

from tests.refresher.secrets import LABELS, NAME, controller, ours
from tests.refresher.test_document_properties import values

DEPLOYMENT = controller(apiVersion="apps/v1", kind="Deployment", name="their-operator")
PLAIN = {"apiVersion": "v1", "kind": "ConfigMap", "name": "theirs", "uid": "4"}
UNLABELLED: dict[str, Any] = {"labels": {"app.kubernetes.io/name": "everpull"}}

TWO_WRITERS = "and two writers would undo each other's work"
SOMEBODY = "a Secret of that name exists and is not everpull's: set everpull:adopt to true"
WRONG_TYPE = "the Secret is not of the type kubernetes.io/dockerconfigjson, which cannot be changed: delete it"
IMMUTABLE = "the Secret is immutable, which cannot be undone: delete it"
DYING = "the Secret is being deleted and its finalizers hold it: remove them"

# What was changed of a Secret of ours; what is said of it without adopt and with it (None: it may be written).
CASES: dict[str, tuple[dict[str, Any], str | None, str | None]] = {
    "ours": ({}, None, None),
    "ours with labels of others": ({"labels": {**LABELS, "theirs": "x"}}, None, None),
    "ours with a second owner": ({"ownerReferences": [PLAIN]}, None, None),
    "ours without owners": ({"ownerReferences": None}, None, None),
    "handed over by our ExternalSecret": ({"ownerReferences": [controller()]}, None, None),
    "handed over by our ExternalSecret of a namespace chosen by label": (
        {"ownerReferences": [controller(name=f"{NAME}.labelled")]},
        None,
        None,
    ),
    "handed over by ESO's older API": (
        {"ownerReferences": [controller(apiVersion="external-secrets.io/v1beta1")]},
        None,
        None,
    ),
    "an ExternalSecret that only owns": (
        {"ownerReferences": [controller(name="other", controller=False)], **UNLABELLED},
        SOMEBODY,
        None,
    ),
    "somebody's": (UNLABELLED, SOMEBODY, None),
    "another stack's": ({"labels": {**LABELS, "app.kubernetes.io/instance": "prod"}}, SOMEBODY, None),
    "without labels": ({"labels": None}, SOMEBODY, None),
    "controlled by somebody": ({"ownerReferences": [DEPLOYMENT]}, TWO_WRITERS, TWO_WRITERS),
    "controlled by somebody, without our labels": (
        {"ownerReferences": [DEPLOYMENT], **UNLABELLED},
        TWO_WRITERS,
        TWO_WRITERS,
    ),
    "controlled by another ExternalSecret": ({"ownerReferences": [controller(name="x")]}, TWO_WRITERS, TWO_WRITERS),
    "controlled by somebody's ExternalSecret of that name": (
        {"ownerReferences": [controller()], **UNLABELLED},
        TWO_WRITERS,
        TWO_WRITERS,
    ),
    "controlled by an ExternalSecret of another group": (
        {"ownerReferences": [controller(apiVersion="external-secrets.io.evil/v1")]},
        TWO_WRITERS,
        TWO_WRITERS,
    ),
    "controlled by another kind of that group": (
        {"ownerReferences": [controller(kind="PushSecret")]},
        TWO_WRITERS,
        TWO_WRITERS,
    ),
    "of another type": ({"type": "Opaque"}, WRONG_TYPE, WRONG_TYPE),
    "of the old docker type": ({"type": "kubernetes.io/dockercfg"}, WRONG_TYPE, WRONG_TYPE),
    "somebody's of another type": ({"type": "Opaque", **UNLABELLED}, SOMEBODY, WRONG_TYPE),
    "immutable": ({"immutable": True}, IMMUTABLE, IMMUTABLE),
    "not immutable": ({"immutable": False}, None, None),
    "somebody's and immutable": ({"immutable": True, **UNLABELLED}, SOMEBODY, IMMUTABLE),
    "being deleted": ({"deletionTimestamp": "2026-11-23T12:00:00Z"}, DYING, DYING),
}


@pytest.mark.parametrize("name", CASES)
def test_a_secret_is_written_or_left_alone_with_what_to_do(name: str) -> None:
    changes, plain, adopting = CASES[name]
    for adopt, expected in ((False, plain), (True, adopting)):
        said = refusal(ours(**changes), LABELS, adopt=adopt)
        assert (said is None) is (expected is None)
        assert expected is None or expected in str(said)


def test_the_other_writer_is_named() -> None:
    assert "is kept by Deployment their-operator," in str(
        refusal(ours(ownerReferences=[DEPLOYMENT]), LABELS, adopt=False)
    )


@pytest.mark.parametrize("name", ["<script>", "a b", "x" * 300, 7, None])
def test_what_is_no_name_is_not_quoted(name: Any) -> None:
    assert "is kept by Deployment (unnamed)," in str(
        refusal(ours(ownerReferences=[{**DEPLOYMENT, "name": name}]), LABELS, adopt=False)
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"ownerReferences": [controller()]}, True),
        (UNLABELLED, False),
        ({"ownerReferences": [DEPLOYMENT]}, False),
        ({"ownerReferences": [controller(), DEPLOYMENT]}, True),
    ],
)
def test_ours_is_what_carries_our_labels_and_nobody_else_controls(changes: dict[str, Any], expected: bool) -> None:
    assert is_ours(ours(**changes), LABELS) is expected


def test_a_secret_that_any_controller_keeps_is_known() -> None:
    assert is_controlled(ours(ownerReferences=[PLAIN, controller()]))
    assert not is_controlled(ours(ownerReferences=[PLAIN]))


@given(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("type", "immutable", "labels", "ownerReferences", "deletionTimestamp"), values)
    ),
    st.booleans(),
)
def test_what_is_not_exactly_ours_is_never_written_without_leave(changes: dict[str, Any], adopt: bool) -> None:
    secret = ours(**changes)
    if refusal(secret, LABELS, adopt=adopt) is None:
        assert adopt or is_ours(secret, LABELS)
        assert secret["type"] == "kubernetes.io/dockerconfigjson"
        assert secret.get("immutable") is not True
    assert secret["metadata"]["name"] == NAME


@given(st.dictionaries(st.sampled_from(["metadata", "type", "data", "immutable"]), values))
def test_any_object_is_judged(secret: dict[str, Any]) -> None:
    assert refusal(secret, LABELS, adopt=False) is not None
    assert not is_ours(secret, LABELS)
