from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings.refused import Refused
from settings.selectors import Requirement, Selector, selector

KEYS = ("team", "example.com/tier", "in", "notin", "a.b_c-d")
VALUES = ("a", "b", "in", "1.0", "x_y-z")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("team=a", {"matchLabels": {"team": "a"}}),
        ("team==a", {"matchLabels": {"team": "a"}}),
        ("team = a , tier == web", {"matchLabels": {"team": "a", "tier": "web"}}),
        ("team=", {"matchLabels": {"team": ""}}),
        ("team in (a)", {"matchLabels": {"team": "a"}}),
        ("team!=a", {"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["a"]}]}),
        ("team in (a, b)", {"matchExpressions": [{"key": "team", "operator": "In", "values": ["a", "b"]}]}),
        ("team notin(a,b)", {"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["a", "b"]}]}),
        ("team", {"matchExpressions": [{"key": "team", "operator": "Exists"}]}),
        ("! team", {"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}),
        ("in in (in)", {"matchLabels": {"in": "in"}}),
        ("in", {"matchExpressions": [{"key": "in", "operator": "Exists"}]}),
        (
            "example.com/tier=web,!legacy,team in (a,b)",
            {
                "matchLabels": {"example.com/tier": "web"},
                "matchExpressions": [
                    {"key": "legacy", "operator": "DoesNotExist"},
                    {"key": "team", "operator": "In", "values": ["a", "b"]},
                ],
            },
        ),
        ("team=a,team=a", {"matchLabels": {"team": "a"}}),
        ("!team,! team", {"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}),
        ("team=a,team in (a)", {"matchLabels": {"team": "a"}}),
        (
            "team=a,team in (a,b)",
            {
                "matchLabels": {"team": "a"},
                "matchExpressions": [{"key": "team", "operator": "In", "values": ["a", "b"]}],
            },
        ),
    ],
)
def test_a_selector_says_the_same_as_an_object(text: str, expected: dict[str, object]) -> None:
    found = selector(text)
    assert found
    assert found.as_object() == expected
    assert found.text == text


@pytest.mark.parametrize("text", ["", " ", "\t"])
def test_an_empty_selector_is_none(text: str) -> None:
    assert selector(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *(
            ",",
            "a,",
            ",a",
            "a,,b",
            "=a",
            "!",
            "!!a",
            "!a=b",
            "a=b c",
            "a b",
            "a in",
            "a in b",
            "a in ()",
            "a in (b",
            "(a)",
        ),
        *("a=b=c", "a=(b)", "a<1", "a>1", "a===b", "a=!b", "a in (b,)", "a notin (,b)", "a in (b) c", "a=b;c=d"),
        *("-a", "a-", "a/", "/a", "a/b/c", "A.com/b", "a=-", "a=b/c", "a" * 64, "a=" + "b" * 64, "a=1,a=2"),
        f"{'a.' * 130}com/b",
    ],
)
def test_what_is_no_selector_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        selector(text)


def requirement_texts() -> st.SearchStrategy[tuple[Requirement, str]]:
    key, value, gap = st.sampled_from(KEYS), st.sampled_from(VALUES), st.sampled_from(["", " "])
    several = st.lists(value, min_size=1, max_size=3, unique=True)
    return st.one_of(
        st.builds(lambda k: (Requirement(k, "Exists"), k), key),
        st.builds(lambda k, g: (Requirement(k, "DoesNotExist"), f"!{g}{k}"), key, gap),
        st.builds(
            lambda k, v, g, e: (Requirement(k, "In", (v,)), f"{k}{g}{e}{g}{v}"),
            key,
            value,
            gap,
            st.sampled_from(["=", "=="]),
        ),
        st.builds(lambda k, v, g: (Requirement(k, "NotIn", (v,)), f"{k}{g}!={g}{v}"), key, value, gap),
        st.builds(
            lambda k, vs, g, n: (
                Requirement(k, "NotIn" if n else "In", tuple(vs)),
                f"{k} {'notin' if n else 'in'}{g}({f',{g}'.join(vs)}{g})",
            ),
            key,
            several,
            gap,
            st.booleans(),
        ),
    )


def holds(item: Requirement, labels: Mapping[str, str]) -> bool:
    """As Kubernetes judges: what is not there is not in any set (Labels and Selectors, Set-based requirement)."""
    value = labels.get(item.key)
    return {
        "In": value in item.values,
        "NotIn": value not in item.values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[item.operator]


def can_never_hold(items: list[Requirement]) -> bool:
    asked = {item.key for item in items if item.operator == "In"}
    return any(
        not set.intersection(*(set(item.values) for item in items if item.key == key and item.operator == "In"))
        for key in asked
    )


def object_holds(found: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    expressions = [
        Requirement(item["key"], item["operator"], tuple(item.get("values", ())))
        for item in found.get("matchExpressions", [])
    ]
    return found.get("matchLabels", {}).items() <= labels.items() and all(holds(item, labels) for item in expressions)


@given(
    st.lists(requirement_texts(), min_size=1, max_size=4),
    st.dictionaries(st.sampled_from(KEYS), st.sampled_from((*VALUES, "other")), max_size=4),
)
def test_text_and_object_choose_the_same(parts: list[tuple[Requirement, str]], labels: dict[str, str]) -> None:
    text = ",".join(text for _, text in parts)
    wanted = all(holds(item, labels) for item, _ in parts)
    if can_never_hold([item for item, _ in parts]):
        with pytest.raises(Refused, match="can match nothing"):
            selector(text)
        assert not wanted
    else:
        found = selector(text)
        assert isinstance(found, Selector)
        assert object_holds(found.as_object(), labels) == wanted
