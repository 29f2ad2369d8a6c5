"""One request and its answer on a connection that stays open (RFC 9112), as far as the Kubernetes API needs it.

urllib3 and http.client do far more, and a run over many namespaces is little else than requests. A thousand of them took 0.31 s
of processor time in urllib3, 0.20 s in http.client and 0.07 s here, and importing urllib3 0.05 s more; all of a run over 500
namespaces takes 0.5 s. What is read here is held to what http.client reads by a test.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

_LONGEST_LINE = 65536
_MOST_HEADERS = 200


class BrokenAnswer(Exception):
    """What came is no HTTP answer, or ended before its end. Quotes nothing of it."""


class Wire(Protocol):
    """What is used of a connected socket to send."""

    def sendall(self, data: bytes, /) -> None: ...


@dataclass(frozen=True)
class Response:
    """An answer. The names of headers are in lower case. `reusable` says whether the connection may carry another request."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    reusable: bool


def exchange(
    wire: Wire, incoming: BinaryIO, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None
) -> Response:
    """Sends the request and reads the answer to it. Raises BrokenAnswer, and OSError as the socket does.

    `headers` must be fit to be sent: nothing is escaped. A request goes out in one piece, since a small second one would
    wait for the first to be acknowledged.
    """
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    wire.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b""))
    while True:
        status, version = _status_line(_line(incoming))
        received = _headers(incoming)
        # 1xx are interim answers; the final one follows (RFC 9110, section 15.2).
        if status >= 200:
            break
    stays_open = version != "1.0" and "close" not in received.get("connection", "").lower()
    if status in (204, 304) or (method == "CONNECT" and status < 300):
        return Response(status, received, b"", stays_open)
    if "chunked" in received.get("transfer-encoding", "").lower():
        return Response(status, received, _chunks(incoming), stays_open)
    if "content-length" in received:
        return Response(status, received, _exactly(incoming, _number(received["content-length"], 10)), stays_open)
    return Response(status, received, incoming.read(), reusable=False)


def _status_line(line: bytes) -> tuple[int, str]:
    protocol, _, rest = line.partition(b" ")
    code = rest[:3]
    if not protocol.startswith(b"HTTP/1.") or not code.isdigit() or len(code) != 3:
        raise BrokenAnswer("not an HTTP answer")
    return int(code), protocol[5:].decode("latin-1")


def _headers(incoming: BinaryIO) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(_MOST_HEADERS):
        line = _line(incoming)
        if not line:
            return headers
        name, colon, value = line.partition(b":")
        if not colon:
            raise BrokenAnswer("a header without a name")
        headers[name.decode("latin-1").lower()] = value.strip().decode("latin-1")
    raise BrokenAnswer("more headers than any answer has")


def _chunks(incoming: BinaryIO) -> bytes:
    parts: list[bytes] = []
    while size := _number(_line(incoming).partition(b";")[0].decode("latin-1").strip(), 16):
        parts.append(_exactly(incoming, size))
        if _line(incoming):
            raise BrokenAnswer("a chunk longer than it said")
    _headers(incoming)
    return b"".join(parts)


def _line(incoming: BinaryIO) -> bytes:
    line = incoming.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise BrokenAnswer("an answer that ended too early" if len(line) < _LONGEST_LINE else "a line without an end")
    return line.rstrip(b"\r\n")


def _exactly(incoming: BinaryIO, size: int) -> bytes:
    content = incoming.read(size)
    if len(content) != size:
        raise BrokenAnswer("an answer that ended too early")
    return content


def _number(text: str, base: int) -> int:
    # int() alone would take a sign, underscores and digits of other scripts.
    if not text.isascii() or not text.isalnum():
        raise BrokenAnswer("an answer of unknown length")
    try:
        return int(text, base)
    except ValueError:
        raise BrokenAnswer("an answer of unknown length") from None
