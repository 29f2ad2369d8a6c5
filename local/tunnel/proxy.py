"""The proxy: a client's tunnel to an AWS host ends here, under a certificate for that name.

Its requests go on to a stand-in as they are: signatures stay valid, because they cover the name that the client meant, and
a registry knows by it which one it is. Other names are refused. Everything is on loopback.
"""

import http.client
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from local.ports import LOOPBACK
from local.tunnel.authority import Authority

HEALTH = "/_everpull/health"
_POLL_SECONDS = 0.05
# Of one connection, not of what goes through it (RFC 9110, section 7.6.1), and the length, which is told anew.
_NOT_PASSED_ON = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "content-length"})

# The endpoint (http://127.0.0.1:PORT) that stands for a host, or None.
Route = Callable[[str], str | None]


class Proxy:
    """A running proxy. `served` counts requests by `HOST OPERATION`, of a registry by `HOST METHOD`."""

    def __init__(self, url: str, served: Counter[str]) -> None:
        self.url = url
        self.served = served


class Server(ThreadingHTTPServer):
    """Port 0 is any."""

    daemon_threads = True

    def __init__(self, port: int, route: Route, authority: Authority) -> None:
        super().__init__((LOOPBACK, port), _Handler)
        self.route, self.authority = route, authority
        self.served: Counter[str] = Counter()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride] - as this module starts it
    _host, _endpoint = "", ""

    def do_CONNECT(self) -> None:
        """From here on, the connection carries TLS, and in it requests to the host that was named."""
        host, _, port = self.path.lower().rpartition(":")
        endpoint = None if self._host or port != "443" else self.server.route(host)
        if endpoint is None:
            self.send_error(403, "not a host of this proxy")
            return
        self.send_response(200)
        self.end_headers()
        try:
            tls = self.server.authority.context(host)
            self.connection = tls.wrap_socket(self.connection, server_side=True)
        except OSError:
            # Most likely somebody who doesn't trust the authority; that is theirs to say.
            self.close_connection = True
            return
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", 0)  # pyright: ignore[reportAttributeAccessIssue]
        self._host, self._endpoint = host, endpoint
        # Old clients ask for the tunnel by HTTP/1.0, where a connection ends with its request.
        self.close_connection = False

    def do_GET(self) -> None:
        if self._host:
            self._pass_on()
        elif self.path == HEALTH:
            self._answer(200, [], b"ready\n")
        else:
            self.send_error(403, "tunnels only")

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        """Every call of AWS's query and JSON protocols is a POST."""
        self.do_GET()

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        self.server.served[f"{self._host} {operation if self.command == 'POST' else self.command}".strip()] += 1
        endpoint = urlsplit(self._endpoint)
        onward = http.client.HTTPConnection(endpoint.hostname or LOOPBACK, endpoint.port, timeout=self.timeout)
        try:
            onward.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _NOT_PASSED_ON:
                    onward.putheader(name, value)
            if self.command == "POST":
                onward.putheader("Content-Length", str(len(body)))
            onward.endheaders(body)
            answer = onward.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            self.send_error(502, "the stand-in gave no answer")
            return
        finally:
            onward.close()
        self._answer(answer.status, answer.getheaders(), content, answer.getheader("Content-Length"))

    def _answer(
        self, status: int, headers: list[tuple[str, str]], content: bytes, announced: str | None = None
    ) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in _NOT_PASSED_ON:
                self.send_header(name, value)
        # To a HEAD, the length of what isn't sent.
        self.send_header("Content-Length", announced or str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing: what matters is counted."""


@contextmanager
def running(route: Route, authority: Authority, port: int = 0) -> Iterator[Proxy]:
    """A proxy by `route` while the block runs."""
    with Server(port, route, authority) as server:
        thread = threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), name="proxy", daemon=True)
        thread.start()
        try:
            yield Proxy(f"http://{LOOPBACK}:{server.server_address[1]}", server.served)
        finally:
            server.shutdown()
            thread.join()
