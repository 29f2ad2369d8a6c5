"""Pulumi property values as plain Python values.

The engine sends property maps as protobuf structs in which unknowns, secrets, assets and resource references are
marked by sentinels and signature keys (Pulumi SDK, `pulumi.runtime.rpc`). `pulumi.provider.experimental` can't be used
for this: its values drop asset hashes and can't be marshalled when they are unknown.

Python side: None, bool, int (a whole number), float, str, list, dict, and the four classes below.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf import struct_pb2
from pulumi.runtime import rpc

Value = Any
"""None | bool | int | float | str | list[Value] | dict[str, Value] | Unknown | Secret | Asset | Archive."""
Path = tuple[str | int, ...]

_SIGNATURE: Final = rpc._special_sig_key
# What an unknown looks like on the wire depends on its type (sdk/v3/go/common/resource/plugin/rpc.go, Unknown*Value).
_UNKNOWNS: Final = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # bool
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # string, the one that is sent back
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
    }
)


class Unknown:
    """A value that only exists after an `up`; equal to nothing but another unknown."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unknown)

    def __hash__(self) -> int:
        return hash(Unknown)

    def __repr__(self) -> str:
        return "<unknown>"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that must be encrypted in state and hidden in output. Its repr never shows the value."""

    value: Value = field(repr=False)


@dataclass(frozen=True)
class Asset:
    """A file's content: exactly one of `path`, `text`, `uri` is set (none when the engine left the content out)."""

    path: str | None = None
    text: str | None = field(default=None, repr=False)
    uri: str | None = None
    hash: str = ""


@dataclass(frozen=True)
class Archive:
    """A tree of files: exactly one of `path`, `uri`, `assets` is set (none when the engine left the content out)."""

    path: str | None = None
    uri: str | None = None
    assets: Mapping[str, "Asset | Archive"] | None = field(default=None, repr=False)
    hash: str = ""


def decode(message: struct_pb2.Value) -> Value:
    """One wire value as a Python value; raises ValueError for a signature this SDK version doesn't know."""
    kind = message.WhichOneof("kind")
    if kind in (None, "null_value"):
        return None
    if kind == "bool_value":
        return message.bool_value
    if kind == "number_value":
        number = message.number_value
        return int(number) if number.is_integer() else number
    if kind == "string_value":
        return UNKNOWN if message.string_value in _UNKNOWNS else message.string_value
    if kind == "list_value":
        return [decode(item) for item in message.list_value.values]
    return _decode_struct(message.struct_value)


def _decode_struct(struct: struct_pb2.Struct) -> Value:
    fields = struct.fields
    if _SIGNATURE not in fields:
        return decode_map(struct)
    signature = fields[_SIGNATURE].string_value
    if signature == rpc._special_secret_sig:
        return Secret(decode(fields["value"]))
    if signature == rpc._special_output_value_sig:
        value = decode(fields["value"]) if "value" in fields else UNKNOWN
        return Secret(value) if "secret" in fields and fields["secret"].bool_value else value
    if signature == rpc._special_resource_sig:
        return decode(fields["id"]) if "id" in fields else fields["urn"].string_value
    text = {key: fields[key].string_value for key in ("path", "text", "uri") if key in fields}
    content_hash = fields["hash"].string_value if "hash" in fields else ""
    if signature == rpc._special_asset_sig:
        return Asset(text.get("path"), text.get("text"), text.get("uri"), content_hash)
    if signature == rpc._special_archive_sig:
        assets = decode_map(fields["assets"].struct_value) if "assets" in fields else None
        return Archive(text.get("path"), text.get("uri"), assets, content_hash)
    raise ValueError(f"a property value has the unknown signature {signature!r}")


def decode_map(struct: struct_pb2.Struct) -> dict[str, Value]:
    """A wire struct as a dict of Python values."""
    return {key: decode(item) for key, item in struct.fields.items()}


def encode(value: Value) -> struct_pb2.Value:
    """One Python value as a wire value; raises TypeError for what Pulumi has no type for (bytes, datetime...)."""
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, int | float):
        return struct_pb2.Value(number_value=value)
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, Unknown):
        return struct_pb2.Value(string_value=rpc.UNKNOWN)
    if isinstance(value, Secret):
        return _signed(rpc._special_secret_sig, {"value": encode(value.value)})
    if isinstance(value, Asset):
        parts = {"path": value.path, "text": value.text, "uri": value.uri, "hash": value.hash or None}
        return _signed(rpc._special_asset_sig, {k: encode(v) for k, v in parts.items() if v is not None})
    if isinstance(value, Archive):
        assets = None if value.assets is None else dict(value.assets)
        parts = {"path": value.path, "uri": value.uri, "assets": assets, "hash": value.hash or None}
        return _signed(rpc._special_archive_sig, {k: encode(v) for k, v in parts.items() if v is not None})
    if isinstance(value, list | tuple):
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[encode(item) for item in value]))
    if isinstance(value, Mapping):
        return struct_pb2.Value(struct_value=encode_map(value))
    raise TypeError(f"a {type(value).__name__} can't be a Pulumi property value")


def _signed(signature: str, fields: dict[str, struct_pb2.Value]) -> struct_pb2.Value:
    fields[_SIGNATURE] = struct_pb2.Value(string_value=signature)
    return struct_pb2.Value(struct_value=struct_pb2.Struct(fields=fields))


def encode_map(values: Mapping[str, Value]) -> struct_pb2.Struct:
    """A dict of Python values as a wire struct."""
    return struct_pb2.Struct(fields={key: encode(item) for key, item in values.items()})


def _rebuild(value: Value, visit: Callable[[Value], Value]) -> Value:
    if isinstance(value, list):
        return [visit(item) for item in value]
    if isinstance(value, Mapping):
        return {key: visit(item) for key, item in value.items()}
    return value


def reveal(value: Value) -> Value:
    """The same value without its Secret wrappers, at every depth; what an API call needs. Never log the result."""
    if isinstance(value, Secret):
        return reveal(value.value)
    return _rebuild(value, reveal)


def secret_paths(value: Value, at: Path = ()) -> Iterator[Path]:
    """Where in the value the outermost Secret wrappers sit."""
    if isinstance(value, Secret):
        yield at
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from secret_paths(item, (*at, index))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from secret_paths(item, (*at, key))


def conceal(value: Value, paths: "Iterator[Path] | list[Path]") -> Value:
    """The value with Secret wrapped round what sits at each path; a path that doesn't exist any more is skipped."""
    for path in paths:
        value = _conceal_one(value, path)
    return value


def _conceal_one(value: Value, path: Path) -> Value:
    if isinstance(value, Secret):
        return value
    if not path:
        return Secret(value)
    step, rest = path[0], path[1:]
    if isinstance(value, Mapping) and step in value:
        return {**value, step: _conceal_one(value[step], rest)}
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return [*value[:step], _conceal_one(value[step], rest), *value[step + 1 :]]
    return value


def has_unknown(value: Value) -> bool:
    """Whether anything inside, secrets included, isn't known yet."""
    if isinstance(value, Unknown):
        return True
    if isinstance(value, Secret):
        return has_unknown(value.value)
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    return False
