"""Everything that leaves the refresher: what is searched for canaries."""

import base64
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def listening(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """All that was logged or printed, with every logger turned up as far as it goes."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.DEBUG)
    libraries = [logging.getLogger(name) for name in ("boto3", "botocore", "urllib3")]
    levels = [library.level for library in libraries]
    for library in libraries:
        library.setLevel(logging.NOTSET)

    def everything() -> str:
        printed = capfd.readouterr()
        records = "".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
        return printed.out + printed.err + caplog.text + records

    yield everything
    root.setLevel(level)
    for library, before in zip(libraries, levels, strict=True):
        library.setLevel(before)


def forms(mark: str) -> list[str]:
    """A text that is looked for, as it is and as it may stand inside of base64, at each of its three alignments."""
    encoded = [base64.b64encode(b"x" * shift + mark.encode()).decode().rstrip("=") for shift in range(3)]
    # The first and last characters also hold bits of what is beside it.
    return [mark, *(text[-(-shift * 4 // 3) : -1] for shift, text in enumerate(encoded))]


def found(text: str, mark: str) -> list[str]:
    """The forms of `mark` that are in the text."""
    return [form for form in forms(mark) if form in text]


def everything_in(error: BaseException) -> str:
    """The error, all it is chained to, and what a runtime could print of it."""
    chain: list[BaseException] = []
    rest: list[BaseException | None] = [error]
    while rest:
        link = rest.pop()
        if link is not None and link not in chain:
            chain.append(link)
            rest += [link.__cause__, link.__context__]
    shown = [f"{link!s} {link!r} {link.args!r} {link.__dict__!r}" for link in chain]
    return " ".join(shown) + "".join(traceback.format_exception(error))
