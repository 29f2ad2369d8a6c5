"""The use case: keep live logins in every place of a sink."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
    due: list[P] = []
    fetching: Future[_Fetched] | None = None
    # The logins are the same for every place, so they are fetched while the rest of the places is still being read.
    with ThreadPoolExecutor(max_workers=1) as aside:
        for place in sink.read():
            if isinstance(place, Outcome):
                outcomes.append(place)
            elif not force and is_fresh(place.held, hosts, clock()):
                outcomes.append(Outcome(place.name, "fresh", place.held.expires_at))
            else:
                due.append(place)
                fetching = fetching or aside.submit(_fetch, source, registries, clock)
    if fetching is None:
        return Report(tuple(outcomes))
    fetched = fetching.result()
    if fetched.failures:
        unavailable = _all_in_one(fetched.failures)
        outcomes += [Outcome(place.name, "failed", place.held.expires_at, unavailable) for place in due]
        return Report(tuple(outcomes), unavailable)
    renewal = Renewal(fetched.logins, clock())
    outcomes += sink.write([(place, renewal) for place in due])
    return Report(tuple(outcomes))


@dataclass(frozen=True)
class _Fetched:
    logins: tuple[Login, ...]
    failures: tuple[RefreshError, ...]


def _fetch(source: LoginSource, registries: Sequence[Registry], clock: Callable[[], datetime]) -> _Fetched:
    """One checked login a region. Asks every region even after a failure, so that all that is wrong is known."""
    logins: list[Login] = []
    failures: list[RefreshError] = []
    for region, members in by_region(registries).items():
        try:
            login = source.login(region, members)
            _check(login, region, clock())
        except RefreshError as failure:
            failures.append(failure)
        else:
            logins.append(login)
    return _Fetched(tuple(logins), tuple(failures))


def _all_in_one(failures: Sequence[RefreshError]) -> RefreshError:
    return failures[0] if len(failures) == 1 else LoginsUnavailableError(failures)


def _check(login: Login, region: str, now: datetime) -> None:
    left = login.expires_at - now
    if left < SHORTEST_LIFE:
        raise OddAnswerError(
            f"ECR in {region} gave a login with {left.total_seconds():.0f} s to live by this machine's clock; it takes at"
            f" least {SHORTEST_LIFE.total_seconds():.0f} s to be of any use"
        )
