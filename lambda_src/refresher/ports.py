"""What a refresh needs from outside."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, TypeVar

from .core import Held, Login, Renewal
from .errors import RefreshError
from .registries import Group


@dataclass(frozen=True)
class Place:
    """Somewhere that logins are kept, as it was read.

    `replaces` tells of what a write does away with, when that is more than the last login.
    """

    name: str
    held: Held = field(repr=False)
    replaces: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a place: new logins are there, fresh ones were, it has to do without, it needs none, or none any more.

    It is `incomplete` if it was written and some of the logins that were due were not to be had. `failure` is there exactly
    if it `failed` or is that. `expires_at` is when the first of the logins that it holds now dies, None if it holds none or
    that is not known.
    """

    place: str
    status: Literal["refreshed", "incomplete", "fresh", "failed", "left out", "removed"]
    expires_at: datetime | None = None
    failure: RefreshError | None = None
    note: str | None = None


# What a sink needs to know of its own places, when it writes them.
P = TypeVar("P", bound=Place)


class LoginSource(Protocol):
    """Gives logins."""

    def login(self, group: Group) -> Login:
        """A login that opens the group's registries, with its expiry. Raises RefreshError."""
        ...


class LoginSink(Protocol[P]):
    """Keeps logins in one place or many. What goes wrong with one of them is its outcome and stops no other."""

    def read(self) -> Iterable[P | Outcome]:
        """Each place once, as they have been read; the outcome of those that can't or needn't be written."""
        ...

    def write(self, renewals: Iterable[tuple[P, Renewal]]) -> Iterable[Outcome]:
        """Replaces what the places hold, each in one step: readers see the old logins or the new ones.

        Takes each of `renewals`, and may write it, before it asks for the next.
        """
        ...
