"""A tiny AWS on loopback: answers two services as scripted and keeps every request, so that real wire calls are counted."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.refresher.fakes import token

JSON_TYPE = "application/x-amz-json-1.1"


@dataclass
class Call:
    """One request: `action` such as GetSecretValue, the region it was signed for, body and headers (lower-case names)."""

    action: str
    region: str
    body: dict[str, Any]
    headers: dict[str, str]


@dataclass
class Refusal:
    """An AWS error."""

    code: str
    message: str = ""
    status: int = 400


Answer = Callable[[Call], dict[str, Any] | Refusal]


@dataclass
class AwsServer:
    """Scripted answers by action. The defaults are one secret (`secret`, None until written) and logins until `expires_at`."""

    endpoint: str = ""
    secret: str | bytes | None = None
    expires_at: float = 0.0
    password: str = ""
    calls: list[Call] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)

    def actions(self) -> list[str]:
        return [call.action for call in self.calls]

    def answer(self, call: Call) -> dict[str, Any] | Refusal:
        self.calls.append(call)
        return self.answers.get(call.action, getattr(self, f"_{call.action}"))(call)

    def _GetAuthorizationToken(self, call: Call) -> dict[str, Any]:  # noqa: N802
        made = token(password=f"{self.password}-{call.region}")
        return {"authorizationData": [{"authorizationToken": made, "expiresAt": self.expires_at}]}

    def _GetSecretValue(self, call: Call) -> dict[str, Any] | Refusal:  # noqa: N802
        if self.secret is None:
            # AWS's own words for a secret without a version.
            text = "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"
            return Refusal("ResourceNotFoundException", text)
        content = {"SecretString": self.secret} if isinstance(self.secret, str) else {"SecretBinary": "AAEC"}
        return {"VersionId": "11111111-2222-3333-4444-555555555555", **content}

    def _PutSecretValue(self, call: Call) -> dict[str, Any]:  # noqa: N802
        self.secret = call.body["SecretString"]
        return {"VersionId": call.body["ClientRequestToken"]}


@contextmanager
def aws_server() -> Iterator[AwsServer]:
    """A running server on a free loopback port."""
    state = AwsServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(self.rfile.read(int(headers["content-length"])))
            signed = re.search(r"Credential=[^/]+/\d+/([\w-]+)/", headers["authorization"])
            assert signed is not None
            reply = state.answer(Call(headers["x-amz-target"].rpartition(".")[2], signed[1], body, headers))
            if isinstance(reply, Refusal):
                self._send(reply.status, {"__type": reply.code, "message": reply.message})
            else:
                self._send(200, reply)

        def _send(self, status: int, document: Mapping[str, Any]) -> None:
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-type", JSON_TYPE)
            self.send_header("content-length", str(len(content)))
            self.send_header("x-amzn-requestid", "0000-request")
            self.end_headers()
            self.wfile.write(content)

        def log_request(self, code: object = "-", size: object = "-") -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
