"""A part of a component's arguments, handed on whole."""

from collections.abc import Mapping
from typing import TypeVar, cast

T = TypeVar("T")


def part_of(kind: type[T], args: Mapping[str, object]) -> T:
    """What the arguments say of `kind`, a TypedDict that is a base of theirs, and nothing else."""
    return cast(T, {key: value for key, value in args.items() if key in kind.__annotations__})
