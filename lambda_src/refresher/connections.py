"""Connections to the API server: TLS with the service account's authority, through a proxy where there is one."""

import socket
import ssl
from pathlib import Path
from typing import BinaryIO, cast

from .errors import ConfigurationError
from .http11 import BrokenAnswer, exchange
from .proxies import Proxy

CONNECT_SECONDS = 5.0


class Connection:
    """An open connection: what to send on and what to read from."""

    def __init__(self, wire: ssl.SSLSocket) -> None:
        self.wire = wire
        self.incoming = cast(BinaryIO, wire.makefile("rb"))

    def close(self) -> None:
        """Frees it; nothing more can be sent."""
        self.incoming.close()
        self.wire.close()


class Dialer:
    """Opens connections to one host. Raises ConfigurationError if `authority` is no file of certificates."""

    def __init__(self, host: str, port: int, authority: Path, proxy: Proxy | None, answer_seconds: float) -> None:
        self._host = host
        self._port = port
        self._proxy = proxy
        self._answer_seconds = answer_seconds
        try:
            self._tls = ssl.create_default_context(cafile=str(authority))
        except OSError:
            raise ConfigurationError([f"{authority} holds no certificate"]) from None
        # Python 3.13 and later want in certificates all that RFC 5280 asks of a CA, and many clusters' CAs leave it out.
        self._tls.verify_flags &= ~ssl.VERIFY_X509_STRICT

    @property
    def authority(self) -> str:
        """Host and port as a Host header has them."""
        return f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"

    def dial(self) -> Connection:
        """A new connection. Raises OSError (an SSLCertVerificationError among them) and BrokenAnswer."""
        near = (self._host, self._port) if self._proxy is None else (self._proxy.host, self._proxy.port)
        plain = socket.create_connection(near, CONNECT_SECONDS)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._proxy is not None:
                self._tunnel(plain, self._proxy)
            wire = self._tls.wrap_socket(plain, server_hostname=self._host)
        except BaseException:
            plain.close()
            raise
        wire.settimeout(self._answer_seconds)
        return Connection(wire)

    def _tunnel(self, plain: socket.socket, proxy: Proxy) -> None:
        headers = {"Host": self.authority}
        if proxy.authorization:
            headers["Proxy-Authorization"] = proxy.authorization
        # Unbuffered, so that nothing is read that belongs to the tunnel.
        with plain.makefile("rb", buffering=0) as incoming:
            status = exchange(plain, cast(BinaryIO, incoming), "CONNECT", self.authority, headers).status
        if status != 200:
            raise BrokenAnswer(f"the proxy refused a tunnel with {status}")
