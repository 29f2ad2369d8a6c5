"""Logins that were due and not to be had: what is told of them, and of those that places are left with. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from .core import Login, first_to_die, timestamp
from .errors import LoginsUnavailableError, RefreshError
from .registries import Group


@dataclass
class Shortfall:
    """A group that gave no login for the reason `failure`, and what was found in the places that it was due in."""

    group: Group
    failure: RefreshError
    places: int = 0
    wanting: int = 0
    """Of these places, how many have no login that may still live for some of the registries."""
    held: set[str] = field(default_factory=set[str])
    """The registries that any of the places has one for."""
    missed: set[str] = field(default_factory=set[str])
    """The registries that any of the places has none for."""
    lives_until: datetime | None = None
    """When the first of those logins dies, None if that is known of none."""

    def note(self, logins: Sequence[Login]) -> None:
        """Counts one more place, which keeps these."""
        opened = {host for login in logins for host in login.registries}
        missed = {host for host in self.group.hosts if host not in opened}
        self.places += 1
        self.wanting += bool(missed)
        self.held |= opened
        self.missed |= missed
        first = first_to_die(logins)
        if first is not None and first.expires_at is not None:
            self.lives_until = min(self.lives_until or first.expires_at, first.expires_at)

    def __str__(self) -> str:
        return f"{self.failure}; {self._rest()}"

    def _rest(self) -> str:
        if not self.held:
            return f"there is no live login for {self._named(self.group.hosts)}"
        life = f"lives until {timestamp(self.lives_until)}" if self.lives_until else "lives for an unknown time"
        rest = f"the last login for {self._named(self.held)} {life}"
        if not self.missed:
            return rest
        where = "there is" if self.places == 1 else f"{self.wanting} of {self.places} places have"
        return f"{rest}, but {where} none for {self._named(self.missed)}"

    def _named(self, hosts: Collection[str]) -> str:
        first = next(host for host in self.group.hosts if host in hosts)
        return first if len(hosts) == 1 else f"{first} and {len(hosts) - 1} more"


def unavailable(shortfalls: Sequence[Shortfall], groups: int) -> RefreshError | None:
    """One error that tells of all of them, None if there are none. A single one's is of its own kind."""
    told = [str(shortfall) for shortfall in shortfalls]
    if not told:
        return None
    if len(told) == 1:
        return type(shortfalls[0].failure)(told[0])
    return LoginsUnavailableError(told, groups, [shortfall.failure for shortfall in shortfalls])
