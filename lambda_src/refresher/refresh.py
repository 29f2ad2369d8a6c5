"""The use case: keep live logins in every place of a sink."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from .core import SHORTEST_LIFE, Login, Renewal, is_fresh
from .errors import LoginsUnavailableError, OddAnswerError, RefreshError
from .ports import LoginSink, LoginSource, Outcome, P
from .registries import Registry, by_region


@dataclass(frozen=True)
class Report:
    """What a refresh did: the outcome of each place, and why there were no logins for those that were due, if that is why."""

    outcomes: tuple[Outcome, ...]
    unavailable: RefreshError | None = None


def refresh(
    source: LoginSource,
    sink: LoginSink[P],
    registries: Sequence[Registry],
    *,
    force: bool,
    clock: Callable[[], datetime],
) -> Report:
    """Renews the logins of the places where they are not fresh (or of all, by `force`).

    `registries` must not be empty; the first is the main one. `clock` gives aware datetimes. Once anything is due: one token
    call a region, then one write a place; if any region fails, nothing is written and the last good logins stay.
    """
    hosts = tuple(registry.host for registry in registries)
    outcomes: list[Outcome] = []
    fetch = _Fetch(source, registries, clock)

    def renewals() -> Iterator[tuple[P, Renewal]]:
        for place in sink.read():
            if isinstance(place, Outcome):
                outcomes.append(place)
            elif not force and is_fresh(place.held, hosts, clock()):
                outcomes.append(Outcome(place.name, "fresh", place.held.expires_at))
            else:
                renewal = fetch.once()
                if renewal is not None:
                    yield place, renewal
                else:
                    outcomes.append(Outcome(place.name, "failed", place.held.expires_at, fetch.unavailable))

    # The sink takes them as they come: it may write some while it still reads others.
    outcomes += list(sink.write(renewals()))
    return Report(tuple(outcomes), fetch.unavailable)


class _Fetch:
    """The logins of all regions, fetched when somebody first asks for them. `unavailable` is why there are none by then."""

    def __init__(self, source: LoginSource, registries: Sequence[Registry], clock: Callable[[], datetime]) -> None:
        self._source = source
        self._registries = registries
        self._clock = clock
        self._renewal: Renewal | None = None
        self.unavailable: RefreshError | None = None

    def once(self) -> Renewal | None:
        """What a due place is to hold."""
        if self._renewal is None and self.unavailable is None:
            self._fetch()
        return self._renewal

    def _fetch(self) -> None:
        # Every region is asked even after a failure, so that all that is wrong is known.
        logins: list[Login] = []
        failures: list[RefreshError] = []
        for region, members in by_region(self._registries).items():
            try:
                login = self._source.login(region, members)
                _check(login, region, self._clock())
            except RefreshError as failure:
                failures.append(failure)
            else:
                logins.append(login)
        if failures:
            self.unavailable = failures[0] if len(failures) == 1 else LoginsUnavailableError(failures)
        else:
            self._renewal = Renewal(tuple(logins), self._clock())


def _check(login: Login, region: str, now: datetime) -> None:
    left = login.expires_at - now
    if left < SHORTEST_LIFE:
        raise OddAnswerError(
            f"ECR in {region} gave a login with {left.total_seconds():.0f} s to live by this machine's clock; it takes at"
            f" least {SHORTEST_LIFE.total_seconds():.0f} s to be of any use"
        )
