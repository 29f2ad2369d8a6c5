"""Reading JSON that anybody may have written: a part that has not the shape it should have counts as empty."""

import re
from collections.abc import Mapping, Sequence
from typing import cast

Object = Mapping[str, object]


def mapping(value: object) -> Object:
    """`value` if it is a JSON object, else {}."""
    return cast(Object, value) if isinstance(value, dict) else {}


def sequence(value: object) -> Sequence[object]:
    """`value` if it is a JSON array, else []."""
    return cast(Sequence[object], value) if isinstance(value, list) else []


def printable(value: object) -> str:
    """`value` if it is a name, such as Kubernetes gives to kinds, objects and users; else (unnamed).

    For messages: what is no name could hold anything.
    """
    return value if isinstance(value, str) and re.fullmatch(r"[\w.:/@-]{1,253}", value, re.ASCII) else "(unnamed)"
