"""The administrator's requests to the API server, many at a time over kept connections."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import urllib3

T = TypeVar("T")
R = TypeVar("R")

_AT_ONCE = 16


class Refused(Exception):
    """The API server answered with an error; `status` is the HTTP status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Kube:
    """The API server at `url`. Objects are plain JSON."""

    def __init__(self, url: str, authority: Path, certificate: Path, key: Path) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(
            maxsize=_AT_ONCE, block=True, ca_certs=str(authority), cert_file=str(certificate), key_file=str(key)
        )

    def text(self, path: str) -> str:
        """An answer that is not JSON. Raises Refused."""
        return self._send("GET", path, None, {}).decode()

    def get(self, path: str) -> Any:
        """Raises Refused."""
        return json.loads(self._send("GET", path, None, {}))

    def find(self, path: str) -> Any | None:
        """The object, or None where there is none. Raises Refused."""
        try:
            return self.get(path)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    def create(self, path: str, content: Mapping[str, Any]) -> Any:
        """The object made in the collection at `path`, or the one that is there already. Raises Refused."""
        try:
            return json.loads(self._send("POST", path, content, {}))
        except Refused as refused:
            if refused.status != 409:
                raise
        return self.get(f"{path}/{content['metadata']['name']}")

    def post(self, path: str, content: Mapping[str, Any]) -> Any:
        """For what is asked by posting and not kept (reviews, token requests). Raises Refused."""
        return json.loads(self._send("POST", path, content, {}))

    def put(self, path: str, content: Mapping[str, Any]) -> Any:
        """Replaces what is at `path`. Raises Refused."""
        return json.loads(self._send("PUT", path, content, {}))

    def metadata(self, path: str) -> Any:
        """A list of objects without what is in them. Raises Refused."""
        accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
        return json.loads(self._send("GET", path, None, {"Accept": accept}))

    def apply(self, path: str, content: Mapping[str, Any], manager: str) -> None:
        """Server-side apply; fields of other managers are taken over. Raises Refused."""
        kind = {"Content-Type": "application/apply-patch+yaml"}
        self._send("PATCH", f"{path}?fieldManager={manager}&force=true", content, kind)

    def delete(self, path: str) -> None:
        """Deletes what is there; nothing there is fine too. Raises Refused."""
        try:
            self._send("DELETE", path, None, {})
        except Refused as refused:
            if refused.status != 404:
                raise

    def _send(self, method: str, path: str, content: Mapping[str, Any] | None, headers: Mapping[str, str]) -> bytes:
        body = None if content is None else json.dumps(content).encode()
        answer = self._pool.request(
            method,
            f"{self._url}{path}",
            body=body,
            headers={"Accept": "application/json", "Content-Type": "application/json", **headers},
            timeout=60,
            # A busy server's 429 says when to come again.
            retries=urllib3.Retry(total=5, status_forcelist=(429,), allowed_methods=None, raise_on_status=False),
        )
        if answer.status >= 400:
            raise Refused(answer.status, f"{method} {path.partition('?')[0]}: {answer.status} {_reason(answer.data)}")
        return answer.data


def each(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """`work` on every item, several at a time; results in order. Raises what the first that failed raised."""
    with _workers() as pool:
        return list(pool.map(work, items))


@contextmanager
def _workers() -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        yield pool
    finally:
        # After a failure the rest need not be tried.
        pool.shutdown(cancel_futures=True)


def _reason(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode(errors="replace")
