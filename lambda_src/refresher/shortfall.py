"""Logins that were due and not to be had: what is told of them, and of those that places are left with. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
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
    without: int = 0
    """Of these places, how many hold no login of the group's that may still live."""
    lives_until: datetime | None = None
    """When the first of the logins dies that the others hold, None if that is known of none."""

    def note(self, logins: Sequence[Login]) -> None:
        """Counts one more place, which keeps these."""
        self.places += 1
        self.without += not logins
        first = first_to_die(logins)
        if first is not None and first.expires_at is not None:
            self.lives_until = min(self.lives_until or first.expires_at, first.expires_at)

    def __str__(self) -> str:
        return f"{self.failure}; {self._rest()}"

    def _rest(self) -> str:
        hosts = self.group.hosts
        named = hosts[0] if len(hosts) == 1 else f"{hosts[0]} and {len(hosts) - 1} more"
        if self.without == self.places:
            return f"there is no live login for {named}"
        life = f"lives until {timestamp(self.lives_until)}" if self.lives_until else "lives for an unknown time"
        some = f", but {self.without} of {self.places} places have none" if self.without else ""
        return f"the last login for {named} {life}{some}"


def unavailable(shortfalls: Sequence[Shortfall], groups: int) -> RefreshError | None:
    """One error that tells of all of them, None if there are none. A single one's is of its own kind."""
    told = [str(shortfall) for shortfall in shortfalls]
    if not told:
        return None
    if len(told) == 1:
        return type(shortfalls[0].failure)(told[0])
    return LoginsUnavailableError(told, groups, [shortfall.failure for shortfall in shortfalls])
