"""A proxy that takes calls to AWS to the platform's stand-in for it.

AWS's first SDK for Go knows no endpoint but the real one, though it does know HTTPS_PROXY and AWS_CA_BUNDLE. So a
client's tunnel to api.ecr.REGION.amazonaws.com ends here, under a certificate for that name, and its requests go on to
the emulator as they are: signatures stay valid, because they cover the name that the client meant. Other names are
refused. Everything is on loopback.
"""

import http.client
import ssl
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from bench.certificates import Certificates

_LOOPBACK = "127.0.0.1"
_POLL_SECONDS = 0.05
# Of one connection, not of what goes through it (RFC 9110, section 7.6.1), and the length, which is told anew.
_NOT_PASSED_ON = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "content-length"})


class Proxy:
    """A running proxy. `served` counts requests by `HOST OPERATION`."""

    def __init__(self, url: str, served: Counter[str]) -> None:
        self.url = url
        self.served = served


class _Server(ThreadingHTTPServer):
    def __init__(self, endpoint: str, hosts: Sequence[str], certificates: Certificates) -> None:
        super().__init__((_LOOPBACK, 0), _Handler)
        self.endpoint = urlsplit(endpoint)
        self.hosts = frozenset(hosts)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificates.certificate, certificates.key)
        self.served: Counter[str] = Counter()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride] - as this module starts it
    _host = ""

    def do_CONNECT(self) -> None:
        """From here on, the connection carries TLS, and in it requests to the host that was named."""
        host, _, port = self.path.rpartition(":")
        if self._host or port != "443" or host not in self.server.hosts:
            self.send_error(403, "not a host of this proxy")
            return
        self.send_response(200)
        self.end_headers()
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", 0)  # pyright: ignore[reportAttributeAccessIssue]
        self._host = host
        # Old clients ask for the tunnel by HTTP/1.0, where a connection ends with its request.
        self.close_connection = False

    def do_POST(self) -> None:
        """Every call of AWS's query and JSON protocols is a POST."""
        if not self._host:
            self.send_error(403, "tunnels only")
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.served[f"{self._host} {self.headers.get('X-Amz-Target', '').rpartition('.')[2]}".strip()] += 1
        endpoint = self.server.endpoint
        onward = http.client.HTTPConnection(endpoint.hostname or _LOOPBACK, endpoint.port, timeout=self.timeout)
        try:
            onward.putrequest("POST", self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _NOT_PASSED_ON:
                    onward.putheader(name, value)
            onward.putheader("Content-Length", str(len(body)))
            onward.endheaders(body)
            answer = onward.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            self.send_error(502, "the stand-in for AWS gave no answer")
            return
        finally:
            onward.close()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _NOT_PASSED_ON:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing: what matters is counted."""


@contextmanager
def running(endpoint: str, hosts: Sequence[str], certificates: Certificates) -> Iterator[Proxy]:
    """A proxy for `hosts`, each taken to `endpoint` (http://127.0.0.1:PORT), while the block runs."""
    with _Server(endpoint, hosts, certificates) as server:
        thread = threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), name="proxy", daemon=True)
        thread.start()
        try:
            yield Proxy(f"http://{_LOOPBACK}:{server.server_address[1]}", server.served)
        finally:
            server.shutdown()
            thread.join()
