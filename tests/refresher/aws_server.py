"""A tiny AWS on loopback: answers some services as scripted and keeps every request, so that real wire calls are counted."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

from tests.refresher.fakes import token

JSON_TYPE = "application/x-amz-json-1.1"


@dataclass
class Call:
    """One request: `action` such as GetSecretValue, the region and service it was signed for and the id of the key.

    Names of headers are in lower case.
    """

    action: str
    region: str
    service: str
    key_id: str
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
    """Scripted answers by action. The defaults are one secret (`secret`, None until written) and logins until `expires_at`.

    The password of a login names the region, and the role whose session has fetched it.
    """

    endpoint: str = ""
    secret: str | bytes | None = None
    expires_at: float = 0.0
    password: str = ""
    calls: list[Call] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    agent: Callable[[str], dict[str, Any] | None] = lambda _: None
    """What EKS's Pod Identity Agent gives whoever shows it that token; None where it has nothing to give."""

    def actions(self) -> list[str]:
        return [call.action for call in self.calls]

    def answer(self, call: Call) -> dict[str, Any] | Refusal:
        self.calls.append(call)
        scripted = self.answers.get(call.action)
        usual: Answer = scripted or getattr(self, f"_{call.action}")
        return usual(call)

    def _GetAuthorizationToken(self, call: Call) -> dict[str, Any]:  # noqa: N802
        public = call.service == "ecr-public"
        parts = [self.password, "public" if public else call.region]
        parts += [call.key_id.removeprefix("ASIA")] if call.key_id.startswith("ASIA") else []
        data = {"authorizationToken": token(password="-".join(parts)), "expiresAt": self.expires_at}
        return {"authorizationData": data if public else [data]}

    def _AssumeRole(self, call: Call) -> dict[str, Any]:  # noqa: N802
        """Keys of a session have the role's account in their id."""
        account = call.body["RoleArn"].split(":")[4]
        return {
            "Credentials": {
                "AccessKeyId": f"ASIA{account}",
                "SecretAccessKey": f"{self.password}-session-key",
                "SessionToken": f"{self.password}-session-token",
                "Expiration": "2100-01-01T00:00:00Z",
            }
        }

    def _AssumeRoleWithWebIdentity(self, call: Call) -> dict[str, Any]:  # noqa: N802
        return self._AssumeRole(call)

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


def _xml(name: str, document: Mapping[str, Any]) -> bytes:
    def fill(element: ElementTree.Element, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                fill(ElementTree.SubElement(element, key), inner)
        else:
            element.text = str(value)

    root = ElementTree.Element(name, xmlns="https://sts.amazonaws.com/doc/2011-06-15/")
    fill(root, document)
    return ElementTree.tostring(root)


@contextmanager
def aws_server() -> Iterator[AwsServer]:
    """A running server on a free loopback port."""
    state = AwsServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            content = self.rfile.read(int(headers["content-length"]))
            signed = re.search(r"Credential=([^/]+)/\d+/([\w-]+)/([\w-]+)/", headers.get("authorization", ""))
            # A token is exchanged by whoever has it, without a signature.
            assert signed is not None or b"Action=AssumeRoleWithWebIdentity" in content
            key_id, region, service = signed.groups() if signed else ("", "", "sts")
            if service == "sts":
                body = dict(parse_qsl(content.decode()))
                reply = state.answer(Call(body["Action"], region, service, key_id, body, headers))
                self._send_query(body["Action"], reply)
                return
            action = headers["x-amz-target"].rpartition(".")[2]
            reply = state.answer(Call(action, region, service, key_id, json.loads(content), headers))
            if isinstance(reply, Refusal):
                self._send(
                    reply.status, JSON_TYPE, json.dumps({"__type": reply.code, "message": reply.message}).encode()
                )
            else:
                self._send(200, JSON_TYPE, json.dumps(reply).encode())

        def do_GET(self) -> None:
            found = state.agent(self.headers["authorization"])
            self._send(200 if found else 404, "application/json", json.dumps(found or {}).encode())

        def _send_query(self, action: str, reply: dict[str, Any] | Refusal) -> None:
            """As AWS's query protocol has it: XML."""
            if isinstance(reply, Refusal):
                document = {"Error": {"Type": "Sender", "Code": reply.code, "Message": reply.message}}
                self._send(reply.status, "text/xml", _xml("ErrorResponse", {**document, "RequestId": "0000-request"}))
            else:
                self._send(200, "text/xml", _xml(f"{action}Response", {f"{action}Result": reply}))

        def _send(self, status: int, content_type: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", content_type)
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
