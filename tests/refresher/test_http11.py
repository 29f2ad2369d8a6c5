"""One request and its answer: what is sent, which answers are read, and which are refused."""

import http.client
import io
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refresher.http11 import BrokenAnswer, Response, exchange

from tests.refresher.fakes import CANARY


@dataclass
class Wire:
    sent: list[bytes] = field(default_factory=list)

    def sendall(self, data: bytes) -> None:
        self.sent.append(data)


def answer(text: bytes, method: str = "GET") -> tuple[Response, bytes]:
    """The answer in `text`, and what was left of it."""
    incoming = io.BytesIO(text)
    return exchange(Wire(), incoming, method, "/", {}), incoming.read()


def test_a_request_goes_out_in_one_piece() -> None:
    wire = Wire()
    incoming = io.BytesIO(b"HTTP/1.1 204 No Content\r\n\r\n")
    exchange(wire, incoming, "PATCH", "/a?b=c", {"Host": "h:1", "Accept": "x"}, b"{}")
    assert wire.sent == [b"PATCH /a?b=c HTTP/1.1\r\nHost: h:1\r\nAccept: x\r\nContent-Length: 2\r\n\r\n{}"]


def test_a_request_without_a_body_says_nothing_of_one() -> None:
    wire = Wire()
    exchange(wire, io.BytesIO(b"HTTP/1.1 204 \r\n\r\n"), "GET", "/", {"Host": "h"})
    assert wire.sent == [b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"]


@pytest.mark.parametrize(
    ("text", "expected", "rest"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef", (200, b"abc", True), b"def"),
        (b"HTTP/1.1 200\r\nCONTENT-LENGTH:3\r\n\r\nabc", (200, b"abc", True), b""),
        (b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", (200, b"", True), b""),
        (
            b"HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\nr",
            (201, b"abc", True),
            b"r",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n00A\r\n0123456789\r\n0\r\nT: x\r\n\r\n",
            (200, b"0123456789", True),
            b"",
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\nrest", (204, b"", True), b"rest"),
        (b"HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\nrest", (304, b"", True), b"rest"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na", (200, b"a", False), b""),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", (200, b"a", False), b""),
        (b"HTTP/1.1 200 OK\r\n\r\nall the rest", (200, b"all the rest", False), b""),
        (b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", (200, b"a", True), b""),
    ],
    ids=[
        *("length", "odd spelling", "bare line ends", "chunks", "more chunks", "no content", "not modified"),
        *("closing", "an old server", "until the end", "an interim answer"),
    ],
)
def test_an_answer_is_read_to_its_end_and_no_further(
    text: bytes, expected: tuple[int, bytes, bool], rest: bytes
) -> None:
    response, left = answer(text)
    assert (response.status, response.body, response.reusable) == expected
    assert left == rest


def test_headers_are_known_by_lower_case_names() -> None:
    response, _ = answer(b"HTTP/1.1 429 Slow\r\nRetry-After:  7 \r\nX-A: b:c\r\nContent-Length: 0\r\n\r\n")
    assert response.headers == {"retry-after": "7", "x-a": "b:c", "content-length": "0"}


def test_what_follows_an_opened_tunnel_is_not_an_answer() -> None:
    response, left = answer(b"HTTP/1.1 200 Connected\r\nContent-Length: 4\r\n\r\n\x16\x03", "CONNECT")
    assert (response.body, left) == (b"", b"\x16\x03")
    refused, _ = answer(b"HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno", "CONNECT")
    assert (refused.status, refused.body) == (407, b"no")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\n0123456789",
        b"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n",
        b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 300 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70000 + b"\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x16\r\n",
    ],
)
def test_what_is_no_whole_answer_is_refused(text: bytes) -> None:
    with pytest.raises(BrokenAnswer):
        answer(text)


def test_a_refused_answer_is_not_quoted() -> None:
    for text in (
        CANARY,
        f"HTTP/1.1 200 OK\r\n{CANARY}\r\n\r\n",
        f"HTTP/1.1 200 OK\r\nContent-Length: {CANARY}\r\n\r\n",
    ):
        with pytest.raises(BrokenAnswer) as caught:
            answer(text.encode() + b"\r\n\r\n")
        assert CANARY not in f"{caught.value} {caught.value.__cause__}"


bodies = st.binary(max_size=3000)


def in_chunks(body: bytes, sizes: list[int]) -> bytes:
    text, at = b"", 0
    for size in sizes:
        part = body[at : at + size]
        at += len(part)
        if part:
            text += f"{len(part):x}\r\n".encode() + part + b"\r\n"
    if at < len(body):
        text += f"{len(body) - at:X}\r\n".encode() + body[at:] + b"\r\n"
    return text + b"0\r\n\r\n"


@given(status=st.integers(200, 599), body=bodies, sizes=st.none() | st.lists(st.integers(1, 1000)), rest=bodies)
def test_any_answer_is_read_as_the_standard_library_reads_it(
    status: int, body: bytes, sizes: list[int] | None, rest: bytes
) -> None:
    framed = (
        b"Content-Length: %d\r\n\r\n" % len(body) + body
        if sizes is None
        else b"Transfer-Encoding: chunked\r\n\r\n" + in_chunks(body, sizes)
    )
    text = b"HTTP/1.1 %d x\r\nA: b\r\n" % status + framed

    class Socket:
        def makefile(self, *_: object) -> Any:
            return io.BytesIO(text)

    expected = http.client.HTTPResponse(Socket())  # pyright: ignore[reportArgumentType]
    expected.begin()
    response, left = answer(text + rest)
    assert response.status == expected.status
    if status in (204, 304):
        # No body whatever the headers say (RFC 9112, section 6.3); http.client reads one where it is chunked.
        assert response.body == b""
    else:
        assert (response.body, left) == (expected.read(), rest)
    expected.close()


@given(
    text=bodies,
    start=st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]),
)
def test_any_bytes_are_an_answer_or_are_refused(text: bytes, start: bytes) -> None:
    try:
        response, _ = answer(start + text)
    except BrokenAnswer:
        return
    assert 200 <= response.status <= 999


@given(body=bodies, cut=st.integers(1, 100), chunked=st.booleans())
def test_an_answer_that_was_cut_off_is_never_taken_for_a_whole_one(body: bytes, cut: int, chunked: bool) -> None:
    framed = (
        b"Transfer-Encoding: chunked\r\n\r\n" + in_chunks(body, [700])
        if chunked
        else b"Content-Length: %d\r\n\r\n" % len(body) + body
    )
    with pytest.raises(BrokenAnswer):
        answer((b"HTTP/1.1 200 OK\r\n" + framed)[:-cut])
