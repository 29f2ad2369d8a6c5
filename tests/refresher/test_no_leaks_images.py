"""The canaries of trying images: logins, the tokens given for them, signed links to layers, whatever a registry says."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from refresher import __main__ as job_entry
from refresher import handler
from refresher.errors import RefreshError

from tests.refresher.api_server import ApiServer
from tests.refresher.aws_server import AwsServer
from tests.refresher.fakes import CANARY, FRANKFURT
from tests.refresher.hearing import everything_in, found, listening
from tests.refresher.registry_server import LINK, Registry, Reply, denied
from tests.refresher.test_handler import Context

MARK = "canary-"
PUBLIC = "public.ecr.aws"
CHALLENGE = Reply(
    401, {}, {"WWW-Authenticate": f'Bearer realm="https://{PUBLIC}/token/",service="{PUBLIC}",scope="{CANARY}"'}
)
Change = Callable[[Registry, pytest.MonkeyPatch], None]


def on(part: str, reply: Reply) -> Change:
    """Of a private registry, and of ECR Public once its token is given."""

    def change(registry: Registry, _monkeypatch: pytest.MonkeyPatch) -> None:
        def script(path: str) -> Reply | None:
            if part in path:
                return reply
            if path == "/v2/":
                return CHALLENGE
            return Reply(200, {"token": f"{CANARY}-bearer"}) if path.startswith("/token/") else None

        registry.script = script

    return change


def breaking(target: str) -> Change:
    def change(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
        on("nothing", Reply())(registry, monkeypatch)

        def broken(*args: object, **kwargs: object) -> None:
            raise ValueError(f"{CANARY} {args} {kwargs}")

        monkeypatch.setattr(target, broken)

    return change


def proxy(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{CANARY}@127.0.0.1:9")


CHANGES: dict[str, Change] = {
    "pulls": on("nothing", Reply()),
    "a denied manifest": on("/manifests/", denied(f"User: arn:aws:iam::1:user/x is not authorized: {CANARY}")),
    "a denial that quotes": on(
        "/manifests/",
        denied(f"User: {CANARY} is not authorized to perform: ecr:BatchGetImage on resource: {CANARY}"),
    ),
    "a denied layer": on("/blobs/", denied(CANARY)),
    "no login": on("/manifests/", denied(CANARY, 401)),
    "an old login": on("/manifests/", denied(f"authorization token {CANARY}")),
    "no image": on("/manifests/", denied(CANARY, 404)),
    "a layer elsewhere": on("/blobs/", Reply(302, CANARY.encode(), {"Location": LINK})),
    "a layer here": on("/blobs/", Reply(200, CANARY.encode())),
    "a manifest elsewhere": on("/manifests/", Reply(302, b"", {"Location": LINK})),
    "down": on("/manifests/", denied(CANARY, 500)),
    "no manifest": on("/manifests/", Reply(200, CANARY.encode())),
    "odd tags": on("/tags/", Reply(200, {"tags": [f"{CANARY} x", {"a": CANARY}]})),
    "odd layers": on("/manifests/", Reply(200, {"layers": [{"digest": CANARY}], "manifests": [{"digest": CANARY}]})),
    "no token": on("/token/", denied(CANARY, 400)),
    "an odd token": on("/token/", Reply(200, {"token": f"{CANARY}\r\nX: {CANARY}"})),
    "a challenge to elsewhere": on(
        "/v2/", Reply(401, {}, {"WWW-Authenticate": f'Bearer realm="https://{CANARY}.example/"'})
    ),
    "a proxy that is not there": proxy,
    "a fault in asking": breaking("refresher.pulling._Pull._get"),
    "a fault in sending": breaking("refresher.registry_http.RegistryHttp._once"),
    "a fault in judging": breaking("refresher.pulling.parse_denial"),
    "a fault in telling": breaking("refresher.verification.tell"),
}


@pytest.fixture
def message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "termination-log"
    path.touch()
    monkeypatch.setattr(job_entry, "_MESSAGE", path)
    return path


@pytest.fixture
def heard(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[Any]:
    with listening(caplog, capfd) as everything:
        yield everything


def want(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERPULL_REGISTRIES", f"{FRANKFURT},{PUBLIC}")
    monkeypatch.setenv("EVERPULL_VERIFY_IMAGES", f"{FRANKFURT}/app:1,{FRANKFURT}/any,{PUBLIC}/alias/app:1")


@pytest.mark.parametrize("may_fail", [False, True], ids=["fails", "goes on"])
@pytest.mark.parametrize("name", CHANGES)
def test_a_function_tells_nothing_of_what_it_tries_images_with(
    function: AwsServer,
    registry: Registry,
    heard: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    may_fail: bool,
) -> None:
    want(monkeypatch)
    CHANGES[name](registry, monkeypatch)
    told = ""
    try:
        told = repr(handler.handle({"imagesMayFail": may_fail}, Context()))
    except RefreshError as error:
        told = everything_in(error)
    assert CANARY in str(function.secret)
    assert not found(told, MARK)
    assert not found(heard(), MARK)


@pytest.mark.parametrize("name", CHANGES)
def test_a_cronjob_tells_nothing_of_what_it_tries_images_with(
    cronjob: ApiServer,
    registry: Registry,
    heard: Callable[[], str],
    message: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    want(monkeypatch)
    CHANGES[name](registry, monkeypatch)
    assert job_entry.main([], os.environ) in (0, 1)
    assert '"status"' in message.read_text()
    assert not found(message.read_text(), MARK)
    told = heard()
    assert '"event": "refresh"' in told
    assert not found(told, MARK)


def test_the_search_would_find_what_an_image_is_tried_with(
    function: AwsServer, registry: Registry, heard: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    want(monkeypatch)
    on("nothing", Reply())(registry, monkeypatch)
    handler.handle({}, Context())
    assert found(" ".join(registry.authorizations), MARK)
    assert any("Bearer" in authorization for authorization in registry.authorizations)
    assert not found(heard(), MARK)
