"""Requests to the Kubernetes API server as the pod's service account, over connections that several threads share."""

import json
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from .backoff import RETRIED, Backoff
from .connections import Connection, Dialer
from .errors import ApiUnreachableError
from .http11 import BrokenAnswer, Response, exchange
from .patience import Time
from .proxies import Proxy
from .service_account import ServiceAccount
from .shapes import Object, mapping

# A request may take a webhook's 30 s (Kubernetes API reference, ValidatingWebhook, timeoutSeconds).
ANSWER_SECONDS = 35.0
_PASSING = Time()


@dataclass(frozen=True)
class Answer:
    """An answer of the API server. `body` is its JSON object, {} if it has none."""

    status: int
    body: Object = field(default_factory=dict[str, object], repr=False)


@dataclass(frozen=True)
class _Request:
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None = field(repr=False)


class KubernetesHttp:
    """A client of one API server. It opens as many connections as there are threads that ask at once, and keeps them."""

    def __init__(
        self,
        account: ServiceAccount,
        proxy: Proxy | None = None,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        passing: Time = _PASSING,
    ) -> None:
        self._account = account
        self._dialer = Dialer(account.host, account.port, account.authority, proxy, answer_seconds)
        self._passing = passing
        self._backoff = Backoff(passing.jitter)
        # A stack: the connection that was used last is the least likely to have been closed since.
        self._idle: list[Connection] = []
        self._answers = 0
        self._unreachable = threading.Event()

    def request(
        self,
        method: str,
        target: str,
        *,
        body: object = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Answer:
        """The answer that is left when nothing more is to be tried again. A 401 is, if there is another token by then.

        Raises ApiUnreachableError if there is none; once nobody's request gets through any more, at once.
        """
        headers = {"Host": self._dialer.authority, "Accept": accept, "User-Agent": "everpull"}
        content = None
        if body is not None:
            content = json.dumps(body, separators=(",", ":")).encode()
            headers["Content-Type"] = content_type
        request = _Request(method, target, headers, content)
        response = self._persist(request)
        if response.status == 401 and self._account.reload():
            response = self._persist(request)
        return Answer(response.status, _object(response.body))

    def close(self) -> None:
        """Closes the connections that are not in use."""
        while connection := self._take():
            connection.close()

    def _persist(self, request: _Request) -> Response:
        if self._unreachable.is_set():
            raise ApiUnreachableError("the API server can't be reached; not tried, since all other requests failed")
        before, attempt = self._answers, 1
        while True:
            try:
                # A connection that was kept may have been closed meanwhile, and so may all others that were kept.
                outcome = self._once(request, kept=attempt == 1)
            except ssl.SSLCertVerificationError:
                wait, reason = None, "its certificate is not one of the service account's authority"
            except (OSError, BrokenAnswer) as error:
                wait = self._backoff.wait(attempt)
                reason = str(error) if isinstance(error, BrokenAnswer) else type(error).__name__
            else:
                self._answers += 1
                wait = self._backoff.wait(attempt, outcome.headers.get("retry-after"))
                if outcome.status not in RETRIED or wait is None:
                    return outcome
                reason = ""
            if wait is None:
                break
            self._passing.sleep(wait)
            attempt += 1
        if self._answers == before:
            # A whole series of attempts, in which no other request was answered either.
            self._unreachable.set()
        # Raised out here, so that Python does not chain the original error to it.
        raise ApiUnreachableError(f"the API server can't be reached: {reason}")

    def _once(self, request: _Request, *, kept: bool) -> Response:
        connection = (self._take() if kept else None) or self._dialer.dial()
        headers = {**request.headers, "Authorization": f"Bearer {self._account.token()}"}
        try:
            response = exchange(
                connection.wire, connection.incoming, request.method, request.target, headers, request.body
            )
        except BaseException:
            connection.close()
            raise
        if response.reusable:
            self._idle.append(connection)
        else:
            connection.close()
        return response

    def _take(self) -> Connection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None


def _object(content: bytes) -> Object:
    try:
        return mapping(json.loads(content))
    except (ValueError, RecursionError):
        return {}
