from typing import Any

import pulumi

from components.listed_namespaces import ListedNamespaces
from tests.components.recording import Recorder, record


def built(*names: str) -> tuple[Recorder, list[str]]:
    recorder = record()
    there: list[str] = []

    @pulumi.runtime.test
    def build() -> Any:
        return ListedNamespaces("everpull-dev-namespaces", {"namespaces": names}).namespaces.apply(there.extend)

    build()
    return recorder, there


def test_nothing_but_the_name_is_applied_so_that_labels_stay_whose_they_are() -> None:
    recorder, there = built("team-a", "team-b")
    assert {item.name: item.inputs["metadata"] for item in recorder.all(":NamespacePatch")} == {
        "everpull-dev-namespaces-team-a": {"name": "team-a"},
        "everpull-dev-namespaces-team-b": {"name": "team-b"},
    }
    assert there == ["team-a", "team-b"]


def test_a_namespace_stays_whatever_becomes_of_the_stack() -> None:
    recorder, _ = built("team-a")
    assert recorder.request("everpull-dev-namespaces-team-a").retainOnDelete


def test_a_plain_namespace_would_be_refused_where_one_exists_and_is_not_used() -> None:
    recorder, _ = built("team-a")
    assert [item.type for item in recorder.resources if item.type.startswith("kubernetes:")] == [
        "kubernetes:core/v1:NamespacePatch"
    ]
