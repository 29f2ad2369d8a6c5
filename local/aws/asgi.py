"""The few ASGI shapes that the stand-in's own endpoints need."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def headers_of(scope: Scope) -> dict[str, str]:
    """The request's headers, names in lower case."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


async def body_of(receive: Receive) -> bytes:
    """The whole request body."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def start(send: Send, status: int, headers: Mapping[str, str]) -> None:
    """Begin an answer."""
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})


async def answer(send: Send, status: int, headers: Mapping[str, str], body: bytes = b"", *, head: bool = False) -> None:
    """A whole answer; with `head` the body's length is told and the body left out."""
    await start(send, status, {**headers, "content-length": str(len(body))})
    await send({"type": "http.response.body", "body": b"" if head else body})


async def answer_json(send: Send, status: int, document: Any) -> None:
    """A whole JSON answer."""
    await answer(send, status, {"content-type": "application/json"}, json.dumps(document).encode())
