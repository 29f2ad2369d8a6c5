"""The language of `pulumi.com/waitFor`."""

from typing import Any

import pytest

from local.providers.common.provider import ProviderError
from local.providers.kubernetes import expressions

LIVE: dict[str, Any] = {
    "metadata": {"generation": 2},
    "status": {
        "phase": "Running",
        "count": 3,
        "on": True,
        "odd name": "x",
        "conditions": [
            {"type": "Ready", "status": "True", "reason": "Synced", "observedGeneration": 2},
            {"type": "Stale", "status": "True", "observedGeneration": 1},
            {"type": "Paused", "status": "Unknown"},
        ],
    },
}


def holds(text: str, obj: dict[str, Any] = LIVE) -> bool:
    return all(condition(obj).done for condition in expressions.parse(text))


@pytest.mark.parametrize(
    "text",
    [
        "condition=Ready",
        "condition=ready=true",
        "condition=Paused=Unknown",
        "jsonpath={.status.phase}",
        "jsonpath={.status.phase}=Running",
        "jsonpath={$.status.phase}=Running",
        "jsonpath={ .status.count }=3",
        "jsonpath={.status.on}=true",
        "jsonpath={.status['odd name']}=x",
        "jsonpath={.status.conditions[0].reason}=Synced",
        "jsonpath={.status.conditions[-1].type}=Paused",
        "jsonpath={.status.conditions[*].reason}=Synced",
        'jsonpath={.status.conditions[?(@.type=="Ready")].status}=True',
        "jsonpath={.status.conditions[?@.type == 'Ready'].reason}=Synced",
        'jsonpath={.status.conditions[?(@.type!="Ready")].type}=Stale',
        "jsonpath={.status.conditions}",
        '["condition=Ready", "jsonpath={.status.count}=3"]',
    ],
)
def test_it_holds(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "condition=Ready=False",
        "condition=Missing",
        "condition=Stale",
        "jsonpath={.status.missing}",
        "jsonpath={.status.phase}=Pending",
        "jsonpath={.status.conditions[7]}",
        '["condition=Ready", "condition=Missing"]',
    ],
)
def test_it_does_not_hold(text: str) -> None:
    assert not holds(text)
    assert not holds(text, {"metadata": {}})


def test_a_status_of_an_older_generation_does_not_count() -> None:
    behind = {"metadata": {"generation": 2}, "status": {"observedGeneration": 1, "phase": "Running"}}
    assert not holds("jsonpath={.status.phase}=Running", behind)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Ready", "neither"),
        ("[]", "at least one"),
        ("jsonpath=.status", r"must be jsonpath=\{"),
        ("jsonpath={.status}=", "a value after"),
        ("jsonpath={..phase}", "doesn't know the JSONPath syntax at '..phase'"),
        ("jsonpath={.a[?(@.b>1)]}", "doesn't know the JSONPath syntax"),
    ],
)
def test_what_it_does_not_understand_is_an_error(text: str, message: str) -> None:
    with pytest.raises(ProviderError, match=message):
        expressions.parse(text)


def test_a_structure_cannot_equal_a_text() -> None:
    with pytest.raises(ProviderError, match="not a plain value"):
        holds("jsonpath={.status.conditions}=x")
