"""Registries on real connections, which the doctor tries with the stack's login and looks into with the caller's."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from components.aws_reads import Denied, Missing, Unanswered
from doctor.registry_access import HttpRegistries
from lambda_src.refresher.images import parse_image
from tests.doctor.fakes import FakeAws
from tests.doctor.worlds import CANARY, HOST, login
from tests.refresher.conftest import PROXY_VARIABLES
from tests.refresher.registry_server import Registry, Reply, denied, registry_server

TOKEN = base64.b64encode(b"AWS:callers-own").decode()
CALLER = FakeAws({"ecr get_authorization_token": {"authorizationData": [{"authorizationToken": TOKEN}]}})
IMAGE = parse_image(f"{HOST}/team-a/app:1")


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with registry_server(tmp_path) as running:
        monkeypatch.setenv("HTTPS_PROXY", running.proxy)
        monkeypatch.setenv("AWS_CA_BUNDLE", running.authority)
        yield running


def test_a_tag_is_looked_for_with_the_callers_login(registry: Registry) -> None:
    assert HttpRegistries().some_tag(CALLER, HOST, "team-a/app") == "1"
    assert registry.asked == [f"{HOST} /v2/team-a/app/tags/list?n=20"]
    assert registry.authorizations == [f"Basic {TOKEN}"]


def test_signatures_are_no_images_where_there_is_another(registry: Registry) -> None:
    registry.script = lambda _: Reply(200, {"tags": ["sha256-1.sig", "2"]})
    assert HttpRegistries().some_tag(CALLER, HOST, "team-a/app") == "2"
    registry.script = lambda _: Reply(200, {"tags": None})
    assert HttpRegistries().some_tag(CALLER, HOST, "team-a/app") is None


@pytest.mark.parametrize(
    ("reply", "raised"),
    [
        (lambda: Reply(404), Missing),
        (lambda: denied("ecr:ListImages"), Denied),
        (lambda: Reply(401), Denied),
        (lambda: Reply(418), Unanswered),
        (lambda: Reply(503), Unanswered),
    ],
)
def test_what_is_refused_is_told_apart(registry: Registry, reply: Callable[[], Reply], raised: type[Exception]) -> None:
    registry.script = lambda _: reply()
    with pytest.raises(raised):
        HttpRegistries().some_tag(CALLER, HOST, "team-a/app")


def test_logins_and_images_are_tried_with_the_stacks_login(registry: Registry) -> None:
    one = login()
    (taken,) = HttpRegistries().try_logins([one])
    (pulls,) = HttpRegistries().try_pulls([IMAGE], [one])
    assert (taken.status, pulls.status) == ("taken", "pulls")
    expected = base64.b64encode(f"AWS:{one.password}".encode()).decode()
    assert set(registry.authorizations) == {f"Basic {expected}"}
    assert CANARY not in str(taken) + str(pulls)


def test_without_images_nothing_is_asked(registry: Registry) -> None:
    assert HttpRegistries().try_pulls([], [login()]) == ()
    assert registry.asked == []
