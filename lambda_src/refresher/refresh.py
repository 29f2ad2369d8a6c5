"""The use case: keep a sink's document holding live logins."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from .core import SHORTEST_LIFE, Document, Login, is_fresh, merge_document
from .errors import LoginsUnavailableError, OddAnswerError, RefreshError
from .ports import Held, LoginSink, LoginSource
from .registries import Registry, by_region


@dataclass(frozen=True)
class Report:
    """What a refresh did. `replaced` tells of content that had to make way because nothing could be merged into it."""

    status: Literal["refreshed", "fresh"]
    registries: tuple[str, ...]
    expires_at: str
    seconds_left: int
    replaced: str | None = None


def refresh(
    source: LoginSource,
    sink: LoginSink,
    registries: Sequence[Registry],
    *,
    force: bool,
    clock: Callable[[], datetime],
) -> Report:
    """Renews the sink's login unless it is fresh (or `force`).

    `registries` must not be empty; the first is the main one. `clock` gives aware datetimes. One token call a region,
    then one write; if any region fails, nothing is written and the last good document stays. Raises RefreshError.
    """
    hosts = tuple(registry.host for registry in registries)
    held = sink.read()
    now = clock()
    if not force and is_fresh(held.document, hosts, now):
        return _report("fresh", held.document, hosts, now)
    document = merge_document(held.document, _fetch(source, registries, now), now)
    sink.write(document)
    return _report("refreshed", document, hosts, now, _replaced(held))


def _fetch(source: LoginSource, registries: Sequence[Registry], now: datetime) -> list[Login]:
    """One checked login a region. Asks every region even after a failure, so that the error names all that is wrong."""
    logins: list[Login] = []
    failures: list[RefreshError] = []
    for region, members in by_region(registries).items():
        try:
            login = source.login(region, members)
            _check(login, region, now)
        except RefreshError as failure:
            failures.append(failure)
        else:
            logins.append(login)
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise LoginsUnavailableError(failures)
    return logins


def _check(login: Login, region: str, now: datetime) -> None:
    left = login.expires_at - now
    if left < SHORTEST_LIFE:
        raise OddAnswerError(
            f"ECR in {region} gave a login with {left.total_seconds():.0f} s to live by this machine's clock; it takes at"
            f" least {SHORTEST_LIFE.total_seconds():.0f} s to be of any use"
        )


def _replaced(held: Held) -> str | None:
    if held.damage is None:
        return None
    return f"the secret held content that is {held.damage}; it can still be read as version {held.version}"


def _report(
    status: Literal["refreshed", "fresh"],
    document: Document,
    hosts: tuple[str, ...],
    now: datetime,
    replaced: str | None = None,
) -> Report:
    expires_at = str(document["expiresAt"])
    seconds_left = int((datetime.fromisoformat(expires_at) - now).total_seconds())
    return Report(status, hosts, expires_at, seconds_left, replaced)
