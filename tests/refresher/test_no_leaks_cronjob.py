"""The canaries of the Kubernetes path: the logins, the service account's token, a proxy's password, a tenant's own data.

They are looked for in all that leaves the process, and in every error with all that it carries.
"""

import base64
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from refresher import __main__ as entry
from refresher.ports import Outcome

from tests.refresher.api_server import TOKEN, ApiServer, Reply, Script, labelled, status
from tests.refresher.aws_server import AwsServer, Refusal
from tests.refresher.fakes import CANARY
from tests.refresher.hearing import everything_in, found, listening
from tests.refresher.secrets import CLUSTER_OWNER, controller, logins_in, ours, targets_file

# What every one of them has in it; names of a test's own are free of it.
MARK = "canary-"
Change = Callable[[ApiServer, AwsServer, pytest.MonkeyPatch], None]


def scripted(script: Script) -> Change:
    def change(api: ApiServer, _aws: AwsServer, _monkeypatch: pytest.MonkeyPatch) -> None:
        api.script = script

    return change


def on(method: str, reply: Reply) -> Change:
    return scripted(lambda call: reply if call.method == method else None)


def echoing(method: str, code: int, reason: str) -> Change:
    """A refusal that quotes the request, as the messages of a 422 and of webhooks do."""

    def script(call: Any) -> Reply | None:
        if call.method != method:
            return None
        said = f"{call.body} {call.headers}"
        return status(
            code, reason, said, causes=[{"reason": said, "field": said, "message": said}], kind=said, name=said
        )

    return scripted(script)


def holding(**changes: Any) -> Change:
    def change(api: ApiServer, _aws: AwsServer, _monkeypatch: pytest.MonkeyPatch) -> None:
        api.hold(ours(**changes))

    return change


def breaking(target: str) -> Change:
    """A fault in our own code, at a point where secrets are at hand, in an exception that quotes them."""

    def change(_api: ApiServer, _aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*args: object, **kwargs: object) -> None:
            raise ValueError(f"{CANARY} {args} {kwargs}")

        monkeypatch.setattr(target, broken)

    return change


def aws_refusing(reply: Any) -> Change:
    def change(_api: ApiServer, aws: AwsServer, _monkeypatch: pytest.MonkeyPatch) -> None:
        aws.answers["GetAuthorizationToken"] = lambda call: reply

    return change


def environment(name: str, value: str) -> Change:
    def change(_api: ApiServer, _aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "kubernetes.invalid")
        monkeypatch.setenv(name, value)

    return change


def token_file(content: str) -> Change:
    def change(_api: ApiServer, _aws: AwsServer, _monkeypatch: pytest.MonkeyPatch) -> None:
        with open(os.environ["EVERPULL_SERVICE_ACCOUNT"] + "/token", "w") as file:  # noqa: PTH123
            file.write(content)

    return change


def selecting(api: ApiServer, _aws: AwsServer, _monkeypatch: pytest.MonkeyPatch) -> None:
    owner = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "name": "x", "uid": CLUSTER_OWNER.uid}
    selector = {"labelSelector": "team=a", "excluded": [], "owner": owner}
    with open(os.environ["EVERPULL_TARGETS"], "w") as file:  # noqa: PTH123
        file.write(targets_file("team-a", selector=selector))
    api.namespaces = labelled("team-b")
    api.hold(ours("left", ownerReferences=[owner]))


def passing_fault(api: ApiServer, _aws: AwsServer, _monkeypatch: pytest.MonkeyPatch) -> None:
    faults = [Reply(200, cut=0), status(500, CANARY, CANARY)]
    api.script = lambda call: faults.pop() if faults else None


THEIR_DATA = {"data": {"theirs": base64.b64encode(CANARY.encode()).decode(), "plain": CANARY}}
HTML = Reply(200, f"<html>{CANARY}</html>".encode())

FAILURES: dict[str, Change] = {
    **{
        f"{method} answered {code}": echoing(method, code, reason)
        for method in ("GET", "PATCH")
        for code, reason in (
            (400, "BadRequest"),
            (403, "Forbidden"),
            (409, "Conflict"),
            (422, "Invalid"),
            (500, CANARY),
        )
    },
    "an odd answer to a read": on("GET", HTML),
    "an odd answer to a write": on("PATCH", HTML),
    "an answer cut off": scripted(lambda call: Reply(200, f"{CANARY}" * 100, cut=900)),
    "not HTTP": scripted(lambda call: Reply(f"{CANARY}", cut=500)),  # pyright: ignore[reportArgumentType]
    "somebody's data": holding(labels={}, **THEIR_DATA),
    "somebody's data of another type": holding(type="Opaque", **THEIR_DATA),
    "somebody's name": holding(ownerReferences=[controller(name=f"{CANARY} and more")]),
    "somebody's kind": holding(ownerReferences=[controller(kind=f"{CANARY} and more")]),
    "an unknown token": scripted(lambda call: status(401, CANARY, str(call.headers))),
    "a token that is none": token_file(f"{TOKEN} {TOKEN}"),
    "a token with a header in it": token_file(f"{TOKEN}\r\nX: {TOKEN}"),
    "a proxy that is none": environment("HTTPS_PROXY", f"socks5://user:{CANARY}@proxy.invalid"),
    "a proxy that is not there": environment("HTTPS_PROXY", f"http://user:{CANARY}@127.0.0.1:9"),
    "a denied login": aws_refusing(Refusal("AccessDeniedException", CANARY)),
    "an odd login": aws_refusing({"authorizationData": [{"authorizationToken": CANARY, "expiresAt": 4102444800}]}),
    "a fault in judging": breaking("refresher.refresh.is_fresh"),
    "a fault in reading": breaking("refresher.kubernetes_api.held_in"),
    "a fault in writing": breaking("refresher.kubernetes_api.manifest"),
    "a fault in sending": breaking("refresher.kubernetes_http.exchange"),
    "a fault in the report": breaking("refresher.__main__.summary"),
}

SUCCESSES: dict[str, Change] = {
    "a first run": lambda _api, _aws, _monkeypatch: None,
    "edited data": holding(**THEIR_DATA),
    "handed over": holding(ownerReferences=[controller()], **THEIR_DATA),
    "a selection": selecting,
    "a fault that passes": passing_fault,
}


@pytest.fixture
def heard(cronjob: ApiServer, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[Any]:
    with listening(caplog, capfd) as everything:
        yield everything


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> list[Outcome]:
    """The outcomes of every place, with their errors, as the entry gets to see them."""
    seen: list[Outcome] = []
    told = entry.failures

    def failures(report: Any, retired: Any) -> list[Outcome]:
        seen.extend([*report.outcomes, *retired])
        return told(report, retired)

    monkeypatch.setattr(entry, "failures", failures)
    return seen


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refresher.backoff.FIRST_WAIT_SECONDS", 0.0)


@pytest.mark.parametrize("name", FAILURES)
def test_no_failure_tells_a_secret(
    cronjob: ApiServer,
    aws: AwsServer,
    heard: Callable[[], str],
    outcomes: list[Outcome],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    cronjob.hold(ours("team-b"))
    FAILURES[name](cronjob, aws, monkeypatch)
    assert entry.main([], os.environ) in (1, 2)
    told = heard()
    assert '"event": "refresh"' in told
    assert not found(told, MARK)
    for outcome in outcomes:
        assert not found(repr(outcome), MARK)
        assert outcome.failure is None or not found(everything_in(outcome.failure), MARK)


@pytest.mark.parametrize("name", SUCCESSES)
def test_no_success_tells_a_secret(
    cronjob: ApiServer,
    aws: AwsServer,
    heard: Callable[[], str],
    outcomes: list[Outcome],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    SUCCESSES[name](cronjob, aws, monkeypatch)
    for _ in range(2):
        assert entry.main([], os.environ) == 0
    assert all(CANARY in login for secret in cronjob.secrets.values() for login in logins_in(secret).values())
    assert TOKEN in cronjob.calls[0].headers["authorization"]
    assert not found(heard(), MARK)
    assert not found(repr(outcomes), MARK)


def test_no_secret_travels_back_from_a_write(cronjob: ApiServer) -> None:
    entry.main([], os.environ)
    accepted = {call.headers["accept"] for call in cronjob.calls if call.method == "PATCH"}
    assert accepted == {"application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"}


def test_the_search_would_find_what_a_line_of_ours_says(cronjob: ApiServer, heard: Callable[[], str]) -> None:
    entry.main(["--reason", CANARY], os.environ)
    assert found(heard(), MARK)


def test_the_search_would_find_a_login_in_what_is_written(cronjob: ApiServer) -> None:
    entry.main([], os.environ)
    assert found(base64.b64decode(cronjob.secrets["team-a"]["data"][".dockerconfigjson"]).decode(), MARK)
