"""What a refresh needs from outside."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .core import Document, Login
from .registries import Registry


@dataclass(frozen=True)
class Held:
    """What a sink holds now.

    `document` is empty when there is nothing yet or nothing that can be merged into; in the latter case `damage` says
    why and `version` is where the content can still be found once it has been replaced.
    """

    document: Document = field(repr=False)
    damage: str | None = None
    version: str | None = None


class LoginSource(Protocol):
    """Gives logins."""

    def login(self, region: str, registries: Sequence[Registry]) -> Login:
        """A login that opens `registries`, all of them in `region`. Raises RefreshError."""
        ...


class LoginSink(Protocol):
    """Holds one document. A write is atomic: readers see the old document or the new one."""

    def read(self) -> Held:
        """What is held now. Raises RefreshError."""
        ...

    def write(self, document: Document) -> None:
        """Replaces what is held. Raises RefreshError and leaves it alone if it cannot."""
        ...
