"""A scripted registry on loopback, and the proxy that leads AWS's own host names to it under certificates for them."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from local.tunnel.authority import Authority
from local.tunnel.proxy import running
from tests.refresher.certificates import certificate
from tests.refresher.fakes import CANARY

LAYER = "sha256:" + "1" * 64
MANIFEST = {"schemaVersion": 2, "config": {"digest": LAYER}, "layers": [{"digest": LAYER}]}
# Opens a layer without a login, so it is as secret as one.
LINK = f"https://layers.example/{LAYER}?X-Amz-Signature={CANARY}-link"


@dataclass
class Reply:
    """An answer: an object or raw bytes. `cut` ends the connection after so many bytes of the body."""

    status: int = 200
    body: Any = field(default_factory=dict[str, Any])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    cut: int | None = None


def denied(message: str, status: int = 403) -> Reply:
    return Reply(status, {"errors": [{"code": "DENIED", "message": message}]})


@dataclass
class Registry:
    """What `script` doesn't answer is an image that pulls.

    `asked` has `HOST PATH` of each request, `authorizations` the header of that name.
    """

    endpoint: str = ""
    authority: str = ""
    proxy: str = ""
    script: Callable[[str], Reply | None] = lambda path: None
    asked: list[str] = field(default_factory=list[str])
    authorizations: list[str] = field(default_factory=list[str])

    def answer(self, path: str) -> Reply:
        scripted = self.script(path)
        if scripted is not None:
            return scripted
        if "/blobs/" in path:
            return Reply(307, b"", {"Location": LINK})
        return Reply(200, {"tags": ["1"]} if "/tags/" in path else MANIFEST)


@contextmanager
def registry_server(folder: Path, *, tls: str | None = None) -> Iterator[Registry]:
    """A running registry, and a proxy to it that takes every host for it. With `tls`, a host, it is its own TLS server."""
    state = Registry()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            state.asked.append(f"{self.headers['Host']} {self.path}")
            state.authorizations.append(self.headers.get("Authorization", ""))
            reply = state.answer(self.path)
            content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: reply.cut])
            self.close_connection = self.close_connection or reply.cut is not None

        def log_request(self, code: object = "-", size: object = "-") -> None:
            """Says nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Says nothing: clients that break off are what is tested."""

    server = Server(("127.0.0.1", 0), Handler)
    authority = folder / "registry-authority"
    if tls:
        made = certificate(tls)
        authority.mkdir()
        (authority / "chain").write_text(made.chain)
        (authority / "key").write_text(made.key)
        (authority / "ca.crt").write_text(made.authority)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority / "chain", authority / "key")
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        if tls:
            state.endpoint = f"https://{tls}:{server.server_address[1]}"
            state.authority = str(authority / "ca.crt")
            yield state
        else:
            names = Authority(authority)
            state.authority = str(names.certificate)
            with running(lambda host: state.endpoint, names) as proxy:
                state.proxy = proxy.url
                yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
