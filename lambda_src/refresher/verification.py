"""Tries every image that is to be tried, and every registry of some logins."""

import logging
from collections.abc import Callable, Sequence
from contextlib import closing, suppress

from . import logs
from .core import Login
from .errors import ImagesRefusedError, RefreshError
from .images import Image, LoginVerdict, Verdict, refused
from .patience import Time, until_rights_arrive
from .pulling import try_login, try_pull
from .registry_http import RegistryHttp
from .tally import Tally
from .workers import Workers

# Requests in flight, and what all of them may take; the last ones begun may take some seconds more.
_AT_ONCE = 4
LONGEST_SECONDS = 30.0
_LEVELS = {"refused": logging.ERROR, "unreachable": logging.WARNING, "empty": logging.INFO}


def verify(
    images: Sequence[Image],
    logins: Tally,
    *,
    await_rights: float,
    longest: float,
    waiting: Callable[[RefreshError, float], None],
    passing: Time,
) -> list[Verdict]:
    """What became of each image, in their order.

    Refusals for want of a right are borne for `await_rights` seconds, as `patience` bears others. All in all it takes
    `longest` seconds, or what one round may, whichever is less.
    """
    verdicts: dict[Image, Verdict] = {}
    end = passing.monotonic() + longest

    def attempt() -> None:
        rest = [image for image in images if image not in verdicts or verdicts[image].may_heal]
        until = min(end, passing.monotonic() + LONGEST_SECONDS)
        with (
            closing(RegistryHttp(lambda: until - passing.monotonic(), _AT_ONCE)) as http,
            closing(Workers(min(_AT_ONCE, len(rest)), len(rest))) as workers,
        ):
            for verdict in workers.each(lambda image: try_pull(http, image, logins.pair(image.host)), rest):
                verdicts[verdict.image] = verdict
        if refusal := refused(list(verdicts.values())):
            raise refusal

    # It is for who asked to make an error of the verdicts, or none.
    with suppress(ImagesRefusedError):
        until_rights_arrive(attempt, seconds=min(await_rights, longest), waiting=waiting, passing=passing)
    return [verdicts[image] for image in images]


def try_logins(logins: Sequence[Login], *, longest: float, passing: Time) -> list[LoginVerdict]:
    """What each registry makes of its login, in any order.

    It takes `longest` seconds, or what one round may, whichever is less.
    """
    asked = [(host, login) for login in logins for host in login.registries]
    until = passing.monotonic() + min(longest, LONGEST_SECONDS)
    with (
        closing(RegistryHttp(lambda: until - passing.monotonic(), _AT_ONCE)) as http,
        closing(Workers(min(_AT_ONCE, len(asked)), len(asked))) as workers,
    ):

        def verdict(one: tuple[str, Login]) -> LoginVerdict:
            host, login = one
            return try_login(http, host, (login.username, login.password))

        return list(workers.each(verdict, asked))


def tell(verdicts: Sequence[Verdict], *, may_fail: bool, **fields: object) -> None:
    """A log line for each image that does not pull."""
    for verdict in verdicts:
        if verdict.status in _LEVELS:
            level = min(_LEVELS[verdict.status], logging.WARNING) if may_fail else _LEVELS[verdict.status]
            logs.log(level, "image", **fields, **verdict.fields)
