"""Clients of AWS reach the stand-ins through the proxy under AWS's own names, and nothing else through it."""

import http.client
import http.server
import json
import signal
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
import urllib3
from botocore.config import Config
from cryptography import x509

from local import ports
from local.paths import ROOT
from local.tunnel.authority import Authority
from local.tunnel.proxy import HEALTH, Proxy, running
from local.tunnel.routes import proxy_variables, routes

API = "api.ecr.eu-central-1.amazonaws.com"
REGISTRY = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"


class StandIn(http.server.ThreadingHTTPServer):
    """Answers every call with a token, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str, str, str]] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        assert isinstance(self.server, StandIn)
        signature = self.headers.get("Authorization", "")
        self.server.asked.append((self.command, self.headers["Host"], self.path, signature))
        answer = json.dumps({"authorizationData": [{"authorizationToken": "dG9rZW4="}]}).encode()
        self.send_response(307 if "blobs" in self.path else 200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Location", "http://127.0.0.1:1/layer")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with StandIn() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def proxy(stand_in: StandIn, authority: Authority) -> Iterator[Proxy]:
    with running({API: stand_in.endpoint, REGISTRY: stand_in.endpoint}.get, authority) as proxy:
        yield proxy


def tunnel(proxy: Proxy, host: str, port: int = 443, bundle: Path | None = None) -> http.client.HTTPSConnection:
    """A connection to `host` through the proxy that trusts `bundle`, or the machine's own authorities."""
    context = ssl.create_default_context(cafile=None if bundle is None else str(bundle))
    # The default from Python 3.13 on.
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    address = urlsplit(proxy.url)
    connection = http.client.HTTPSConnection(address.hostname or "", address.port, context=context, timeout=10)
    connection.set_tunnel(host, port)
    return connection


def test_a_client_that_knows_only_the_real_endpoint_is_served(
    stand_in: StandIn, authority: Authority, proxy: Proxy
) -> None:
    client: Any = boto3.client(
        "ecr",
        region_name="eu-central-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",
        verify=str(authority.certificate),
        config=Config(proxies={"https": proxy.url}, retries={"total_max_attempts": 1}),
    )
    for _ in range(2):
        answer = client.get_authorization_token()
        assert answer["authorizationData"][0]["authorizationToken"] == "dG9rZW4="
    # The name that was signed is the name that arrives, or the signature is worth nothing.
    assert [(host, "SignedHeaders=" in signature) for _, host, _, signature in stand_in.asked] == [(API, True)] * 2
    assert proxy.served == {f"{API} GetAuthorizationToken": 2}


def test_a_registry_is_asked_over_one_connection_and_its_redirects_are_left_to_the_client(
    stand_in: StandIn, authority: Authority, proxy: Proxy
) -> None:
    pool = urllib3.ProxyManager(proxy.url, ca_certs=str(authority.certificate), num_pools=1)
    for method, path, status in (
        ("GET", "/v2/app/manifests/1", 200),
        ("HEAD", "/v2/app/manifests/1", 200),
        ("GET", "/v2/app/blobs/sha256:0", 307),
    ):
        answer = pool.request(method, f"https://{REGISTRY}{path}", redirect=False, retries=False)
        assert answer.status == status
        assert answer.headers["location"] == "http://127.0.0.1:1/layer"
        assert int(answer.headers["content-length"]) > 0
    asked = [(method, host, path) for method, host, path, _ in stand_in.asked]
    assert asked == [
        ("GET", REGISTRY, "/v2/app/manifests/1"),
        ("HEAD", REGISTRY, "/v2/app/manifests/1"),
        ("GET", REGISTRY, "/v2/app/blobs/sha256:0"),
    ]
    assert proxy.served == {f"{REGISTRY} GET": 2, f"{REGISTRY} HEAD": 1}


def test_the_proxys_certificate_is_trusted_by_nobody_else(proxy: Proxy) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        tunnel(proxy, API).request("POST", "/", b"{}")


def test_a_certificate_is_for_the_name_that_was_asked_for_alone(authority: Authority, proxy: Proxy) -> None:
    connection = tunnel(proxy, REGISTRY, bundle=authority.certificate)
    connection.connect()
    assert isinstance(connection.sock, ssl.SSLSocket)
    found = connection.sock.getpeercert()
    assert found is not None
    assert found["subjectAltName"] == (("DNS", REGISTRY),)
    connection.close()


@pytest.mark.parametrize(("host", "port"), [("example.test", 443), (API, 80), ("127.0.0.1", 443)])
def test_no_other_name_is_served(stand_in: StandIn, proxy: Proxy, host: str, port: int) -> None:
    with pytest.raises(OSError, match="403"):
        tunnel(proxy, host, port).connect()
    assert not stand_in.asked


def test_nothing_is_served_outside_a_tunnel(stand_in: StandIn, proxy: Proxy) -> None:
    address = urlsplit(proxy.url)
    for method in ("GET", "POST"):
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
        connection.request(method, f"http://{API}/", b"{}")
        assert connection.getresponse().status == 403
        connection.close()
    assert not stand_in.asked


def test_a_stand_in_that_is_gone_is_a_bad_gateway(authority: Authority) -> None:
    with StandIn() as gone:
        endpoint = gone.endpoint
    with running({API: endpoint}.get, authority) as proxy:
        connection = tunnel(proxy, API, bundle=authority.certificate)
        connection.request("POST", "/", b"{}")
        assert connection.getresponse().status == 502


def test_the_authority_is_kept_and_its_key_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "authority"
    first = Authority(folder).certificate.read_bytes()
    assert Authority(folder).certificate.read_bytes() == first
    made = Authority(folder)
    made.context(API)
    assert sorted(path.name for path in folder.iterdir()) == ["ca.crt", "ca.key"]
    assert stat.S_IMODE((folder / "ca.key").stat().st_mode) == 0o600


def test_an_authority_that_is_broken_is_made_anew(tmp_path: Path) -> None:
    made = Authority(tmp_path)
    made.certificate.write_text("broken")
    again = Authority(tmp_path)
    x509.load_pem_x509_certificate(again.certificate.read_bytes())


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (REGISTRY, "registry"),
        ("123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", "registry"),
        ("123456789012.dkr-ecr.eu-west-1.on.aws", "registry"),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "registry"),
        ("123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu", "registry"),
        ("public.ecr.aws", "registry"),
        (API, "aws"),
        ("ecr-fips.us-east-1.amazonaws.com", "aws"),
        ("ecr.eu-west-1.api.aws", "aws"),
        ("api.ecr.cn-north-1.amazonaws.com.cn", "aws"),
        ("api.ecr-public.us-east-1.amazonaws.com", "aws"),
        ("sts.eusc-de-east-1.amazonaws.eu", "aws"),
        ("12.dkr.ecr.eu-central-1.amazonaws.com", None),
        ("amazonaws.com", None),
        ("amazonaws.com.example.test", None),
        ("example.test", None),
        ("127.0.0.1", None),
        ("", None),
    ],
)
def test_each_name_leads_to_what_stands_for_it(host: str, expected: str | None) -> None:
    assert routes("aws", "registry")(host) == expected


def test_loopback_and_the_cluster_are_reached_without_it() -> None:
    variables = proxy_variables("http://127.0.0.1:9", "127.64.0.1")
    assert variables["HTTPS_PROXY"] == "http://127.0.0.1:9"
    assert variables["NO_PROXY"].split(",")[:3] == ["127.0.0.1", "127.64.0.1", "127.0.0.0/8"]


def test_as_a_program_it_says_when_it_is_ready_and_ends_on_sigterm(tmp_path: Path, stand_in: StandIn) -> None:
    port = ports.free_port()
    options = {"--aws": "http://127.0.0.1:9", "--registry": stand_in.endpoint, "--authority": str(tmp_path)}
    command = [sys.executable, "-m", "local.tunnel", f"--port={port}", *(f"{n}={v}" for n, v in options.items())]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            end = time.monotonic() + 20
            while ports.is_free(port):
                assert time.monotonic() < end
                time.sleep(0.05)
            url = f"http://127.0.0.1:{port}"
            assert urllib3.request("GET", url + HEALTH).status == 200
            pool = urllib3.ProxyManager(url, ca_certs=str(tmp_path / "ca.crt"))
            assert pool.request("GET", f"https://{REGISTRY}/v2/").status == 200
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
