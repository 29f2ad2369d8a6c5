"""Requests to an API server over real TLS: what is repeated, what is not, tokens that change, proxies, and who is trusted."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
from refresher.errors import ApiUnreachableError, ConfigurationError
from refresher.kubernetes_http import Answer, KubernetesHttp
from refresher.patience import Time
from refresher.proxies import Proxy
from refresher.service_account import ServiceAccount

from tests.refresher.api_server import TOKEN, ApiServer, Call, Reply, Script, api_server, status
from tests.refresher.certificates import certificate
from tests.refresher.conftest import pod_environment
from tests.refresher.fakes import CANARY

PATH = "/api/v1/namespaces/team-a/secrets/everpull-dev"
FINE = Reply(200, {"kind": "Secret"})


@pytest.fixture
def slept() -> list[float]:
    return []


def client(pod: dict[str, str], slept: list[float], proxy: Proxy | None = None, seconds: float = 5.0) -> KubernetesHttp:
    passing = Time(time.monotonic, slept.append, lambda: 0.0)
    return KubernetesHttp(ServiceAccount(pod), proxy, answer_seconds=seconds, passing=passing)


@pytest.fixture
def http(pod: dict[str, str], slept: list[float]) -> Iterator[KubernetesHttp]:
    made = client(pod, slept)
    yield made
    made.close()


def in_turn(*replies: Reply) -> Script:
    """Each of them once; the last for ever."""
    left = list(replies)
    return lambda call: left.pop(0) if len(left) > 1 else left[0]


def test_a_request_is_sent_as_it_was_asked_for(api: ApiServer, http: KubernetesHttp) -> None:
    api.script = lambda call: FINE
    asked = {"labelSelector": "a in (b,c)", "limit": "5"}
    target = f"{PATH}?{urlencode(asked)}"
    answer = http.request("PATCH", target, body={"a": "ä"}, content_type="application/x", accept="application/y")
    assert answer == Answer(200, {"kind": "Secret"})
    (call,) = api.calls
    assert (call.method, call.path, call.query, call.body) == ("PATCH", PATH, asked, {"a": "ä"})
    assert {name: call.headers[name] for name in ("authorization", "accept", "content-type", "user-agent", "host")} == {
        "authorization": f"Bearer {TOKEN}",
        "accept": "application/y",
        "content-type": "application/x",
        "user-agent": "everpull",
        "host": f"127.0.0.1:{api.port}",
    }


def test_requests_share_one_connection(api: ApiServer, http: KubernetesHttp) -> None:
    api.script = lambda call: Reply(200, {"kind": "Secret", "long": "x" * 5000})
    for _ in range(10):
        assert http.request("GET", PATH).status == 200
    assert (len(api.calls), api.connections) == (10, 1)


def test_threads_at_once_have_a_connection_each_and_no_more(api: ApiServer, http: KubernetesHttp) -> None:
    api.script = lambda call: Reply(200, {"kind": "Secret"}, delay=0.01)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: http.request("GET", PATH), range(40)))
    assert api.connections <= 4


def test_a_connection_that_the_server_will_close_is_not_used_again(api: ApiServer, http: KubernetesHttp) -> None:
    api.script = lambda call: Reply(200, {}, {"Connection": "close"})
    for _ in range(3):
        http.request("GET", PATH)
    assert api.connections == 3


@pytest.mark.parametrize("code", [200, 201, 400, 401, 403, 404, 409, 410, 413, 415, 422, 501])
def test_a_final_answer_is_handed_on(api: ApiServer, http: KubernetesHttp, slept: list[float], code: int) -> None:
    api.script = lambda call: status(code, "Reason")
    answer = http.request("GET", PATH)
    assert (answer.status, answer.body["reason"]) == (code, "Reason")
    assert (len(api.calls), slept) == (1, [])


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_fault_of_the_server_is_borne(api: ApiServer, http: KubernetesHttp, slept: list[float], code: int) -> None:
    api.script = in_turn(status(code, "Bad"), status(code, "Bad"), FINE)
    assert http.request("PATCH", PATH, body={}).status == 200
    assert slept == [0.25, 0.5]
    assert [call.body for call in api.calls] == [{}, {}, {}]


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_fault_that_lasts_is_the_answer(api: ApiServer, http: KubernetesHttp, slept: list[float], code: int) -> None:
    api.script = lambda call: status(code, "Bad")
    assert http.request("GET", PATH).status == code
    assert (len(api.calls), slept) == (4, [0.25, 0.5, 1.0])
    # The others are not given up for it.
    api.script = lambda call: FINE
    assert http.request("GET", PATH).status == 200


@pytest.mark.parametrize("code", [429, 503])
def test_the_server_says_when_to_come_again(
    api: ApiServer, http: KubernetesHttp, slept: list[float], code: int
) -> None:
    busy = status(code, "TooManyRequests")
    busy.headers["Retry-After"] = "3"
    api.script = in_turn(busy, FINE)
    assert http.request("GET", PATH).status == 200
    assert slept == [3.0]


@pytest.mark.parametrize(
    "broken",
    [
        Reply(200, cut=0),
        Reply(200, cut=20),
        Reply(200, {"a": "b" * 500}, cut=300),
        Reply(200, {"a": "b" * 5000}, cut=3000),
    ],
)
def test_a_broken_connection_is_borne(api: ApiServer, http: KubernetesHttp, slept: list[float], broken: Reply) -> None:
    api.script = in_turn(broken, FINE)
    assert http.request("GET", PATH).status == 200
    assert (len(api.calls), slept) == (2, [0.25])


def test_kept_connections_that_all_went_stale_cost_one_attempt(
    api: ApiServer, http: KubernetesHttp, slept: list[float]
) -> None:
    api.script = lambda call: Reply(200, delay=0.05)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: http.request("GET", PATH), range(8)))
    for kept in http._idle:
        kept.wire.shutdown(socket.SHUT_RDWR)
    assert len(http._idle) > 4
    assert http.request("GET", PATH).status == 200
    assert slept == [0.25]


def test_an_answer_that_does_not_come_is_not_waited_for_for_ever(
    api: ApiServer, pod: dict[str, str], slept: list[float]
) -> None:
    http = client(pod, slept, seconds=0.2)
    api.script = in_turn(Reply(200, delay=1.0), FINE)
    assert http.request("GET", PATH).status == 200
    assert slept == [0.25]
    http.close()


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"text"', b"\xff", b"[" * 3000])
def test_an_answer_that_is_no_object_holds_nothing(api: ApiServer, http: KubernetesHttp, body: bytes) -> None:
    api.script = lambda call: Reply(200, body)
    assert http.request("GET", PATH) == Answer(200, {})


def test_a_redirect_is_not_followed(api: ApiServer, http: KubernetesHttp) -> None:
    api.script = lambda call: Reply(307, headers={"Location": "https://elsewhere.example/"})
    assert http.request("GET", PATH).status == 307


def test_once_nobody_is_answered_the_others_do_not_try(
    api: ApiServer, http: KubernetesHttp, slept: list[float]
) -> None:
    api.script = lambda call: Reply(200, cut=0)
    with pytest.raises(ApiUnreachableError, match=r"^the API server can't be reached: an answer that ended too early$"):
        http.request("GET", PATH)
    assert (len(api.calls), slept) == (4, [0.25, 0.5, 1.0])
    with pytest.raises(ApiUnreachableError, match="not tried, since all other requests failed"):
        http.request("GET", PATH)
    assert len(api.calls) == 4


def test_a_request_that_alone_fails_does_not_stop_the_others(api: ApiServer, pod: dict[str, str]) -> None:
    answered = threading.Event()

    def script(call: Call) -> Reply:
        if call.query:
            answered.set()
            return FINE
        return Reply(200, cut=0)

    api.script = script

    def sleep(_seconds: float) -> None:
        assert other.request("GET", f"{PATH}?other=one").status == 200

    account = ServiceAccount(pod)
    http = other = KubernetesHttp(account, passing=Time(time.monotonic, sleep, lambda: 0.0))
    with pytest.raises(ApiUnreachableError):
        http.request("GET", PATH)
    api.script = lambda call: FINE
    assert http.request("GET", PATH).status == 200
    assert answered.is_set()
    http.close()


def test_a_server_that_is_not_there_is_named_by_the_kind_of_failure(pod: dict[str, str], slept: list[float]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = {**pod, "KUBERNETES_SERVICE_PORT": str(free.getsockname()[1])}
    with pytest.raises(
        ApiUnreachableError, match=r"^the API server can't be reached: ConnectionRefusedError$"
    ) as caught:
        client(nobody, slept).request("GET", PATH)
    assert caught.value.__context__ is None
    assert len(slept) == 3


def test_a_server_of_another_authority_is_not_trusted(api: ApiServer, pod: dict[str, str], slept: list[float]) -> None:
    (Path(pod["EVERPULL_SERVICE_ACCOUNT"]) / "ca.crt").write_text(certificate("other.example").authority)
    with pytest.raises(ApiUnreachableError, match="its certificate is not one of the service account's authority"):
        client(pod, slept).request("GET", PATH)
    assert (api.calls, slept) == ([], [])


def test_an_authority_that_says_less_than_python_wants_is_trusted(
    api: ApiServer, pod: dict[str, str], slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = ssl.create_default_context

    def strict(cafile: str) -> ssl.SSLContext:
        # As from Python 3.13 on.
        context = usual(cafile=cafile)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", strict)
    api.script = lambda call: FINE
    http = client(pod, slept)
    assert http.request("GET", PATH).status == 200
    http.close()


def test_an_authority_that_is_no_certificate_is_refused(pod: dict[str, str], slept: list[float]) -> None:
    (Path(pod["EVERPULL_SERVICE_ACCOUNT"]) / "ca.crt").write_text("nothing")
    with pytest.raises(ConfigurationError, match=r"/ca.crt holds no certificate$"):
        client(pod, slept)


def test_a_certificate_for_another_name_is_not_trusted(tmp_path: Path, slept: list[float]) -> None:
    with api_server(tmp_path, "other.example") as api:
        pod = pod_environment(api, tmp_path / "account")
        with pytest.raises(ApiUnreachableError, match="its certificate is not one"):
            client({**pod, "KUBERNETES_SERVICE_HOST": "127.0.0.1"}, slept).request("GET", PATH)
        assert api.calls == []


def test_a_token_that_was_exchanged_is_sent_at_the_next_request(
    api: ApiServer, http: KubernetesHttp, pod: dict[str, str]
) -> None:
    api.script = lambda call: FINE
    http.request("GET", PATH)
    (Path(pod["EVERPULL_SERVICE_ACCOUNT"]) / "token").write_text("second-token")
    http.request("GET", PATH)
    assert [call.headers["authorization"] for call in api.calls] == [f"Bearer {TOKEN}", "Bearer second-token"]


def test_a_refused_token_is_read_again_once(
    api: ApiServer, http: KubernetesHttp, pod: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the file's time did not tell: only the refusal does.
    monkeypatch.setattr(ServiceAccount, "token", lambda account: account._token)
    (Path(pod["EVERPULL_SERVICE_ACCOUNT"]) / "token").write_text("second-token")
    api.tokens = {"second-token"}
    assert http.request("GET", PATH).status == 404
    assert [call.headers["authorization"] for call in api.calls] == [f"Bearer {TOKEN}", "Bearer second-token"]
    api.tokens = set()
    assert http.request("GET", PATH).status == 401
    assert len(api.calls) == 3


@contextmanager
def proxy(target: int, refuse: bytes = b"") -> Iterator[tuple[Proxy, list[bytes]]]:
    """A proxy that leads every tunnel to a port on loopback, or refuses all; the first lines and headers it was sent."""
    asked: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))
    ends: list[socket.socket] = []

    def copy(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass

    def serve() -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += near.recv(1)
            asked.append(head)
            if refuse:
                near.sendall(refuse)
                near.close()
                continue
            near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            far = socket.create_connection(("127.0.0.1", target))
            ends.extend((near, far))
            for pair in ((near, far), (far, near)):
                threading.Thread(target=copy, args=pair, daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield Proxy("127.0.0.1", listener.getsockname()[1], "Basic canary"), asked
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for end in ends:
            end.close()


def test_a_proxy_is_asked_for_a_tunnel_in_which_the_servers_own_certificate_counts(
    tmp_path: Path, slept: list[float]
) -> None:
    with api_server(tmp_path, "kubernetes.example") as api, proxy(api.port) as (way, asked):
        api.script = lambda call: FINE
        http = client({**pod_environment(api, tmp_path / "account"), "KUBERNETES_SERVICE_PORT": "6443"}, slept, way)
        for _ in range(3):
            assert http.request("GET", PATH).status == 200
        http.close()
        assert asked == [
            b"CONNECT kubernetes.example:6443 HTTP/1.1\r\nHost: kubernetes.example:6443\r\n"
            b"Proxy-Authorization: Basic canary\r\n\r\n"
        ]
        assert "proxy-authorization" not in api.calls[0].headers


def test_a_proxy_that_refuses_is_named_and_learns_no_token(
    api: ApiServer, pod: dict[str, str], slept: list[float]
) -> None:
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    with proxy(api.port, refusal) as (way, asked):
        with pytest.raises(ApiUnreachableError, match="the proxy refused a tunnel with 407"):
            client(pod, slept, way).request("GET", PATH)
        assert TOKEN.encode() not in b"".join(asked)
    assert api.calls == []


def test_an_address_of_six_words_stands_in_brackets(pod: dict[str, str], slept: list[float]) -> None:
    with proxy(0, b"HTTP/1.1 502 No\r\n\r\n") as (way, asked), pytest.raises(ApiUnreachableError):
        client({**pod, "KUBERNETES_SERVICE_HOST": "fd00::1"}, slept, way).request("GET", PATH)
    assert asked[0].startswith(f"CONNECT [fd00::1]:{pod['KUBERNETES_SERVICE_PORT']} HTTP/1.1\r\n".encode())


def test_an_answer_does_not_show_what_it_holds() -> None:
    assert CANARY not in repr(Answer(200, {"data": CANARY}))
