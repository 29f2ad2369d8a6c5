"""Requests to registries on real connections: proxies, trust, faults that pass, and the bounds of it all."""

import base64
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from refresher import registry_http
from refresher.errors import RegistryUnreachableError
from refresher.pulling import Answer
from refresher.registry_http import RegistryHttp
from urllib3.util import connection

from tests.refresher.conftest import PROXY_VARIABLES
from tests.refresher.fakes import CANARY, FRANKFURT
from tests.refresher.hearing import everything_in, found
from tests.refresher.registry_server import LINK, MANIFEST, Registry, Reply, registry_server

APP = f"https://{FRANKFURT}/v2/app/manifests/1"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)


@contextmanager
def http(seconds: float = 60.0) -> Iterator[RegistryHttp]:
    with closing(RegistryHttp(lambda: seconds, 2)) as made:
        yield made


def get(url: str = APP, *, body: bool = True, seconds: float = 60.0) -> Answer:
    with http(seconds) as made:
        return made.get(url, {"Authorization": "Basic x"}, body_of_success=body)


def unreachable(url: str = APP, seconds: float = 60.0) -> str:
    with pytest.raises(RegistryUnreachableError) as caught:
        get(url, seconds=seconds)
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert not found(everything_in(caught.value), CANARY)
    return str(caught.value)


def test_a_registry_is_asked_by_its_own_name_through_the_proxy(registry: Registry) -> None:
    answer = get()
    assert (answer.status, json.loads(answer.body)) == (200, MANIFEST)
    assert registry.asked == [f"{FRANKFURT} /v2/app/manifests/1"]
    assert registry.authorizations == ["Basic x"]


def test_without_a_proxy_or_where_one_is_excepted_it_is_asked_directly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with registry_server(tmp_path, tls="localhost") as server:
        monkeypatch.setenv("AWS_CA_BUNDLE", server.authority)
        assert get(f"{server.endpoint}/v2/").status == 200
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("NO_PROXY", "localhost")
        assert get(f"{server.endpoint}/v2/").status == 200
    assert len(server.asked) == 2


def test_names_of_headers_are_in_lower_case_and_a_redirect_is_not_followed(registry: Registry) -> None:
    registry.script = lambda path: Reply(307, b"", {"Location": LINK})
    answer = get(APP.replace("manifests/1", "blobs/x"), body=False)
    assert (answer.status, answer.headers["location"], answer.body) == (307, LINK, b"")
    assert len(registry.asked) == 1


def test_a_connection_is_kept_for_the_next_request(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    dialled: list[object] = []
    real = connection.create_connection
    monkeypatch.setattr(connection, "create_connection", lambda *a, **k: dialled.append(a) or real(*a, **k))
    with http() as made:
        for _ in range(3):
            assert made.get(APP, {}).status == 200
    assert len(dialled) == 1


@pytest.mark.parametrize("fault", [Reply(503), Reply(429), Reply(200, {"a": 1}, cut=3)], ids=["503", "429", "cut"])
def test_a_fault_that_passes_is_passed_over(registry: Registry, fault: Reply) -> None:
    faults = [fault]
    registry.script = lambda path: faults.pop() if faults else None
    assert get().status == 200
    assert len(registry.asked) == 2


def test_a_fault_that_stays_is_named_by_its_status_alone(registry: Registry) -> None:
    registry.script = lambda path: Reply(500, {"errors": [{"message": CANARY}]})
    assert unreachable() == "it answered 500"
    assert len(registry.asked) == 2


def test_an_answer_that_a_proxy_could_not_get_is_none(registry: Registry) -> None:
    registry.script = lambda path: Reply(200, CANARY.encode() * 1000, cut=100)
    assert unreachable() == "it answered 502"


def test_a_connection_that_breaks_off_is_made_again_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with registry_server(tmp_path, tls="localhost") as server:
        monkeypatch.setenv("AWS_CA_BUNDLE", server.authority)
        server.script = lambda path: Reply(200, CANARY.encode() * 1000, cut=100)
        assert unreachable(f"{server.endpoint}/v2/") == "it could not be reached (ProtocolError)"
        assert len(server.asked) == 2
        server.script = lambda path: Reply(200, b"x", cut=0) if len(server.asked) == 3 else None
        assert get(f"{server.endpoint}/v2/").status == 200


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_the_text_of_a_refusal_is_read_even_where_no_body_is_wanted(registry: Registry, status: int) -> None:
    registry.script = lambda path: Reply(status, b"why")
    answer = get(body=False)
    assert (answer.status, answer.body) == (status, b"why")


def test_the_body_of_a_layer_is_not_read(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.script = lambda path: Reply(200, b"x" * 1000)

    def read(*_: object) -> bytes:
        raise AssertionError("the body was read")

    monkeypatch.setattr(RegistryHttp, "_body", read)
    answer = get(body=False)
    assert (answer.status, answer.body) == (200, b"")


def test_a_body_without_an_end_is_given_up(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_http, "LONGEST_BODY", 100)
    registry.script = lambda path: Reply(200, b"x" * 101)
    assert unreachable() == "it could not be reached (TimeoutError)"
    registry.script = lambda path: Reply(200, b"x" * 100)
    assert get().body == b"x" * 100


def test_when_there_is_no_time_left_nothing_is_asked(registry: Registry) -> None:
    assert unreachable(seconds=0) == "there was no time left to ask"
    assert registry.asked == []


def test_time_that_runs_out_ends_the_attempts_and_the_reading(registry: Registry) -> None:
    left = iter([9.0, 9.0, 0.0])
    with (
        closing(RegistryHttp(lambda: next(left, 0.0), 2)) as made,
        pytest.raises(RegistryUnreachableError, match=r"^it could not be reached \(TimeoutError\)$"),
    ):
        made.get(APP, {})
    assert len(registry.asked) == 1


def test_an_authority_that_is_not_trusted_is_named_as_such(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE")
    assert unreachable() == "it could not be reached (SSLError)"
    assert registry.asked == []


def test_a_bundle_that_is_not_there_is_named_by_the_kind_of_failure(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", "/nowhere")
    assert unreachable() == "it could not be reached (FileNotFoundError)"


def test_a_proxy_gets_the_login_of_its_address_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[bytes] = []

    def refuse() -> None:
        for _ in range(2):
            connection, _ = listener.accept()
            with connection:
                heard.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=refuse)
        thread.start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:{CANARY}%40@127.0.0.1:{listener.getsockname()[1]}")
        assert unreachable() == "it could not be reached (ProxyError)"
        thread.join()
    encoded = base64.b64encode(f"user:{CANARY}@".encode())
    for request in heard:
        assert request.startswith(f"CONNECT {FRANKFURT}:443 ".encode())
        assert b"proxy-authorization: Basic " + encoded in request.replace(
            b"Proxy-Authorization", b"proxy-authorization"
        )
        assert b"\r\nauthorization:" not in request.lower()


@pytest.mark.parametrize(
    "proxy", [f"http://user:{CANARY}@127.0.0.1:9", f"user:{CANARY}@127.0.0.1:9", f"http://[{CANARY}"]
)
def test_a_proxy_that_is_not_there_is_not_quoted(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    assert unreachable().startswith("it could not be reached (")


def test_nothing_of_an_answer_is_shown() -> None:
    assert CANARY not in repr(Answer(307, {"location": LINK}, CANARY.encode()))
    assert os.environ.get("HTTPS_PROXY") is None
