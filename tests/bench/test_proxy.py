"""Clients of AWS reach the stand-in through the proxy under AWS's own names, and nothing else through it."""

import http.client
import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from bench import certificates
from bench.certificates import Certificates
from bench.proxy import Proxy, running

HOST = "api.ecr.eu-central-1.amazonaws.com"


class Aws(http.server.ThreadingHTTPServer):
    """Answers every call with a token, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str, bytes]] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert isinstance(self.server, Aws)
        self.server.asked.append((self.headers["Host"], self.headers["Authorization"], body))
        answer = json.dumps({"authorizationData": [{"authorizationToken": "dG9rZW4="}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def aws() -> Iterator[Aws]:
    with Aws() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def made(tmp_path: Path) -> Certificates:
    return certificates.make(tmp_path, [HOST])


@pytest.fixture
def proxy(aws: Aws, made: Certificates) -> Iterator[Proxy]:
    with running(aws.endpoint, [HOST], made) as proxy:
        yield proxy


def tunnel(proxy: Proxy, host: str, port: int = 443, bundle: Path | None = None) -> http.client.HTTPSConnection:
    """A connection to `host` through the proxy that trusts `bundle`, or the machine's own authorities."""
    context = ssl.create_default_context(cafile=None if bundle is None else str(bundle))
    address = urlsplit(proxy.url)
    connection = http.client.HTTPSConnection(address.hostname or "", address.port, context=context, timeout=10)
    connection.set_tunnel(host, port)
    return connection


def test_a_client_that_knows_only_the_real_endpoint_is_served(aws: Aws, made: Certificates, proxy: Proxy) -> None:
    client = boto3.client(
        "ecr",
        region_name="eu-central-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",
        verify=str(made.bundle),
        config=Config(proxies={"https": proxy.url}, retries={"total_max_attempts": 1}),
    )
    for _ in range(2):
        answer = client.get_authorization_token()
        assert answer["authorizationData"][0]["authorizationToken"] == "dG9rZW4="
    # The name that was signed is the name that arrives, or the signature is worth nothing.
    assert [(host, "SignedHeaders=" in signature and "host" in signature) for host, signature, _ in aws.asked] == [
        (HOST, True)
    ] * 2
    assert proxy.served == {f"{HOST} GetAuthorizationToken": 2}


def test_the_bundle_holds_the_public_authorities_too(made: Certificates) -> None:
    assert made.bundle.read_text().count("BEGIN CERTIFICATE") > 50


def test_the_proxys_certificate_is_trusted_by_nobody_else(proxy: Proxy) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        tunnel(proxy, HOST).request("POST", "/", b"{}")


@pytest.mark.parametrize(("host", "port"), [("example.test", 443), (HOST, 80), ("127.0.0.1", 443)])
def test_no_other_name_is_served(aws: Aws, proxy: Proxy, host: str, port: int) -> None:
    with pytest.raises(OSError, match="403"):
        tunnel(proxy, host, port).connect()
    assert not aws.asked


def test_nothing_is_served_outside_a_tunnel(aws: Aws, proxy: Proxy) -> None:
    address = urlsplit(proxy.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    connection.request("POST", f"http://{HOST}/", b"{}")
    assert connection.getresponse().status == 403
    assert not aws.asked


def test_a_stand_in_that_is_gone_is_a_bad_gateway(made: Certificates) -> None:
    with Aws() as gone:
        endpoint = gone.endpoint
    with running(endpoint, [HOST], made) as proxy:
        connection = tunnel(proxy, HOST, bundle=made.bundle)
        connection.request("POST", "/", b"{}")
        assert connection.getresponse().status == 502
