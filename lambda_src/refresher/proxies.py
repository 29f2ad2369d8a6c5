"""Which proxy leads to the API server, by the environment variables that all programs in a cluster read.

The rules are those of Go's net/http, which kubectl and every controller follow (pkg.go.dev, golang.org/x/net/http/httpproxy):
NO_PROXY may hold networks such as 10.96.0.0/12, the usual way to except the API server's service address. Python's own
rules know no networks, so with them such a cluster's API server would be asked through the proxy.
"""

import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from .errors import ConfigurationError


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy. `authorization` is the value of the Proxy-Authorization header, if it wants one."""

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)


def proxy_for(host: str, port: int, environment: Mapping[str, str]) -> Proxy | None:
    """The proxy to ask https://host:port through, None for none. Raises ConfigurationError if it is none we can use."""
    text = environment.get("HTTPS_PROXY") or environment.get("https_proxy")
    excepted = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    if not text or _is_excepted(host.lower(), port, excepted):
        return None
    # Not quoted when it is wrong: it may hold a password. TLS to the proxy itself is not known here.
    refused = ConfigurationError(["HTTPS_PROXY is not the URL of an HTTP proxy (http://HOST:PORT)"])
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port_there = parts.port or 80
    except ValueError:
        raise refused from None
    if parts.scheme != "http" or not parts.hostname:
        raise refused
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode("ascii")
    return Proxy(parts.hostname, port_there, authorization)


def _is_excepted(host: str, port: int, excepted: str) -> bool:
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return any(_covers(entry.strip().lower(), host, address, port) for entry in excepted.split(","))


def _covers(entry: str, host: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None, port: int) -> bool:
    if entry in ("", "*"):
        return entry == "*"
    if "/" in entry:
        try:
            network = ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
        return address is not None and address in network
    if _address(entry) is None:
        name, colon, number = entry.rpartition(":")
        if colon and number.isascii() and number.isdigit():
            if int(number) != port:
                return False
            entry = name
    entry_address = _address(entry.strip("[]"))
    if entry_address is not None or address is not None:
        return entry_address == address
    # A name covers itself and all below it; with a dot in front, only what is below.
    domain = entry.removeprefix("*")
    return host == domain or host.endswith(domain if domain.startswith(".") else f".{domain}")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
