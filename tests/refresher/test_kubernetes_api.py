"""Pull secrets in listed namespaces: what is read, what is written and how, and what each refusal does."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from refresher.core import Held
from refresher.errors import (
    ApiCallError,
    ApiDeniedError,
    DeniedError,
    NamespaceMissingError,
    RefreshError,
    SecretRefusedError,
)
from refresher.kubernetes_api import PullSecrets, SecretPlace
from refresher.kubernetes_http import KubernetesHttp
from refresher.patience import Time
from refresher.ports import Outcome
from refresher.pull_secret import CONTENT, LOGINS
from refresher.refresh import Report, refresh
from refresher.service_account import ServiceAccount
from refresher.targets import Target, Targets

from tests.refresher.api_server import ApiServer, Call, Reply, status
from tests.refresher.fakes import CANARY, FRANKFURT, LIFE, NOW, VIRGINIA, Clock, FakeSource, groups
from tests.refresher.secrets import LABELS, NAME, OWNER, RENEWAL, controller, logins_in, ours, targets

EDIT: dict[str, Any] = {"data": {".dockerconfigjson": base64.b64encode(b'{"auths":{}}').decode()}}


@pytest.fixture
def http(pod: dict[str, str]) -> Iterator[KubernetesHttp]:
    made = KubernetesHttp(ServiceAccount(pod), passing=Time(time.monotonic, lambda _seconds: None, lambda: 0.0))
    yield made
    made.close()


def run(http: KubernetesHttp, wanted: Targets, *, force: bool = False, source: FakeSource | None = None) -> Report:
    source = source or FakeSource(Clock())
    with closing(PullSecrets(http, wanted)) as sink:
        return refresh(source, sink, groups(FRANKFURT, VIRGINIA), force=force, clock=source.clock)


def statuses(report: Report) -> dict[str, str]:
    return {outcome.place: outcome.status for outcome in report.outcomes}


def only_failure(report: Report) -> RefreshError:
    (outcome,) = report.outcomes
    assert (outcome.status, outcome.failure is None) == ("failed", False)
    assert outcome.failure is not None
    return outcome.failure


def test_a_secret_that_is_not_there_is_made(api: ApiServer, http: KubernetesHttp) -> None:
    report = run(http, targets("team-a"))
    assert report.outcomes == (Outcome("team-a", "refreshed", NOW + LIFE),)
    assert api.made() == ["GET team-a", "GET team-a", "PATCH team-a"]
    # Before one is made, it is asked for once more, and not from memory.
    assert [call.query for call in api.calls[:2]] == [{"resourceVersion": "0"}, {}]
    body = api.calls[2].body
    assert "resourceVersion" not in body["metadata"]
    assert set(logins_in(body)) == {FRANKFURT, VIRGINIA}
    assert body["metadata"]["ownerReferences"] == [
        {"apiVersion": OWNER.api_version, "kind": "Role", "name": NAME, "uid": OWNER.uid}
    ]


def test_a_fresh_secret_costs_one_read(api: ApiServer, http: KubernetesHttp) -> None:
    run(http, targets("team-a", "team-b"))
    api.calls.clear()
    source = FakeSource(Clock())
    assert statuses(run(http, targets("team-a", "team-b"), source=source)) == {"team-a": "fresh", "team-b": "fresh"}
    assert (sorted(api.made()), source.asked) == (["GET team-a", "GET team-b"], [])
    assert [call.query for call in api.calls] == [{"resourceVersion": "0"}] * 2


def test_a_secret_that_is_replaced_is_named_by_its_version(api: ApiServer, http: KubernetesHttp) -> None:
    held = api.hold(ours())
    run(http, targets("team-a"), force=True)
    assert api.calls[1].body["metadata"]["resourceVersion"] == held["metadata"]["resourceVersion"]
    assert api.secrets["team-a"]["metadata"]["uid"] == held["metadata"]["uid"]


@pytest.mark.parametrize(
    "changes",
    [
        EDIT,
        {"annotations": {**ours()["metadata"]["annotations"], CONTENT: "other"}},
    ],
    ids=["edited", "with another digest"],
)
def test_a_secret_that_was_changed_is_put_right_and_gets_a_new_login(
    api: ApiServer, http: KubernetesHttp, changes: dict[str, Any]
) -> None:
    api.hold(ours(**changes))
    api.hold(ours("team-b"))
    assert statuses(run(http, targets("team-a", "team-b"))) == {"team-b": "fresh", "team-a": "refreshed"}
    # Fetched anew, and not the one that another namespace holds.
    assert logins_in(api.secrets["team-a"]) == {
        FRANKFURT: f"AWS:{CANARY}-eu-central-1-1",
        VIRGINIA: f"AWS:{CANARY}-us-east-1-2",
    }
    assert logins_in(api.secrets["team-b"])[FRANKFURT] == f"AWS:{RENEWAL.logins[0].password}"
    assert statuses(run(http, targets("team-a"))) == {"team-a": "fresh"}


def test_a_secret_that_lost_its_owner_gets_it_back_with_the_login_it_has(api: ApiServer, http: KubernetesHttp) -> None:
    api.hold(ours(ownerReferences=None))
    source = FakeSource(Clock())
    assert statuses(run(http, targets("team-a"), source=source)) == {"team-a": "refreshed"}
    assert api.secrets["team-a"]["data"] == ours()["data"]
    assert api.secrets["team-a"]["metadata"]["ownerReferences"] == ours()["metadata"]["ownerReferences"]
    assert source.asked == []


def test_a_region_that_fails_keeps_its_login_in_each_namespace(api: ApiServer, http: KubernetesHttp) -> None:
    api.hold(ours("team-a"))
    source = FakeSource(Clock(NOW + timedelta(hours=7)), failures={"us-east-1": DeniedError("denied")})
    report = run(http, targets("team-a", "team-b"), source=source)
    assert statuses(report) == {"team-a": "incomplete", "team-b": "incomplete"}
    assert logins_in(api.secrets["team-a"]) == {
        FRANKFURT: f"AWS:{CANARY}-eu-central-1-1",
        VIRGINIA: f"AWS:{RENEWAL.logins[1].password}",
    }
    assert set(logins_in(api.secrets["team-b"])) == {FRANKFURT}
    ends = [entry["expiresAt"] for entry in json.loads(api.secrets["team-a"]["metadata"]["annotations"][LOGINS])]
    assert ends == ["2026-11-24T07:00:00Z", "2026-11-24T00:00:00Z"]
    assert source.asked == ["eu-central-1", "us-east-1"]


def test_a_login_of_esos_is_kept_while_there_is_no_other(api: ApiServer, http: KubernetesHttp) -> None:
    api.hold(ours(annotations={"reconcile.external-secrets.io/data-hash": "x"}, ownerReferences=[controller()]))
    source = FakeSource(Clock(), failures={"us-east-1": DeniedError("denied")})
    assert statuses(run(http, targets("team-a"), source=source)) == {"team-a": "incomplete"}
    assert logins_in(api.secrets["team-a"]) == {
        FRANKFURT: f"AWS:{CANARY}-eu-central-1-1",
        VIRGINIA: f"AWS:{RENEWAL.logins[1].password}",
    }


def test_edited_data_is_told_of(api: ApiServer, http: KubernetesHttp) -> None:
    api.hold(ours(**EDIT))
    assert run(http, targets("team-a")).outcomes[0].note == "data that somebody else changed"


def test_a_secret_that_eso_made_is_taken_over_beside_it(api: ApiServer, http: KubernetesHttp) -> None:
    api.hold(ours(annotations={"reconcile.external-secrets.io/data-hash": "x"}, ownerReferences=[controller()]))
    (outcome,) = run(http, targets("team-a")).outcomes
    assert (outcome.status, outcome.note) == ("refreshed", None)
    owners = api.secrets["team-a"]["metadata"]["ownerReferences"]
    assert [owner["kind"] for owner in owners] == ["ExternalSecret", "Role"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": {}}, "is not everpull's: set everpull:adopt"),
        ({"type": "Opaque"}, "is not of the type kubernetes.io/dockerconfigjson"),
        ({"immutable": True}, "is immutable"),
        ({"ownerReferences": [controller(name="other")]}, "is kept by ExternalSecret other"),
    ],
)
@pytest.mark.parametrize("force", [False, True])
def test_a_secret_that_must_be_left_alone_is_and_the_others_are_served(
    api: ApiServer, http: KubernetesHttp, changes: dict[str, Any], said: str, force: bool
) -> None:
    held = api.hold(ours(**changes))
    report = run(http, targets("team-a", "team-b"), force=force)
    assert statuses(report) == {"team-a": "failed", "team-b": "refreshed"}
    (failure,) = [outcome.failure for outcome in report.outcomes if outcome.failure]
    assert isinstance(failure, SecretRefusedError)
    assert said in str(failure)
    assert api.secrets["team-a"] is held


def test_a_secret_of_somebody_else_is_taken_over_where_that_is_allowed(api: ApiServer, http: KubernetesHttp) -> None:
    api.hold(ours(labels={"theirs": "x"}, annotations=None))
    (outcome,) = run(http, targets("team-a", adopt=True)).outcomes
    assert (outcome.status, outcome.note) == (
        "refreshed",
        "a Secret that was not everpull's, which everpull:adopt allows",
    )
    assert api.secrets["team-a"]["metadata"]["labels"] == {"theirs": "x", **LABELS}
    assert run(http, targets("team-a")).outcomes[0].status == "fresh"


def refuse(reply: Reply, method: str = "GET", namespace: str = "team-a") -> Any:
    return lambda call: reply if (call.method, call.namespace) == (method, namespace) else None


RBAC = 'secrets "x" is forbidden: User "system:serviceaccount:a:b" cannot get resource "secrets" in API group ""'


@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (status(401, "Unauthorized"), ApiDeniedError, "does not accept the service account's token"),
        (status(403, "Forbidden", RBAC), ApiDeniedError, f"system:serviceaccount:a:b may not {{}} secrets {NAME}"),
        (status(403, "Forbidden", CANARY), ApiCallError, "an admission check refused"),
        (status(422, "Invalid", CANARY), ApiCallError, "422 Invalid"),
        (status(429, "TooManyRequests"), ApiCallError, "429 TooManyRequests: the API server is overloaded"),
        (status(500, "InternalError", CANARY), ApiCallError, "500 InternalError"),
        (Reply(301, headers={"Location": "/"}), ApiCallError, ": 301"),
    ],
)
def test_a_refusal_is_the_namespaces_own_and_stops_no_other(
    api: ApiServer, http: KubernetesHttp, method: str, reply: Reply, kind: type[RefreshError], said: str
) -> None:
    verb = {"GET": "get", "PATCH": "patch"}[method]
    api.script = refuse(reply, method)
    report = run(http, targets("team-a", "team-b"))
    assert statuses(report) == {"team-a": "failed", "team-b": "refreshed"}
    failure = next(outcome.failure for outcome in report.outcomes if outcome.failure)
    assert type(failure) is kind
    assert said.format(verb) in str(failure)
    assert (method == "PATCH") is ("PATCH team-a" in api.made())


def test_a_write_that_fails_tells_how_long_the_last_login_lives(api: ApiServer, http: KubernetesHttp) -> None:
    api.hold(ours())
    api.script = refuse(status(500, "InternalError"), "PATCH")
    assert run(http, targets("team-a"), force=True).outcomes[0].expires_at == NOW + LIFE


def test_a_namespace_that_is_missing_is_named_as_such(api: ApiServer, http: KubernetesHttp) -> None:
    api.script = refuse(status(404, "NotFound", kind="namespaces", name="team-a"), "PATCH")
    assert isinstance(only_failure(run(http, targets("team-a"))), NamespaceMissingError)


def test_a_namespace_that_was_not_there_at_deploy_time_is_told_of_and_not_asked_for(
    api: ApiServer, http: KubernetesHttp
) -> None:
    (missing, served) = run(http, targets("team-a", missing=("team-x",))).outcomes
    assert (missing.place, missing.status, missing.failure) == ("team-x", "left out", None)
    assert (
        missing.note == "the namespace is listed and was not there at deploy time: make it, and `pulumi up` serves it"
    )
    assert (served.place, served.status) == ("team-a", "refreshed")
    assert not [call for call in api.calls if "team-x" in call.path]


def test_a_namespace_that_is_being_deleted_is_left_out(api: ApiServer, http: KubernetesHttp) -> None:
    api.script = refuse(status(403, "Forbidden", causes=[{"reason": "NamespaceTerminating"}]), "PATCH")
    assert run(http, targets("team-a")).outcomes == (
        Outcome("team-a", "left out", note="the namespace is being deleted"),
    )


def test_a_connection_that_breaks_is_borne(api: ApiServer, http: KubernetesHttp) -> None:
    broken = [Reply(200, cut=10), Reply(200, cut=0)]
    api.script = lambda call: broken.pop() if call.method == "PATCH" and broken else None
    assert statuses(run(http, targets("team-a"))) == {"team-a": "refreshed"}
    assert api.made().count("PATCH team-a") == 3


def changing(api: ApiServer, times: int, **changes: Any) -> Any:
    """Somebody who changes the Secret just before it is written, so often."""
    left = [times]

    def script(call: Call) -> Reply | None:
        if call.method == "PATCH" and left[0] > 0:
            left[0] -= 1
            api.hold(ours(**changes))
        return None

    return script


def test_a_secret_that_changed_meanwhile_is_read_and_judged_again(api: ApiServer, http: KubernetesHttp) -> None:
    api.hold(ours())
    api.script = changing(api, 2, labels={**LABELS, "theirs": "x"})
    assert statuses(run(http, targets("team-a"), force=True)) == {"team-a": "refreshed"}
    assert api.made() == ["GET team-a", "PATCH team-a"] * 3
    assert [call.query for call in api.calls if call.method == "GET"] == [{"resourceVersion": "0"}, {}, {}]
    assert api.secrets["team-a"]["metadata"]["labels"]["theirs"] == "x"


def test_a_secret_that_became_somebody_elses_meanwhile_is_left_alone(api: ApiServer, http: KubernetesHttp) -> None:
    api.hold(ours())
    api.script = changing(api, 1, labels={})
    assert isinstance(only_failure(run(http, targets("team-a"), force=True)), SecretRefusedError)
    assert api.secrets["team-a"]["metadata"]["labels"] == {}


def test_a_memory_that_is_behind_harms_nobody(api: ApiServer, http: KubernetesHttp) -> None:
    old = ours("made")
    changed = api.hold(ours("changed"))
    api.hold(ours("changed", labels={"theirs": "x"}))
    api.hold(ours("made", labels={"theirs": "x"}))
    api.hold(ours("put-right"))

    def script(call: Call) -> Reply | None:
        if call.query != {"resourceVersion": "0"}:
            return None
        remembered = {"made": None, "changed": changed, "put-right": {**old, "type": "Opaque"}}[call.namespace]
        return status(404, "NotFound") if remembered is None else Reply(200, {**remembered, "kind": "Secret"})

    api.script = script
    report = run(http, targets("made", "changed", "put-right"), force=True)
    # Neither somebody's Secret is overwritten; what memory refuses wrongly is served by the next run.
    assert set(statuses(report).values()) == {"failed"}
    assert all(api.secrets[name]["metadata"]["labels"] == {"theirs": "x"} for name in ("made", "changed"))


def test_a_secret_that_never_holds_still_is_given_up_for_this_run(api: ApiServer, http: KubernetesHttp) -> None:
    api.hold(ours())
    api.script = changing(api, 99)
    failure = only_failure(run(http, targets("team-a"), force=True))
    assert "409 Conflict: somebody else kept changing it" in str(failure)
    assert api.made().count("PATCH team-a") == 3


@pytest.mark.parametrize(
    "body", [b"", b"<html>sign in</html>", {"kind": "Status"}, {"kind": "SecretList", "items": []}]
)
def test_an_answer_that_is_no_secret_is_not_taken_for_one(api: ApiServer, http: KubernetesHttp, body: Any) -> None:
    api.script = refuse(Reply(200, body))
    assert "is no Secret" in str(only_failure(run(http, targets("team-a"))))


@pytest.mark.parametrize("body", [b"", b"<html>sign in</html>"])
def test_an_answer_to_a_write_that_says_nothing_is_not_taken_for_success(
    api: ApiServer, http: KubernetesHttp, body: bytes
) -> None:
    api.script = refuse(Reply(200, body), "PATCH")
    assert "is no object" in str(only_failure(run(http, targets("team-a"))))


def test_many_namespaces_are_asked_at_once_but_not_all_of_them(api: ApiServer, http: KubernetesHttp) -> None:
    names = [f"team-{number}" for number in range(60)]
    api.script = lambda call: time.sleep(0.01)
    report = run(http, targets(*names))
    assert sorted(outcome.place for outcome in report.outcomes) == sorted(names)
    assert set(statuses(report).values()) == {"refreshed"}
    assert 2 < api.busiest <= 8
    assert api.connections <= 8
    assert len(api.calls) == 180


def test_a_place_does_not_show_what_it_holds() -> None:
    place = SecretPlace("team-a", Held(RENEWAL.logins), target=Target("team-a", OWNER))
    assert CANARY not in repr(place)


def test_without_a_selector_nothing_is_ever_deleted(api: ApiServer, http: KubernetesHttp) -> None:
    api.hold(ours("elsewhere"))
    with closing(PullSecrets(http, targets("team-a"))) as sink:
        refresh(FakeSource(Clock()), sink, groups(FRANKFURT), force=True, clock=Clock())
        assert list(sink.retire()) == []
    assert {call.method for call in api.calls} == {"GET", "PATCH"}
