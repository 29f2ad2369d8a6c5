"""Creates, reads, updates and deletes a resource by its row."""

import re
import threading
import time
from collections.abc import Mapping
from typing import Any

import jmespath

from local.providers.aws.check import DEFAULTS
from local.providers.aws.model import Call, Kind, Prop, Row, State, TagStyle
from local.providers.aws.plan import changed_properties
from local.providers.aws.session import Api, AwsError
from local.providers.aws.shape import from_member, is_blank, same_value, to_member
from local.providers.common.diff import without_ignored
from local.providers.common.provider import ProviderError
from local.providers.common.values import Unknown

_counter_lock = threading.Lock()
_counter = 0


def unique_suffix() -> str:
    """26 digits that sort by time, as the real provider appends them to a name prefix."""
    global _counter
    with _counter_lock:
        _counter += 1
        return f"{time.strftime('%Y%m%d%H%M%S', time.gmtime())}{time.time_ns() // 100000 % 10000:04d}{_counter:08x}"


def _fill(template: str, state: State, resource_id: str = "") -> str:
    return re.sub(r"\{([\w#]+)\}", lambda m: resource_id if m[1] == "#id" else str(state[m[1]]), template)


def parse_id(row: Row, resource_id: str) -> State:
    """The properties that an id tells, for importing; raises ProviderError when it hasn't the row's form."""
    template = row.import_id or ("" if row.id.startswith("$") else row.id)
    if not template:
        return {}
    names = re.findall(r"\{(\w+)\}", template)
    pattern = re.sub(r"\\\{\w+\\\}", "(.+?)", re.escape(template))
    match = re.fullmatch(pattern, resource_id)
    if match is None:
        raise ProviderError(f"the id of {row.noun} must have the form {template}, not {resource_id!r}")
    return dict(zip(names, match.groups(), strict=True))


def _request(row: Row, call: Call, values: State, resource_id: str) -> dict[str, Any]:
    params: dict[str, Any] = {}
    for name in call.send:
        prop = row.prop(name)
        value = values.get(name)
        if value is not None and not (is_blank(value) and prop.default is None and prop.kind is not Kind.STRING):
            params[prop.member] = to_member(prop, value)
    for member, source in call.members.items():
        if not isinstance(source, str):
            params[member] = source
        elif source == "#id":
            params[member] = resource_id
        elif source.startswith("="):
            params[member] = source[1:]
        elif values.get(source) is not None:
            params[member] = to_member(row.prop(source), values[source])
    return params


def _send(row: Row, api: Api, call: Call, values: State, resource_id: str = "") -> dict[str, Any]:
    target = api.of(call.service) if call.service else api
    return target.call(call.op, **_request(row, call, values, resource_id))


def _tag_list(row: Row, tags: Mapping[str, str]) -> Any:
    if row.tags and row.tags.style is TagStyle.MAP:
        return dict(tags)
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def _read_tags(row: Row, api: Api, resource_id: str, state: State, found: Mapping[str, Any]) -> dict[str, str]:
    assert row.tags  # noqa: S101 - callers ask only for tagged types
    source: Any = found
    if row.tags.list_op:
        source = api.call(row.tags.list_op, **{row.tags.on: _tagged(row, resource_id, state)})
    listed = jmespath.search(row.tags.listing, source) or []
    tags = dict(listed) if isinstance(listed, dict) else {item["Key"]: item["Value"] for item in listed}
    return {key: value for key, value in tags.items() if not key.startswith("aws:")}


def _tagged(row: Row, resource_id: str, state: State) -> Any:
    assert row.tags  # noqa: S101
    return resource_id if row.tags.of == "#id" else state[row.tags.of]


def read(row: Row, api: Api, resource_id: str, known: State, default_tags: Mapping[str, str]) -> State | None:
    """The live state, with what AWS doesn't tell taken from `known`; None when the resource is gone."""
    try:
        if row.hooks.read:
            found = row.hooks.read(api, resource_id, known)
        else:
            assert row.read  # noqa: S101 - the table's test asks for one or the other
            found = jmespath.search(row.at, _send(row, api, row.read, known, resource_id))
        if not found:
            return None
        state = _described(row, found, known)
        if row.regional:
            state["region"] = api.region
        if row.tags:
            tags_all = _read_tags(row, api, resource_id, state, found)
            state["tagsAll"] = tags_all
            own = known.get("tags") or {}
            state["tags"] = {k: v for k, v in tags_all.items() if k in own or default_tags.get(k) != v}
        return state
    except AwsError as error:
        if error.code in row.gone:
            return None
        raise


def _described(row: Row, found: Mapping[str, Any], known: State) -> State:
    state: State = {}
    for name, prop in row.by_name.items():
        value = _property(prop, found, known)
        if value is not None:
            state[name] = value
    for name, path in row.outputs.items():
        value = jmespath.search(path, found)
        state[name] = value if value is not None else known.get(name)
    for name in row.once:
        state[name] = known.get(name)
    return {name: value for name, value in state.items() if value is not None}


def _property(prop: Prop, found: Mapping[str, Any], known: State) -> Any:
    before = known.get(prop.name)
    if prop.local or not prop.source:
        return before if before is not None else prop.default
    value = from_member(prop, jmespath.search(prop.source, found))
    if value is None:
        return prop.default
    # Text and order as the program wrote them, while they mean what AWS holds.
    return before if before is not None and same_value(prop, before, value) else value


def create(row: Row, api: Api, inputs: State, default_tags: Mapping[str, str]) -> tuple[str, State]:
    """Makes the resource and answers its id and state."""
    values = dict(inputs)
    for name, prop in row.by_name.items():
        if prop.auto and values.get(name) is None and values.get(prop.auto.prefix_property) is not None:
            values[name] = f"{values[prop.auto.prefix_property]}{unique_suffix()}{prop.auto.suffix(values)}"
    label = str(values.get("name") or "")
    try:
        if row.hooks.create:
            resource_id, extra = api.patient(row.retries, lambda: row.hooks.create(api, values))  # type: ignore[misc]
            values.update(extra)
        else:
            assert row.create  # noqa: S101
            params = _request(row, row.create, values, "")
            if row.tags and row.tags.create and values.get("tagsAll"):
                params[row.tags.create] = _tag_list(row, values["tagsAll"])
            answer = api.patient(row.retries, lambda: api.call(row.create.op, **params))  # type: ignore[union-attr]
            values.update({name: jmespath.search(path, answer) for name, path in row.once.items()})
            resource_id = jmespath.search(row.id[1:], answer) if row.id.startswith("$") else _fill(row.id, values)
    except ProviderError as error:
        raise ProviderError(f"creating {row.noun}{f' ({label})' if label else ''}: {error}") from None
    try:
        if row.hooks.created:
            row.hooks.created(api, resource_id, values)
        state = read(row, api, resource_id, values, default_tags)
    except ProviderError as error:
        raise UnfinishedError(resource_id, values, f"creating {row.noun} ({resource_id}): {error}") from None
    except Exception as error:
        # A fault of ours must not lose what exists by now. Its text is kept back, it may quote a secret.
        raise UnfinishedError(
            resource_id, values, f"creating {row.noun} ({resource_id}): {type(error).__name__}"
        ) from error
    if state is None:
        raise ProviderError(f"reading {row.noun} ({resource_id}): it is gone right after its creation")
    return resource_id, state


class UnfinishedError(ProviderError):
    """The resource was made, but a further step failed; `state` is what is known of it."""

    def __init__(self, resource_id: str, state: State, reason: str) -> None:
        super().__init__(reason)
        self.resource_id = resource_id
        self.state = state


def update(
    row: Row, api: Api, resource_id: str, old: State, new: State, default_tags: Mapping[str, str], ignore: list[str]
) -> State:
    """Carries out each change that touches a changed property and answers the new state."""
    changed = _changed(row, old, new, ignore)
    kept = {name: old.get(name) for name, prop in row.by_name.items() if prop.computed}
    values = {**kept, **new, **{name: old.get(name) for name in ignore if name in row.by_name}}
    for name, prop in row.by_name.items():
        if values.get(name) is None and prop.auto:
            values[name] = old.get(name)
    extra: State = {}
    try:
        for step in row.changes:
            if changed & set(step.props):
                chosen = step.clear if step.clear and is_blank(values.get(step.props[0])) else step.call
                # A text that the program doesn't give any more is cleared by sending an empty one.
                cleared = {n: "" for n in step.props if values.get(n) is None and row.prop(n).kind is Kind.STRING}
                sent = {**values, **(cleared if chosen is step.call else {})}
                api.patient(row.retries, lambda c=chosen, v=sent: _send(row, api, c, v, resource_id))
        if row.hooks.update:
            extra = api.patient(row.retries, lambda: row.hooks.update(api, resource_id, old, values, changed))  # type: ignore[misc]
        if row.tags and "tagsAll" in changed:
            _retag(row, api, resource_id, old, values)
        if row.hooks.updated:
            row.hooks.updated(api, resource_id, old, values, changed)
        known = {**old, **values, **extra}
        for name in old:
            if name in row.by_name and values.get(name) is None and not row.prop(name).computed:
                known.pop(name, None)
        state = read(row, api, resource_id, known, default_tags)
    except ProviderError as error:
        raise ProviderError(f"updating {row.noun} ({resource_id}): {error}") from None
    if state is None:
        raise ProviderError(f"updating {row.noun} ({resource_id}): it doesn't exist any more; run `pulumi refresh`")
    return state


def _retag(row: Row, api: Api, resource_id: str, old: State, new: State) -> None:
    assert row.tags  # noqa: S101
    before, after = old.get("tagsAll") or {}, new.get("tagsAll") or {}
    target = {row.tags.on: _tagged(row, resource_id, {**old, **{k: v for k, v in new.items() if v is not None}})}
    removed = sorted(set(before) - set(after))
    added = {key: value for key, value in after.items() if before.get(key) != value}
    if removed:
        api.call(row.tags.untag, **target, **{row.tags.untag_member: removed})
    if added:
        api.call(row.tags.tag, **target, **{row.tags.tag_member: _tag_list(row, added)})


def delete(row: Row, api: Api, resource_id: str, state: State) -> None:
    """Deletes the resource; one that is gone already is fine."""
    try:
        if row.hooks.deleting:
            row.hooks.deleting(api, resource_id, state)
        if row.hooks.delete:
            row.hooks.delete(api, resource_id, state)
        elif row.delete:
            _send(row, api, row.delete, state, resource_id)
    except AwsError as error:
        if error.code not in row.gone:
            raise ProviderError(f"deleting {row.noun} ({resource_id}): {error}") from None
    except ProviderError as error:
        raise ProviderError(f"deleting {row.noun} ({resource_id}): {error}") from None


def preview_create(row: Row, inputs: State) -> State:
    """The state as far as it is known before the resource exists; the rest is unknown."""
    state: State = {name: value for name, value in inputs.items() if name != DEFAULTS}
    for name, prop in row.by_name.items():
        if prop.computed or prop.auto:
            state.setdefault(name, Unknown())
    for name in (*row.outputs, *row.once):
        state.setdefault(name, Unknown())
    return state


def _changed(row: Row, old: State, new: State, ignore: list[str]) -> set[str]:
    """The properties whose change an update is to carry out."""
    return {str(change.path[0]) for change in without_ignored(changed_properties(row, old, new), ignore)}


def preview_update(row: Row, old: State, new: State, ignore: list[str]) -> State:
    """The state as far as it is known before an update."""
    changed = _changed(row, old, new, ignore)
    kept = {n: v for n, v in old.items() if n not in row.by_name or row.prop(n).computed or row.prop(n).auto}
    wanted = {name: value for name, value in new.items() if name != DEFAULTS and value is not None}
    state = {**kept, **wanted, **{name: old[name] for name in ignore if name in row.by_name and name in old}}
    for name in row.hooks.unknowns(changed) if row.hooks.unknowns else ():
        state[name] = Unknown()
    return state


def canonical_id(row: Row, given: str, state: State) -> str:
    """The id that the resource keeps in state; an import may have been told another form."""
    return given if row.id.startswith("$") else _fill(row.id, state)


def inputs_from(row: Row, state: State, old_inputs: State) -> State:
    """The inputs that describe a live state: those given before, or after an import all that differ from a default."""
    props = row.by_name
    if old_inputs:
        kept = {name: state.get(name) for name in old_inputs if name in props or name == "tagsAll"}
        inputs = {name: value for name, value in kept.items() if value is not None}
        return {**inputs, DEFAULTS: old_inputs.get(DEFAULTS, [])}
    inputs = {
        name: state[name]
        for name, prop in props.items()
        if not is_blank(state.get(name)) and (state[name] != prop.default) and not (prop.computed and not prop.auto)
    }
    defaults = {name: prop.default for name, prop in props.items() if prop.default is not None and name not in inputs}
    return {**inputs, **defaults, DEFAULTS: sorted(defaults)}
