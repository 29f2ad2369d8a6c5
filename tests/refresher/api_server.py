"""A scripted Kubernetes API server on loopback: Secrets and namespaces in memory, every request kept, any fault on request."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.refresher.certificates import certificate
from tests.refresher.secrets import NAME

TOKEN = "canary-2b9e-token-of-the-service-account"
METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


@dataclass
class Call:
    """One request; `namespace` is that of the path, if any. Names of headers are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any

    @property
    def namespace(self) -> str:
        parts = self.path.split("/")
        return parts[4] if len(parts) > 5 else ""

    def __str__(self) -> str:
        return f"{self.method} {self.namespace}".strip()


@dataclass
class Reply:
    """An answer: an object or raw bytes. `cut` ends the connection after so many bytes, `delay` seconds come before."""

    status: int
    body: Any = field(default_factory=dict[str, Any])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    cut: int | None = None
    delay: float = 0.0


def status(code: int, reason: str, message: str = "", **details: Any) -> Reply:
    """A refusal as the API server words it."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code}
    return Reply(code, {**body, "message": message, "details": details})


Script = Callable[[Call], Reply | None]


@dataclass
class ApiServer:
    """What `script` doesn't answer is answered as an API server does. `busiest` is the most requests ever at once."""

    host: str = "127.0.0.1"
    port: int = 0
    secrets: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    namespaces: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    calls: list[Call] = field(default_factory=list[Call])
    script: Script = lambda call: None
    page: int = 500
    connections: int = 0
    busiest: int = 0
    _busy: int = 0
    _version: int = 100
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def made(self) -> list[str]:
        """The requests so far, such as `GET team-a`."""
        return [str(call) for call in self.calls]

    def hold(self, secret: dict[str, Any]) -> dict[str, Any]:
        """Puts a Secret in place, as somebody else would."""
        self._version += 1
        namespace = secret["metadata"]["namespace"]
        metadata = {"uid": f"uid-of-{namespace}", **secret["metadata"], "resourceVersion": str(self._version)}
        self.secrets[namespace] = {**secret, "metadata": metadata}
        return self.secrets[namespace]

    def answer(self, call: Call) -> Reply:
        with self._lock:
            self.calls.append(call)
            self._busy += 1
            self.busiest = max(self.busiest, self._busy)
        try:
            scripted = self.script(call)
            if scripted is not None:
                time.sleep(scripted.delay)
                return scripted
            if call.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
                return status(401, "Unauthorized", "Unauthorized")
            with self._lock:
                return self._usual(call)
        finally:
            with self._lock:
                self._busy -= 1

    def _usual(self, call: Call) -> Reply:
        if call.path == "/api/v1/namespaces":
            key, _, value = call.query["labelSelector"].partition("=")
            return self._list(call, [n for n in self.namespaces.values() if n["metadata"]["labels"].get(key) == value])
        if call.path == "/api/v1/secrets":
            assert call.query["fieldSelector"] == f"metadata.name={NAME}"
            return self._list(call, list(self.secrets.values()))
        assert call.path == f"/api/v1/namespaces/{call.namespace}/secrets/{NAME}"
        found = self.secrets.get(call.namespace)
        if call.method == "PATCH":
            return self._apply(call, found)
        if found is None:
            return status(404, "NotFound", f'secrets "{NAME}" not found', kind="secrets", name=NAME)
        if call.method == "GET":
            return Reply(200, {**found, "kind": "Secret", "apiVersion": "v1"})
        conditions = call.body["preconditions"]
        if conditions != {key: found["metadata"][key] for key in ("uid", "resourceVersion")}:
            return status(409, "Conflict")
        del self.secrets[call.namespace]
        return Reply(200, {"kind": "Status", "status": "Success"})

    def _apply(self, call: Call, found: dict[str, Any] | None) -> Reply:
        assert call.query == {"fieldManager": "everpull", "force": "true", "fieldValidation": "Ignore"}
        assert call.headers["content-type"] == "application/apply-patch+yaml"
        assert call.headers["accept"] == METADATA_ONLY
        version = call.body["metadata"].get("resourceVersion")
        if version is not None and found is not None and found["metadata"]["resourceVersion"] != version:
            return status(409, "Conflict")
        old = (found or {}).get("metadata", {})
        merged = {**old, **call.body["metadata"]}
        for key in ("labels", "annotations"):
            merged[key] = {**(old.get(key) or {}), **call.body["metadata"][key]}
        kept = [o for o in old.get("ownerReferences") or [] if o["uid"] != merged["ownerReferences"][0]["uid"]]
        merged["ownerReferences"] = [*kept, *call.body["metadata"]["ownerReferences"]]
        held = self.hold({**(found or {}), **call.body, "metadata": merged})
        return Reply(200 if found else 201, {"kind": "PartialObjectMetadata", "metadata": held["metadata"]})

    def _list(self, call: Call, objects: list[dict[str, Any]]) -> Reply:
        size = min(self.page, int(call.query["limit"]))
        start = int(call.query.get("continue", "0"))
        after = start + size
        rest = {"continue": str(after)} if after < len(objects) else {}
        return Reply(200, {"kind": "SomeList", "metadata": rest, "items": objects[start:after]})


def labelled(*names: str, **changes: Any) -> dict[str, dict[str, Any]]:
    """Namespaces that the label team=a selects."""
    return {name: {"metadata": {"name": name, "labels": {"team": "a"}, **changes}} for name in names}


@contextmanager
def api_server(folder: Path, host: str = "127.0.0.1") -> Iterator[ApiServer]:
    """A running server on a free loopback port, with a certificate for `host`."""
    state = ApiServer(host)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 20
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            state.connections += 1

        def _handle(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            content = self.rfile.read(int(headers.get("content-length", 0)))
            parts = urlsplit(self.path)
            body = json.loads(content) if content else None
            call = Call(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
            try:
                self._send(state.answer(call))
            except OSError:
                self.close_connection = True

        do_GET = do_PATCH = do_DELETE = _handle  # noqa: N815

        def _send(self, reply: Reply) -> None:
            content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            head = [f"HTTP/1.1 {reply.status} Said"]
            head += [f"{name}: {value}" for name, value in reply.headers.items()]
            # Go's server sends what it can't hold back in chunks.
            if len(content) > 2048:
                content = b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content)
                head.append("Transfer-Encoding: chunked")
            else:
                head.append(f"Content-Length: {len(content)}")
            whole = "\r\n".join([*head, "", ""]).encode() + content
            self.wfile.write(whole[: reply.cut])
            self.close_connection = reply.cut is not None

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Says nothing: clients that break off are what is tested."""

    made = certificate(host)
    (folder / "server.crt").write_text(made.chain)
    (folder / "server.key").write_text(made.key)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "server.crt", folder / "server.key")
    server = Server(("127.0.0.1", 0), Handler)
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
