"""The use case: keep live logins in every place of a sink."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from .core import SHORTEST_LIFE, Held, Login, Renewal, is_fresh, is_young, kept
from .errors import OddAnswerError, RefreshError
from .ports import LoginSink, LoginSource, Outcome, P
from .registries import Group
from .shortfall import Shortfall, unavailable


@dataclass(frozen=True)
class Report:
    """What a refresh did: the outcome of each place, and which logins were due somewhere and not to be had.

    `unavailable` tells of all of the latter. It is the failure of every place that one of them was due in.
    """

    outcomes: tuple[Outcome, ...]
    shortfalls: tuple[Shortfall, ...] = ()
    unavailable: RefreshError | None = None


def refresh(
    source: LoginSource,
    sink: LoginSink[P],
    groups: Sequence[Group],
    *,
    force: bool,
    clock: Callable[[], datetime],
    noting: Callable[[Sequence[Login]], None] | None = None,
) -> Report:
    """Renews the logins of the places where they are not fresh (or all, by `force`).

    `groups` must not be empty; the first registry of the first is the main one. `clock` gives aware datetimes. A group that is
    due anywhere costs one token call; a place in which anything changes is written once. If a group gives no login, each
    place keeps its last good one as long as that lives, and gets the others' new ones. `noting` is told the logins of each
    place, as they are then.
    """
    hosts = tuple(host for group in groups for host in group.hosts)
    outcomes: list[Outcome] = []
    fetch = _Fetch(source, groups, force, clock)
    wanting: set[str] = set()

    def renewals() -> Iterator[tuple[P, Renewal]]:
        for place in sink.read():
            if isinstance(place, Outcome):
                outcomes.append(place)
                continue
            if not force and is_fresh(place.held, hosts, clock()):
                outcomes.append(Outcome(place.name, "fresh", place.held.expires_at))
                if noting:
                    noting(place.held.logins)
                continue
            found = fetch.logins_for(place.held)
            if noting:
                noting(found.logins)
            if found.is_lacking:
                wanting.add(place.name)
            if _is_worth_writing(place.held, found):
                yield place, Renewal(found.logins)
            else:
                outcomes.append(Outcome(place.name, "failed", place.held.expires_at))

    # The sink takes them as they come: it may write some while it still reads others.
    outcomes += list(sink.write(renewals()))
    reason = unavailable(fetch.shortfalls, len(groups))

    def completed(outcome: Outcome) -> Outcome:
        if outcome.place not in wanting or outcome.failure or outcome.status not in ("refreshed", "failed"):
            return outcome
        return replace(outcome, status="incomplete" if outcome.status == "refreshed" else "failed", failure=reason)

    return Report(tuple(map(completed, outcomes)), tuple(fetch.shortfalls), reason)


@dataclass(frozen=True)
class _Found:
    """What a place is to hold, whether any of it is new, and whether anything that is due was not to be had."""

    logins: tuple[Login, ...]
    is_new: bool
    is_lacking: bool


def _is_worth_writing(held: Held, found: _Found) -> bool:
    """Whether the place would hold anything other than it does, and not just logins of which nothing is known."""
    logins = found.logins
    if found.is_new:
        return True
    if not any(login.expires_at for login in logins):
        return False
    main_changes = held.main not in (None, logins[0].registries[0])
    return held.flaw is not None or main_changes or _pairs(held.logins) != _pairs(logins)


def _pairs(logins: Sequence[Login]) -> dict[str, tuple[str, str]]:
    return {host: (login.username, login.password) for login in logins for host in login.registries}


class _Fetch:
    """The logins of all groups, each fetched when a place first needs it. `shortfalls` are those that were not to be had."""

    def __init__(
        self, source: LoginSource, groups: Sequence[Group], force: bool, clock: Callable[[], datetime]
    ) -> None:
        self._source = source
        self._groups = groups
        self._force = force
        self._clock = clock
        self._fetched: dict[Group, Login | Shortfall] = {}

    @property
    def shortfalls(self) -> list[Shortfall]:
        """In the order of the groups."""
        found = map(self._fetched.get, self._groups)
        return [result for result in found if isinstance(result, Shortfall)]

    def logins_for(self, held: Held) -> _Found:
        logins: list[Login] = []
        is_new = is_lacking = False
        # Each group is asked even after a failure, so that all that is wrong is known.
        for group in self._groups:
            now = self._clock()
            held_by_it = kept(held, group.hosts, now)
            young = {host for login in held_by_it if is_young(login, now) for host in login.registries}
            if not self._force and young.issuperset(group.hosts):
                logins += held_by_it
                continue
            result = self._once(group)
            if isinstance(result, Login):
                is_new = True
                logins.append(result)
            else:
                is_lacking = True
                result.note(held_by_it)
                logins += held_by_it
        return _Found(tuple(logins), is_new, is_lacking)

    def _once(self, group: Group) -> Login | Shortfall:
        if group not in self._fetched:
            self._fetched[group] = self._fetch(group)
        return self._fetched[group]

    def _fetch(self, group: Group) -> Login | Shortfall:
        try:
            login = self._source.login(group)
            now = self._clock()
            _check(login, group, now)
        except RefreshError as failure:
            return Shortfall(group, failure)
        return replace(login, refreshed_at=now)


def _check(login: Login, group: Group, now: datetime) -> None:
    left = (login.expires_at or now) - now
    if left < SHORTEST_LIFE:
        raise OddAnswerError(
            f"{group} gave a login with {left.total_seconds():.0f} s to live by this machine's clock; it takes at"
            f" least {SHORTEST_LIFE.total_seconds():.0f} s to be of any use"
        )
