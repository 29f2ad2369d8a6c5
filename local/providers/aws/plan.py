"""Decides what a change means: the difference between state and inputs, and whether it takes a new resource."""

from typing import Any

from local.providers.aws.check import DEFAULTS
from local.providers.aws.model import Prop, Row, State
from local.providers.aws.shape import is_blank, same_value
from local.providers.common.diff import Change, DiffResult, compare, without_ignored
from local.providers.common.provider import DiffRequest
from local.providers.common.values import has_unknown, reveal


def changed_properties(row: Row, old: State, new: State) -> list[Change]:
    """The leaf changes that bring `old` (state) to `new` (checked inputs), both without secret wrappers.

    As in the real provider a property that the program leaves out keeps what AWS chose when it is computed, and goes back
    to its default when it isn't."""
    changes: list[Change] = []
    for name, prop in row.by_name.items():
        was, wanted = old.get(name), new.get(name)
        if wanted is None:
            if prop.computed:
                continue
            wanted = prop.default
        if has_unknown(wanted):
            changes += compare(was, wanted, (name,))
        elif not same_value(prop, was, wanted) and not _same_essence(prop, was, wanted):
            was = None if prop.default is None and is_blank(was) else was
            wanted = None if prop.default is None and is_blank(wanted) else wanted
            changes += _within(prop, was, wanted) or [Change((name,), "update")]
    if row.tags and new.get("tagsAll") is not None:
        changes += compare(old.get("tagsAll") or {}, new["tagsAll"], ("tagsAll",))
    replacing = {name for name, prop in row.by_name.items() if prop.replace}
    if row.hooks.replaces:
        replacing |= row.hooks.replaces(old, new, {str(change.path[0]) for change in changes})
    return [Change(c.path, c.kind, replace=str(c.path[0]) in replacing) for c in changes]


def _same_essence(prop: Prop, was: Any, wanted: Any) -> bool:
    """Whether the real provider keeps quiet about a difference (what its source calls suppressed)."""
    texts = isinstance(was, str) and isinstance(wanted, str)
    return texts and prop.essence is not None and prop.essence(was) == prop.essence(wanted)


def _within(prop: Prop, was: Any, wanted: Any) -> list[Change]:
    """The leaves that differ, less those of a block that AWS fills in by itself."""
    computed = {inner.name for inner in prop.fields if inner.computed}
    changes = compare(was, wanted, (prop.name,))
    if isinstance(was, dict) and isinstance(wanted, dict):
        return [c for c in changes if not (c.kind == "delete" and len(c.path) == 2 and c.path[1] in computed)]
    return changes


def diff(row: Row, request: DiffRequest) -> DiffResult:
    """What `pulumi preview` shows for the resource."""
    old, new = reveal(request.old_state), reveal(request.new_inputs)
    changes = without_ignored(changed_properties(row, old, new), request.ignore_changes)
    replace = any(change.replace for change in changes)
    return DiffResult(changes, replace and (row.delete_before_replace or _name_is_taken(row, old, new)))


def _name_is_taken(row: Row, old: State, new: State) -> bool:
    """An explicit name that stays the same can't belong to the old and the new resource at once (the bridge's rule)."""
    defaults = new.get(DEFAULTS) or []
    return any(
        prop.auto and name not in defaults and new.get(name) is not None and new.get(name) == old.get(name)
        for name, prop in row.by_name.items()
    )
