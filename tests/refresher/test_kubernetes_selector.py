"""Pull secrets in namespaces that a label selects: found by lists, served, and taken back from those that left."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from refresher.errors import ApiCallError, ApiDeniedError
from refresher.kubernetes_api import PullSecrets
from refresher.kubernetes_http import KubernetesHttp
from refresher.patience import Time
from refresher.ports import Outcome
from refresher.refresh import Report, refresh
from refresher.service_account import ServiceAccount
from refresher.targets import Selector, Targets

from tests.refresher.api_server import ApiServer, Call, Reply, labelled, status
from tests.refresher.fakes import FRANKFURT, Clock, FakeSource, groups
from tests.refresher.secrets import CLUSTER_OWNER, LABELS, NAME, OWNER, controller, ours, targets

CLUSTER_REFERENCE = {
    "apiVersion": CLUSTER_OWNER.api_version,
    "kind": "ClusterRole",
    "name": NAME,
    "uid": CLUSTER_OWNER.uid,
}


@pytest.fixture
def http(pod: dict[str, str]) -> Iterator[KubernetesHttp]:
    made = KubernetesHttp(ServiceAccount(pod), passing=Time(time.monotonic, lambda _seconds: None, lambda: 0.0))
    yield made
    made.close()


def selecting(*listed: str, excluded: tuple[str, ...] = (), missing: tuple[str, ...] = ()) -> Targets:
    return targets(*listed, selector=Selector("team=a", frozenset(excluded), CLUSTER_OWNER), missing=missing)


def run(http: KubernetesHttp, wanted: Targets, *, force: bool = False) -> tuple[Report, list[Outcome]]:
    """The refresh and what was taken back after it."""
    clock = Clock()
    with closing(PullSecrets(http, wanted)) as sink:
        report = refresh(FakeSource(clock), sink, groups(FRANKFURT), force=force, clock=clock)
        return report, list(sink.retire())


def statuses(report: Report) -> dict[str, str]:
    return {outcome.place: outcome.status for outcome in report.outcomes}


def selected(namespace: str, **changes: Any) -> dict[str, Any]:
    """A Secret that an earlier run wrote because the label selected its namespace."""
    return ours(namespace, **{"ownerReferences": [CLUSTER_REFERENCE], **changes})


def test_two_lists_are_all_that_a_fresh_run_asks(api: ApiServer, http: KubernetesHttp) -> None:
    api.namespaces = labelled("team-a", "team-b", "team-c")
    report, _ = run(http, selecting())
    assert statuses(report) == {"team-a": "refreshed", "team-b": "refreshed", "team-c": "refreshed"}
    assert api.secrets["team-a"]["metadata"]["ownerReferences"] == [CLUSTER_REFERENCE]
    api.calls.clear()
    report, retired = run(http, selecting())
    assert (set(statuses(report).values()), retired) == ({"fresh"}, [])
    assert [(call.method, call.path, call.query) for call in api.calls] == [
        ("GET", "/api/v1/namespaces", {"labelSelector": "team=a", "limit": "200"}),
        ("GET", "/api/v1/secrets", {"fieldSelector": f"metadata.name={NAME}", "limit": "200"}),
    ]
    assert "PartialObjectMetadataList" in api.calls[0].headers["accept"]


def test_a_listed_namespace_that_was_missing_is_served_by_its_labels_once_it_is_there(
    api: ApiServer, http: KubernetesHttp
) -> None:
    api.namespaces = labelled("team-a", "team-new")
    report, _ = run(http, selecting("team-a", missing=("team-new", "team-x")))
    assert sorted((outcome.place, outcome.status) for outcome in report.outcomes) == [
        ("team-a", "refreshed"),
        ("team-new", "refreshed"),
        ("team-x", "left out"),
    ]
    assert api.secrets["team-new"]["metadata"]["ownerReferences"] == [CLUSTER_REFERENCE]


def test_a_missing_namespace_is_told_of_where_labels_cannot_be_looked_at_too(
    api: ApiServer, http: KubernetesHttp
) -> None:
    api.script = lambda call: Reply(500, {}) if call.path == "/api/v1/namespaces" else None
    report, _ = run(http, selecting("team-a", missing=("team-x",)))
    assert statuses(report) == {"(all namespaces)": "failed", "team-x": "left out", "team-a": "refreshed"}


@pytest.mark.parametrize("page", [1, 2, 7])
def test_long_lists_come_in_pages(api: ApiServer, http: KubernetesHttp, page: int) -> None:
    names = [f"team-{number}" for number in range(7)]
    api.namespaces, api.page = labelled(*names), page
    run(http, selecting())
    api.calls.clear()
    report, _ = run(http, selecting())
    assert statuses(report) == dict.fromkeys(names, "fresh")
    assert len(api.calls) == 2 * -(-7 // page)


def test_excluded_namespaces_are_not_served(api: ApiServer, http: KubernetesHttp) -> None:
    api.namespaces = labelled("team-a", "kube-system")
    assert statuses(run(http, selecting(excluded=("kube-system",)))[0]) == {"team-a": "refreshed"}


def test_listed_namespaces_are_served_beside_the_selected_ones_under_their_own_role(
    api: ApiServer, http: KubernetesHttp
) -> None:
    api.namespaces = labelled("team-a", "both")
    assert set(statuses(run(http, selecting("listed", "both"))[0])) == {"listed", "both", "team-a"}
    kinds = {name: secret["metadata"]["ownerReferences"][0]["kind"] for name, secret in api.secrets.items()}
    assert kinds == {"listed": "Role", "both": "Role", "team-a": "ClusterRole"}
    assert set(statuses(run(http, selecting("listed", "both"))[0]).values()) == {"fresh"}


def test_a_namespace_that_is_being_deleted_is_left_out(api: ApiServer, http: KubernetesHttp) -> None:
    api.namespaces = labelled("team-a") | labelled("dying", "listed", deletionTimestamp="2026-11-23T12:00:00Z")
    api.hold(selected("dying"))
    report, retired = run(http, selecting("listed"))
    assert statuses(report) == {"team-a": "refreshed", "dying": "left out", "listed": "left out"}
    assert [outcome.note for outcome in report.outcomes if outcome.note] == ["the namespace is being deleted"] * 2
    assert retired == []


def test_a_namespace_that_left_the_selection_loses_the_secret_after_the_writes(
    api: ApiServer, http: KubernetesHttp
) -> None:
    api.namespaces = labelled("team-a", "left", "excluded")
    run(http, selecting())
    version = api.secrets["left"]["metadata"]["resourceVersion"]
    del api.namespaces["left"]
    api.calls.clear()
    report, retired = run(http, selecting(excluded=("excluded",)), force=True)
    assert statuses(report) == {"team-a": "refreshed"}
    assert sorted(retired, key=lambda outcome: outcome.place) == [
        Outcome("excluded", "removed"),
        Outcome("left", "removed"),
    ]
    assert set(api.secrets) == {"team-a"}
    assert [call.method for call in api.calls] == ["GET", "GET", "PATCH", "GET", "DELETE", "DELETE"]
    body = next(call.body for call in api.calls if str(call) == "DELETE left")
    assert body["preconditions"] == {"uid": "uid-of-left", "resourceVersion": version}


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": {}},
        {"labels": {**LABELS, "app.kubernetes.io/instance": "other"}},
        {"ownerReferences": None},
        {"ownerReferences": [{**CLUSTER_REFERENCE, "uid": "another stack's"}]},
        {"ownerReferences": [CLUSTER_REFERENCE, controller()]},
        {"ownerReferences": [CLUSTER_REFERENCE, controller(name="other")]},
    ],
    ids=["no labels", "another stack's labels", "no owner", "another owner", "our ExternalSecret's", "somebody's"],
)
def test_what_is_not_wholly_ours_is_never_taken_away(
    api: ApiServer, http: KubernetesHttp, changes: dict[str, Any]
) -> None:
    api.namespaces = labelled("team-a")
    api.hold(selected("left", **changes))
    assert run(http, selecting())[1] == []
    assert "left" in api.secrets


def test_a_listed_namespace_keeps_its_secret_though_no_label_selects_it(api: ApiServer, http: KubernetesHttp) -> None:
    api.hold(selected("listed"))
    report, retired = run(http, selecting("listed"))
    # It had been selected before, and gets the owner that goes with being listed.
    assert (statuses(report), retired) == ({"listed": "refreshed"}, [])
    assert OWNER.uid in [owner["uid"] for owner in api.secrets["listed"]["metadata"]["ownerReferences"]]


def test_a_namespace_that_was_labelled_meanwhile_keeps_what_another_run_gave_it(
    api: ApiServer, http: KubernetesHttp
) -> None:
    api.namespaces = labelled("team-a")
    api.hold(selected("new"))

    def script(call: Call) -> None:
        if call.path == "/api/v1/secrets":
            api.namespaces |= labelled("new")

    api.script = script
    assert run(http, selecting())[1] == []
    assert "new" in api.secrets


def test_a_secret_that_is_changed_or_gone_by_then_is_left_to_the_next_run(api: ApiServer, http: KubernetesHttp) -> None:
    for name in ("changed", "gone"):
        api.hold(selected(name))

    def script(call: Call) -> None:
        if str(call) == "DELETE changed":
            api.hold(selected("changed"))
        if str(call) == "DELETE gone":
            api.secrets.pop("gone", None)

    api.script = script
    assert sorted(run(http, selecting())[1], key=lambda outcome: outcome.place) == [
        Outcome("changed", "left out", note="the Secret to be removed was changed just now"),
        Outcome("gone", "removed"),
    ]
    assert set(api.secrets) == {"changed"}


def test_a_removal_that_is_refused_is_reported(api: ApiServer, http: KubernetesHttp) -> None:
    api.hold(selected("left"))
    denied = status(403, "Forbidden", 'User "system:serviceaccount:a:b" cannot delete resource "secrets"')
    api.script = lambda call: denied if call.method == "DELETE" else None
    (outcome,) = run(http, selecting())[1]
    assert isinstance(outcome.failure, ApiDeniedError)
    assert f"may not delete secrets {NAME} in all namespaces: ClusterRole {NAME}" in str(outcome.failure)


@pytest.mark.parametrize("path", ["/api/v1/namespaces", "/api/v1/secrets"])
def test_a_list_that_is_refused_is_reported_and_all_that_can_be_known_is_served(
    api: ApiServer, http: KubernetesHttp, path: str
) -> None:
    api.namespaces = labelled("team-a")
    api.hold(selected("left"))
    denied = status(403, "Forbidden", 'User "system:serviceaccount:a:b" cannot list resource "x"')
    api.script = lambda call: denied if call.path == path else None
    report, retired = run(http, selecting("listed"))
    known = {"listed": "refreshed", **({"team-a": "refreshed"} if path.endswith("secrets") else {})}
    assert statuses(report) == {"(all namespaces)": "failed", **known}
    failure = report.outcomes[0].failure
    assert f"may not list {path.rpartition('/')[2]}" in str(failure)
    assert f"in all namespaces: ClusterRole {NAME} and its binding allow it" in str(failure)
    # What left the selection can't be known, so nothing is taken away.
    assert retired == []
    assert "left" in api.secrets


def test_when_it_cannot_be_asked_again_who_is_selected_nothing_is_removed(api: ApiServer, http: KubernetesHttp) -> None:
    api.namespaces = labelled("team-a")
    api.hold(selected("left"))
    seen: list[Call] = []

    def script(call: Call) -> Reply | None:
        if call.path == "/api/v1/namespaces":
            seen.append(call)
        return status(500, "InternalError") if len(seen) > 1 else None

    api.script = script
    report, (outcome,) = run(http, selecting())
    assert statuses(report) == {"team-a": "refreshed"}
    assert (outcome.place, outcome.status) == ("(all namespaces)", "failed")
    assert "left" in api.secrets


def expiring(api: ApiServer, times: int) -> None:
    """Lets the second page of the Secrets' list come too late, so often."""
    left = [times]

    def script(call: Call) -> Reply | None:
        if call.path == "/api/v1/secrets" and "continue" in call.query and left[0] > 0:
            left[0] -= 1
            return status(410, "Expired")
        return None

    api.script = script


@pytest.mark.parametrize("times", [1, 2])
def test_a_list_that_expired_is_begun_again_and_no_namespace_comes_twice(
    api: ApiServer, http: KubernetesHttp, times: int
) -> None:
    api.namespaces, api.page = labelled("team-a", "team-b", "team-c"), 1
    api.hold(ours("listed"))
    run(http, selecting("listed"))
    expiring(api, times)
    report, retired = run(http, selecting("listed"))
    assert sorted(outcome.place for outcome in report.outcomes) == ["listed", "team-a", "team-b", "team-c"]
    assert (set(statuses(report).values()), retired) == ({"fresh"}, [])


def test_a_listed_namespace_that_comes_twice_does_not_lose_its_secret(api: ApiServer, http: KubernetesHttp) -> None:
    api.namespaces, api.page = labelled("team-a"), 1
    api.hold(selected("listed"))
    api.hold(selected("team-a"))
    expiring(api, 1)
    report, retired = run(http, selecting("listed"))
    assert (set(statuses(report)), retired) == ({"listed", "team-a"}, [])
    assert "listed" in api.secrets


def test_a_list_that_always_expires_is_reported_and_the_rest_is_read_one_by_one(
    api: ApiServer, http: KubernetesHttp
) -> None:
    api.namespaces, api.page = labelled("team-a", "team-b"), 1
    run(http, selecting())
    expiring(api, 99)
    report, _ = run(http, selecting())
    assert statuses(report) == {"team-a": "fresh", "(all namespaces)": "failed", "team-b": "fresh"}
    assert "410 Expired" in str(next(outcome.failure for outcome in report.outcomes if outcome.failure))


@pytest.mark.parametrize("path", ["/api/v1/namespaces", "/api/v1/secrets"])
@pytest.mark.parametrize("body", [b"<html>", {"kind": "Status"}, {}])
def test_an_answer_that_is_no_list_is_not_taken_for_an_empty_one(
    api: ApiServer, http: KubernetesHttp, path: str, body: Any
) -> None:
    api.namespaces = labelled("team-a")
    api.hold(selected("left"))
    api.script = lambda call: Reply(200, body) if call.path == path else None
    report, retired = run(http, selecting())
    failure = report.outcomes[0].failure
    assert isinstance(failure, ApiCallError)
    assert str(failure).endswith(" is no list")
    assert retired == []
