"""Reading from the bare docker-registry behind the stand-in, a piece at a time.

HTTP/1.0 on purpose: the answer is then never chunked and ends with the connection, which is all that streaming needs.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

_PIECE = 64 * 1024


class BackendError(Exception):
    """The registry behind us could not be reached or broke off."""


@dataclass
class Answer:
    """Status, lower-case headers and the body still to be read."""

    status: int
    headers: dict[str, str]
    _reader: asyncio.StreamReader
    _method: str

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body, at most 64 KiB at a time. Raises BackendError when it is shorter than announced."""
        announced = self.headers.get("content-length")
        left = int(announced) if announced is not None else None
        if self._method == "HEAD":
            left = 0
        while left is None or left > 0:
            piece = await self._reader.read(_PIECE if left is None else min(_PIECE, left))
            if not piece:
                if left:
                    raise BackendError(f"the registry broke off with {left} bytes to go")
                return
            if left is not None:
                left -= len(piece)
            yield piece


class Backend:
    """A docker-registry at `url` (http only: it listens on loopback)."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname is None or parts.port is None:
            raise ValueError(f"backend registry {url!r}: an address like http://127.0.0.1:5000 is needed")
        self._host, self._port = parts.hostname, parts.port

    @asynccontextmanager
    async def request(self, method: str, path: str, headers: Mapping[str, str]) -> AsyncIterator[Answer]:
        """Send a request without a body and give its answer; the connection ends with the block.

        Raises:
            BackendError: no connection, or no HTTP answer.
        """
        writer = None
        try:
            try:
                reader, writer = await asyncio.open_connection(self._host, self._port)
                lines = [f"{method} {path} HTTP/1.0", f"Host: {self._host}:{self._port}"]
                lines += [f"{name}: {value}" for name, value in headers.items()]
                writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                status = int(head[0].split(" ", 2)[1])
                pairs = (line.partition(":") for line in head[1:] if line)
                answer = Answer(
                    status, {name.strip().lower(): value.strip() for name, _, value in pairs}, reader, method
                )
            except (OSError, EOFError, IndexError, ValueError, asyncio.LimitOverrunError) as error:
                raise BackendError(f"no answer from the registry at {self._host}:{self._port}: {error}") from error
            yield answer
        finally:
            if writer is not None:
                writer.close()
