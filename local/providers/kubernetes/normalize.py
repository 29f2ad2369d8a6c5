"""Brings inputs and live objects to one form, so that only differences that mean something are seen."""

import base64
import binascii
import re
from decimal import Decimal
from typing import Any

from local.providers.common.values import has_unknown
from local.providers.kubernetes import objects
from local.providers.kubernetes.objects import Object

# Maps whose values are resource.Quantity (k8s.io/api/core/v1 ResourceList), and single fields of that type.
_QUANTITY_MAPS = frozenset({"limits", "requests", "hard", "capacity", "allocatable", "overhead", "podFixed", "used"})
_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)|[eE]([+-]?\d+))?")
_SUFFIXES = {
    **{letter: Decimal(1000) ** power for letter, power in {"n": -3, "u": -2, "m": -1, "k": 1}.items()},
    **{letter: Decimal(1000) ** power for power, letter in enumerate("MGTPE", start=2)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", start=1)},
}


def quantity(value: Any) -> Any:
    """The number that a quantity such as "500m" or "1Gi" means; anything else unchanged."""
    match = _QUANTITY.fullmatch(str(value)) if isinstance(value, str | int | float) else None
    if match is None or isinstance(value, bool):
        return value
    number, suffix, exponent = match.groups()
    factor = _SUFFIXES[suffix] if suffix else Decimal(10) ** int(exponent or 0)
    return Decimal(number) * factor


def same_quantity(path: tuple[str | int, ...], old: Any, new: Any) -> bool:
    """Whether both mean the same amount, at a place where Kubernetes holds a quantity."""
    if len(path) < 2 or path[-2] not in _QUANTITY_MAPS:
        return False
    return quantity(old) == quantity(new)


def inputs(obj: Object) -> Object:
    """Inputs in the form that the server gives back: no read-only metadata, a Secret's `stringData` merged into `data`.

    An object with anything unknown keeps its shape."""
    if not has_unknown(obj) and objects.is_secret(obj):
        obj = _secret(obj)
    if obj.get("kind") == "CustomResourceDefinition":
        obj = {key: value for key, value in obj.items() if key != "status"}
    return objects.without_read_only(obj)


def _secret(obj: Object) -> Object:
    string_data, data = obj.get("stringData"), obj.get("data")
    if isinstance(string_data, dict) and string_data:
        # stringData wins over data, key by key (k8s.io/kubernetes/pkg/apis/core/v1/conversion.go).
        encoded = {key: base64.b64encode(str(value).encode()).decode() for key, value in string_data.items()}
        obj = {key: value for key, value in obj.items() if key != "stringData"}
        return {**obj, "data": {**(data or {}), **encoded}}
    if isinstance(data, dict) and data:
        return {**obj, "data": {key: _canonical_base64(value) for key, value in data.items()}}
    return obj


def _canonical_base64(value: Any) -> Any:
    """The server decodes and encodes again, which drops line breaks. What isn't base64 is left for it to refuse."""
    try:
        return base64.b64encode(base64.b64decode("".join(value.split()), validate=True)).decode()
    except (AttributeError, TypeError, binascii.Error):
        return value


def prune(source: Any, shape: Any) -> Any:
    """What of `source` the `shape` also has, keys by name and items by position: the part of a live object that the
    inputs speak of. Lists of a plain type are kept whole up to the shape's length."""
    if isinstance(source, dict) and isinstance(shape, dict):
        return {key: prune(value, shape[key]) for key, value in source.items() if key in shape}
    if isinstance(source, list) and isinstance(shape, list):
        if source and shape and type(source[0]) is not type(shape[0]):
            return source
        return [prune(item, shape[index]) for index, item in enumerate(source[: len(shape)])]
    return source


# The CustomResourceDefinition schema's keys can't be property names in every SDK, so the SDKs spell them otherwise.
_DASHED = {
    name.replace("-", "_"): name
    for name in (
        "x-kubernetes-embedded-resource",
        "x-kubernetes-int-or-string",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-list-type",
        "x-kubernetes-map-type",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-validations",
    )
}
_UNDERSCORED = {dashed: underscored for underscored, dashed in _DASHED.items()}


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {names.get(key, key): _renamed(item, names) for key, item in value.items()}
    return [_renamed(item, names) for item in value] if isinstance(value, list) else value


def to_kubernetes(values: Object) -> Object:
    """Property names as Kubernetes spells them; nulls are taken off, since an apply of null means nothing."""
    return _without_nulls(_renamed(values, _DASHED))


def to_pulumi(obj: Object) -> Object:
    """Property names as the SDKs spell them."""
    return _renamed(obj, _UNDERSCORED)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
