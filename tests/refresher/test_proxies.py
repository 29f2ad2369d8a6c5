"""Which proxy leads to the API server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refresher.errors import ConfigurationError
from refresher.proxies import Proxy, proxy_for

from tests.refresher.fakes import CANARY

ADDRESS = "10.96.0.1"
NAME = "kubernetes.default.svc"
PROXY = "http://proxy.example:3128"


def used(host: str, no_proxy: str = "", port: int = 443) -> bool:
    return proxy_for(host, port, {"HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy}) is not None


@pytest.mark.parametrize("environment", [{}, {"HTTPS_PROXY": ""}, {"HTTP_PROXY": PROXY}, {"ALL_PROXY": PROXY}])
def test_without_a_proxy_for_https_there_is_none(environment: dict[str, str]) -> None:
    assert proxy_for(ADDRESS, 443, environment) is None


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        (PROXY, Proxy("proxy.example", 3128)),
        ("proxy.example:3128", Proxy("proxy.example", 3128)),
        ("http://proxy.example", Proxy("proxy.example", 80)),
        ("http://proxy.example:3128/", Proxy("proxy.example", 3128)),
        ("http://[fd00::1]:3128", Proxy("fd00::1", 3128)),
        ("http://user:p%40ss@proxy.example:3128", Proxy("proxy.example", 3128, "Basic dXNlcjpwQHNz")),
        ("http://user@proxy.example:3128", Proxy("proxy.example", 3128, "Basic dXNlcjo=")),
    ],
)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
def test_the_proxy_is_read_from_its_url(text: str, proxy: Proxy, variable: str) -> None:
    assert proxy_for(ADDRESS, 443, {variable: text}) == proxy


@pytest.mark.parametrize(
    "text",
    ["https://proxy.example", "socks5://proxy.example", "http://", "http://:80", "http://x:port", "http://[fd00"],
)
def test_what_is_no_http_proxy_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        proxy_for(ADDRESS, 443, {"HTTPS_PROXY": text.replace("//", f"//user:{CANARY}@")})
    assert str(caught.value) == "HTTPS_PROXY is not the URL of an HTTP proxy (http://HOST:PORT)"


@pytest.mark.parametrize(
    ("host", "no_proxy", "through"),
    [
        (ADDRESS, "", True),
        (ADDRESS, "10.96.0.1", False),
        (ADDRESS, "10.96.0.2", True),
        (ADDRESS, "10.96.0.0/12", False),
        (ADDRESS, "10.96.0.1/12", False),
        (ADDRESS, "10.0.0.0/16", True),
        (ADDRESS, "fd00::/8", True),
        (ADDRESS, "10.96.0.0/99", True),
        (ADDRESS, "10.96.0.1:443", False),
        (ADDRESS, "10.96.0.1:6443", True),
        (ADDRESS, "*", False),
        (ADDRESS, "10.96", True),
        (ADDRESS, ".1", True),
        (ADDRESS, " example.com , 10.96.0.1 ", False),
        ("fd00::1", "", True),
        ("fd00::1", "fd00::/8", False),
        ("fd00::1", "fd00::1", False),
        ("fd00::1", "fd00:0::1", False),
        ("fd00::1", "[fd00::1]", False),
        ("fd00::1", "[fd00::1]:443", False),
        ("fd00::1", "[fd00::1]:6443", True),
        (NAME, "kubernetes.default.svc", False),
        (NAME, "Kubernetes.Default.SVC", False),
        (NAME, "svc", False),
        (NAME, ".svc", False),
        (NAME, "*.svc", False),
        (NAME, "default.svc:443", False),
        (NAME, "default.svc:80", True),
        (NAME, ".kubernetes.default.svc", True),
        (NAME, "vc", True),
        (NAME, "10.96.0.0/12", True),
        ("localhost", "", False),
        ("127.0.0.1", "", False),
        ("127.64.0.1", "", False),
        ("::1", "", False),
    ],
)
def test_what_no_proxy_excepts_is_asked_directly(host: str, no_proxy: str, through: bool) -> None:
    assert used(host, no_proxy) is through
    assert (proxy_for(host, 443, {"https_proxy": PROXY, "no_proxy": no_proxy}) is not None) is through


def test_a_proxy_does_not_show_what_it_wants_to_be_told() -> None:
    assert "dXNlcjpwQHNz" not in repr(proxy_for(ADDRESS, 443, {"HTTPS_PROXY": "http://user:p%40ss@proxy.example"}))


@given(st.text(), st.text())
def test_any_environment_gives_a_proxy_none_or_a_refusal(proxy: str, no_proxy: str) -> None:
    try:
        proxy_for(ADDRESS, 443, {"HTTPS_PROXY": proxy, "NO_PROXY": no_proxy})
    except ConfigurationError as refused:
        assert proxy not in str(refused) or len(proxy) < 5  # noqa: PT017
