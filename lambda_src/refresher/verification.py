"""Tries every image that is to be tried, at the end of a run."""

import logging
from collections.abc import Callable, Sequence
from contextlib import closing, suppress

from . import logs
from .errors import ImagesRefusedError, RefreshError
from .images import Image, Verdict, refused
from .patience import Time, until_rights_arrive
from .pulling import try_pull
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


def tell(verdicts: Sequence[Verdict], *, may_fail: bool, **fields: object) -> None:
    """A log line for each image that does not pull."""
    for verdict in verdicts:
        if verdict.status in _LEVELS:
            level = min(_LEVELS[verdict.status], logging.WARNING) if may_fail else _LEVELS[verdict.status]
            logs.log(level, "image", **fields, **verdict.fields)
