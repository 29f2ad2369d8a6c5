"""Mode `lambda` with a label selector: what is made besides, for whom, and in which order."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.external_secrets import go_duration
from components.namespace_selection import less
from tests.components.recording import Recorder
from tests.components.test_lambda_delivery import built

LABELS = {"app.kubernetes.io/name": "everpull", "app.kubernetes.io/instance": "dev"}
BY_LABEL: dict[str, Any] = {
    "namespace_selector": {"matchLabels": {"team": "b"}, "matchExpressions": [{"key": "env", "operator": "Exists"}]},
    "excluded_namespaces": ["team-x"],
}
MEANT = {
    "matchLabels": {"team": "b"},
    "matchExpressions": [
        {"key": "env", "operator": "Exists"},
        {
            "key": "kubernetes.io/metadata.name",
            "operator": "NotIn",
            "values": ["team-a", "team-b", "everpull-dev", "team-x"],
        },
    ],
}
SYNC = "everpull-dev-sync"


def by_label(recorder: Recorder) -> Any:
    return recorder.one(":ClusterExternalSecret").inputs


def test_without_a_selector_there_is_nothing_of_it() -> None:
    recorder = built()
    for kind in (":ClusterExternalSecret", ":NamespaceMark", ":MutatingAdmissionPolicy"):
        assert recorder.all(kind) == []


def test_one_cluster_wide_object_serves_all_that_have_the_labels() -> None:
    recorder = built(**BY_LABEL)
    made = by_label(recorder)
    assert made["metadata"] == {"name": "everpull-dev", "labels": LABELS}, "it is not waited for"
    spec = made["spec"]
    listed = recorder.one(":ExternalSecret", "-pull-secret-team-a").inputs["spec"]
    assert spec == {
        "externalSecretName": "ecr-pull.labelled",
        "externalSecretMetadata": {"labels": LABELS},
        "namespaceSelectors": [MEANT],
        "refreshTime": "30s",
        "externalSecretSpec": listed,
    }
    # Another spelling would look changed once ESO has written the object.
    assert spec["refreshTime"] == go_duration(30)


def test_the_listed_keep_an_external_secret_of_their_own_by_another_name() -> None:
    recorder = built(**BY_LABEL)
    names = {item.inputs["metadata"]["name"] for item in recorder.all(":ExternalSecret") if "team-" in item.name}
    assert names == {"ecr-pull"}
    assert len(recorder.all(":ExternalSecret")) == 3


@pytest.mark.parametrize(
    ("more", "conditions"),
    [
        (BY_LABEL, [{"namespaces": ["team-a", "team-b"]}, {"namespaceSelector": MEANT}]),
        (
            {"namespaces": [], "namespace_selector": {"matchLabels": {"team": "b"}}},
            [
                {
                    "namespaceSelector": {
                        "matchLabels": {"team": "b"},
                        "matchExpressions": [
                            {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["everpull-dev"]}
                        ],
                    }
                }
            ],
        ),
        # Without any condition the store would serve every namespace.
        ({"namespaces": []}, [{"namespaces": []}]),
    ],
    ids=["both", "by label", "nobody"],
)
def test_the_store_serves_exactly_who_is_chosen(more: dict[str, Any], conditions: list[Any]) -> None:
    assert built(**more).one(":ClusterSecretStore").inputs["spec"]["conditions"] == conditions


def test_the_selector_changes_once_the_listed_are_served() -> None:
    """A namespace that was chosen by label and is listed now has its pull secret from there before it loses it here."""
    before = built(**BY_LABEL).waits_for(f"{SYNC}-labelled-secrets")
    assert {f"{SYNC}-pull-secret-team-a", f"{SYNC}-pull-secret-team-b", f"{SYNC}-cluster-store"} <= before


def test_marks_can_be_taken_off_before_any_is_put_there_and_after_the_last_one_was() -> None:
    before = built(**BY_LABEL).waits_for(f"{SYNC}-labelled-secrets")
    assert {f"{SYNC}-labelled-marks-{part}" for part in ("mark", "policy", "binding")} <= before


@given(st.lists(st.sampled_from(["a", "b", "c"]), unique=True))
def test_less_nobody_is_the_same_and_less_somebody_never_means_them(names: list[str]) -> None:
    selector = {"matchLabels": {"team": "b"}}
    meant = less(selector, names)
    assert meant["matchLabels"] == {"team": "b"}
    assert (meant == selector) is (not names)
    assert all(item["operator"] == "NotIn" and item["values"] == names for item in meant.get("matchExpressions", []))
    assert selector == {"matchLabels": {"team": "b"}}
