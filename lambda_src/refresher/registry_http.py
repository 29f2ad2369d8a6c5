"""Requests to registries: through the proxies that AWS calls take, and bounded in time and size.

Nothing of an answer is quoted: where a layer is, is said by an address that opens it without a login.
"""

import os
import ssl
from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import unquote
from urllib.request import getproxies, proxy_bypass

from urllib3 import PoolManager, ProxyManager, Timeout, make_headers
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from .errors import RegistryUnreachableError
from .pulling import Answer

# A cache in ECR fetches what it has not before it answers.
_CONNECT_SECONDS, _READ_SECONDS = 3.0, 10.0
_ATTEMPTS = 2
_RETRIED = frozenset({429, 500, 502, 503, 504})
# A manifest may be 4 MiB (Amazon ECR User Guide, service quotas).
LONGEST_BODY = 4 * 1024 * 1024
_CHUNK = 64 * 1024


class _Content(Protocol):
    """What is used of an answer's body; urllib3 1.26, which Lambda runtimes may have, names no type that 2 has too."""

    def read(self, amt: int, /) -> bytes: ...


class RegistryHttp:
    """An Http that several threads may use. `left` gives the seconds that are left for everything. Must be closed."""

    def __init__(self, left: Callable[[], float], connections: int) -> None:
        self._left = left
        self._connections = connections
        self._pools: dict[str, PoolManager] = {}

    def get(self, url: str, headers: Mapping[str, str], *, body_of_success: bool = True) -> Answer:
        reason = ""
        for _ in range(_ATTEMPTS):
            if self._left() <= 0:
                reason = reason or "there was no time left to ask"
                break
            try:
                answer = self._once(url, headers, body_of_success=body_of_success)
            except (HTTPError, OSError) as error:
                reason = f"it could not be reached ({type(error).__name__})"
                continue
            if answer.status not in _RETRIED:
                return answer
            reason = f"it answered {answer.status}"
        # Raised out here, so that Python does not chain the original error to it.
        raise RegistryUnreachableError(reason)

    def close(self) -> None:
        """Closes the connections that are not in use."""
        for pool in self._pools.values():
            pool.clear()

    def _once(self, url: str, headers: Mapping[str, str], *, body_of_success: bool) -> Answer:
        left = max(self._left(), 0.1)
        response = self._pool(url).request(
            "GET",
            url,
            headers=headers,
            redirect=False,
            retries=False,
            preload_content=False,
            # The default of urllib3 2, but not of 1.26.
            enforce_content_length=True,
            timeout=Timeout(connect=min(_CONNECT_SECONDS, left), read=min(_READ_SECONDS, left)),
        )
        received = {name.lower(): value for name, value in response.headers.items()}
        try:
            # A layer may be gigabytes; the connection is given up instead.
            if response.status < 400 and not body_of_success:
                return Answer(response.status, received)
            return Answer(response.status, received, self._body(response))
        finally:
            response.close()

    def _body(self, content: _Content) -> bytes:
        body = bytearray()
        while part := content.read(_CHUNK):
            body += part
            if len(body) > LONGEST_BODY or self._left() <= 0:
                raise TimeoutError
        return bytes(body)

    def _pool(self, url: str) -> PoolManager:
        host = url.split("/", 3)[2]
        if host not in self._pools:
            self._pools[host] = self._made_pool(host)
        return self._pools[host]

    def _made_pool(self, host: str) -> PoolManager:
        """With the authorities that are trusted on this machine, or those of AWS_CA_BUNDLE.

        Proxies are those of the environment as Python reads it, which is how botocore does.
        """
        tls = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)
        # As in `connections`; botocore does not want it either.
        tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
        proxy = None if proxy_bypass(host) else getproxies().get("https")
        if not proxy:
            return PoolManager(ssl_context=tls, maxsize=self._connections)
        address = parse_url(proxy if "://" in proxy else f"http://{proxy}")
        login = make_headers(proxy_basic_auth=unquote(address.auth)) if address.auth else None
        where = f"{address.scheme}://{address.netloc}"
        return ProxyManager(where, proxy_headers=login, ssl_context=tls, maxsize=self._connections)
