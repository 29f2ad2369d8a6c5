"""Takes secret values out of texts that the API server wrote, because its validation errors quote what was sent."""

import base64
import binascii
import contextlib
import json
from collections.abc import Iterator
from typing import Any

from local.providers.common.values import Secret, Value, reveal

HIDDEN = "[secret]"
# Shorter texts are part of ordinary words; replacing them would spoil the message without hiding anything.
_SHORTEST = 3
_SHORTEST_LINE = 8


class Redactor:
    """Knows the secrets of one request: marked values anywhere, and all content of a Secret object."""

    def __init__(self, *values: Value) -> None:
        texts = {text for value in values for text in _secret_texts(value)}
        # Longest first, so that no part of a secret stays behind when another secret is part of it.
        self._texts = sorted((text for text in texts if len(text) >= _SHORTEST), key=len, reverse=True)

    def __call__(self, message: str) -> str:
        """The message without the secrets it quotes."""
        for text in self._texts:
            message = message.replace(text, HIDDEN)
        return message


def _secret_texts(value: Value) -> Iterator[str]:
    if isinstance(value, Secret):
        for leaf in _leaves(reveal(value.value)):
            yield from _spellings(leaf)
    elif isinstance(value, dict):
        content = [value.get("data"), value.get("stringData")] if value.get("kind") == "Secret" else []
        for item in [*(Secret(part) for part in content if not isinstance(part, Secret)), *value.values()]:
            yield from _secret_texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _secret_texts(item)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


def _spellings(text: str) -> Iterator[str]:
    """The ways in which a value may be quoted: as it is, escaped, base64 encoded or decoded, line by line."""
    plain = [text, base64.b64encode(text.encode()).decode()]
    with contextlib.suppress(binascii.Error, ValueError):
        plain.append(base64.b64decode(text, validate=True).decode())
    for spelling in plain:
        yield spelling
        yield json.dumps(spelling)[1:-1]
        yield json.dumps(spelling, ensure_ascii=False)[1:-1]
        yield from (line for line in spelling.splitlines() if len(line.strip()) >= _SHORTEST_LINE)
