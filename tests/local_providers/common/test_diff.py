import pytest

from local.providers.common.diff import Change, compare, matches, parse_path, path_text, without_ignored
from local.providers.common.values import UNKNOWN, Archive, Secret


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [Change(("a",), "update")]),
        ({}, {"a": 2}, [Change(("a",), "add")]),
        ({"a": 1}, {}, [Change(("a",), "delete")]),
        ({"a": None}, {}, []),
        ({"a": True}, {"a": 1}, [Change(("a",), "update")]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, [Change(("a", "c"), "update")]),
        ({"a": [1, 2]}, {"a": [1]}, [Change(("a", 1), "delete")]),
        ({"a": [1]}, {"a": [1, 2]}, [Change(("a", 1), "add")]),
        ({"a": "x"}, {"a": UNKNOWN}, [Change(("a",), "update")]),
        ({"a": Secret("x")}, {"a": "x"}, []),
        ({"a": Secret("x")}, {"a": Secret("y")}, [Change(("a",), "update")]),
        ({"a": Archive(path="x", hash="1")}, {"a": Archive(path="y", hash="1")}, []),
        ({"a": Archive(path="x", hash="1")}, {"a": Archive(path="x", hash="2")}, [Change(("a",), "update")]),
    ],
)
def test_differences_are_the_leaves_that_differ(old, new, expected):
    assert compare(old, new) == expected


@pytest.mark.parametrize(
    "path", [("a",), ("a", "b", 0, "c"), ("tags", "x.y"), ("tags", 'q"q', 3), ("tags", "with space")]
)
def test_a_path_reads_back_as_it_was_written(path):
    assert parse_path(path_text(path)) == path


def test_what_is_not_a_path_is_refused():
    with pytest.raises(ValueError, match="not a property path"):
        parse_path('a["b')


def test_a_pattern_covers_what_lies_inside_and_a_star_any_step():
    assert matches(("a", 0, "b"), ("a", "*", "b"))
    assert matches(("a", 0, "b"), ("a",))
    assert not matches(("a",), ("a", "b"))


def test_ignored_changes_are_left_out():
    changes = [Change(("tags", "x"), "add"), Change(("name",), "update")]
    assert without_ignored(changes, ['tags["x"]']) == [Change(("name",), "update")]
