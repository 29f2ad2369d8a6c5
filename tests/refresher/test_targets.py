"""What the CronJob's file may say, and what is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from refresher.errors import ConfigurationError
from refresher.targets import Owner, Selector, Target, Targets, parse_targets

from tests.refresher.secrets import CLUSTER_OWNER, LABELS, NAME, OWNER
from tests.refresher.test_document_properties import values

ROLE = {"apiVersion": OWNER.api_version, "kind": "Role", "name": NAME, "uid": OWNER.uid}
CLUSTER_ROLE = {"apiVersion": OWNER.api_version, "kind": "ClusterRole", "name": NAME, "uid": CLUSTER_OWNER.uid}
SELECTOR = {"labelSelector": "team=a", "excluded": ["kube-system"], "owner": CLUSTER_ROLE}


def document(**changes: Any) -> dict[str, Any]:
    namespaces = [{"name": "team-a", "owner": ROLE}, {"name": "team-b", "owner": ROLE}]
    whole = {"secretName": NAME, "labels": LABELS, "adopt": False, "namespaces": namespaces, "selector": None}
    return {**whole, **changes}


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        parse_targets(text)
    return str(caught.value).split("; ")


def test_listed_namespaces_are_taken_over_in_their_order() -> None:
    assert parse_targets(json.dumps(document())) == Targets(
        NAME, LABELS, False, (Target("team-a", OWNER), Target("team-b", OWNER))
    )


def test_a_selector_is_taken_over() -> None:
    parsed = parse_targets(json.dumps(document(adopt=True, namespaces=[], selector=SELECTOR)))
    assert parsed.selector == Selector("team=a", frozenset({"kube-system"}), CLUSTER_OWNER)
    assert (parsed.adopt, parsed.namespaces) == (True, ())


def test_namespaces_that_are_missing_may_be_told_of() -> None:
    assert parse_targets(json.dumps(document())).missing == ()
    assert parse_targets(json.dumps(document(missing=["team-x", "team-y"]))).missing == ("team-x", "team-y")


def test_a_namespace_that_is_listed_twice_counts_once() -> None:
    other = {**ROLE, "uid": "other"}
    namespaces = [{"name": "team-a", "owner": ROLE}, {"name": "team-a", "owner": other}]
    assert parse_targets(json.dumps(document(namespaces=namespaces))).namespaces == (Target("team-a", OWNER),)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        *(({"secretName": name}, "secretName is not the name of a Secret") for name in (None, "", "a/b", "A", "../x")),
        *(({"labels": labels}, "labels are not an object of texts") for labels in (None, {}, [], {"a": 1}, "a=b")),
        *(({"adopt": adopt}, "adopt is neither true nor false") for adopt in (None, "true", 1)),
        ({"namespaces": None}, "namespaces are not a list"),
        ({"namespaces": {}}, "namespaces are not a list"),
        *(
            ({"namespaces": [{"name": name, "owner": ROLE}]}, "namespaces[0] has no valid name")
            for name in (None, 7, "", "a/b", "a.b", "-a", "x" * 64)
        ),
        ({"namespaces": ["team-a"]}, "namespaces[0] has no valid name"),
        ({"namespaces": [{"name": "a"}]}, "owner of a is not an object with apiVersion, kind, name and uid"),
        ({"namespaces": [{"name": "a", "owner": {**ROLE, "uid": ""}}]}, "owner of a is not an object"),
        ({"namespaces": [{"name": "a", "owner": {**ROLE, "uid": 7}}]}, "owner of a is not an object"),
        (
            {"selector": {**SELECTOR, "labelSelector": " "}},
            "labelSelector of selector is not a text that says something",
        ),
        ({"selector": {**SELECTOR, "labelSelector": None}}, "labelSelector of selector is not a text"),
        ({"selector": {**SELECTOR, "excluded": "kube-system"}}, "excluded of selector is not a list of namespaces"),
        ({"selector": {**SELECTOR, "excluded": [7]}}, "excluded of selector is not a list of namespaces"),
        ({"selector": {**SELECTOR, "owner": None}}, "owner of selector is not an object"),
        *(({"missing": missing}, "missing is not a list of namespaces") for missing in (None, "team-x", [7], ["a/b"])),
    ],
)
def test_a_faulty_file_is_refused(changes: dict[str, Any], fault: str) -> None:
    (said,) = faults(json.dumps(document(**changes)))
    assert said.startswith(f"EVERPULL_TARGETS: {fault}")


def test_an_owner_has_all_of_its_parts() -> None:
    for part in ROLE:
        (said,) = faults(json.dumps(document(namespaces=[{"name": "a", "owner": {**ROLE, part: None}}])))
        assert said.endswith("owner of a is not an object with apiVersion, kind, name and uid")


def test_all_faults_are_listed_at_once() -> None:
    assert len(faults(json.dumps({"adopt": 1, "selector": []}))) == 7


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_file_that_is_no_json_object_is_refused(text: str) -> None:
    assert faults(text)[0].startswith("EVERPULL_TARGETS names a file that is ")


@given(values)
def test_any_json_is_taken_or_refused(value: Any) -> None:
    for text in (
        json.dumps(value),
        json.dumps(document(namespaces=value)),
        json.dumps(document(selector=value)),
        json.dumps(document(missing=value)),
    ):
        try:
            parsed = parse_targets(text)
        except ConfigurationError:
            continue
        assert all(isinstance(target.owner, Owner) and target.owner.uid for target in parsed.namespaces)
