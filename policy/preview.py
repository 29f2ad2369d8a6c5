"""What `pulumi preview --json --show-sames` says, as rules look at it."""

import json
import re
from collections.abc import Mapping
from typing import cast

from .resources import Resource, Stack, mapping, mappings, plain

# The engine's mark-up, as in <{%reset%}>.
_COLOUR = re.compile(r"<\{%[^%]*%\}>")


class NoPreview(ValueError):
    """The text tells of no stack; the message says what it is instead."""


def read(text: str) -> Stack:
    """The stack as it would be. Raises NoPreview.

    Without --show-sames the engine leaves out what stays as it is. What it would delete is in no stack of the future. A preview
    that failed tells of errors and of what it had planned before; one that succeeded may tell of errors too.
    """
    try:
        document = mapping(json.loads(text))
    except ValueError:
        raise NoPreview("it is no JSON: the preview was cut off, or did not get far enough to write any") from None
    if "steps" not in document:
        raise NoPreview("it has no steps: `pulumi preview --json` writes them")
    found: dict[str, Resource] = {}
    for step in mappings(document["steps"]):
        state = mapping(step.get("newState"))
        # A replacement is told of more than once.
        if state and not str(step.get("op")).startswith("delete"):
            found[str(step["urn"])] = _resource(state)
    errors = [
        _COLOUR.sub("", str(note.get("message"))).strip()
        for note in mappings(document.get("diagnostics"))
        if note.get("severity") == "error"
    ]
    if not found:
        raise NoPreview(
            f"the preview failed: {errors[0]}" if errors else "it names no resource: was --show-sames given?"
        )
    config = cast(Mapping[str, object], plain(mapping(document.get("config"))))
    return Stack(list(found.values()), config, errors)


def _resource(state: Mapping[str, object]) -> Resource:
    name = str(state["urn"]).rpartition("::")[2]
    return Resource(str(state["type"]), name, cast(Mapping[str, object], plain(mapping(state.get("inputs")))))
