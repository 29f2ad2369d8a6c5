"""Namespaces that are chosen by label are given time to follow, and ESO's mark leaves those that are not chosen any more."""

import json
from collections.abc import Callable

import pulumi
import pytest

from cluster import followers
from settings import parse
from tests.cluster.eso import API, LABELS, MARK, Cluster, run
from tests.settings.bad_configurations import GOOD

LABELLED = "everpull-dev.labelled"
CHOSEN = {
    "everpull:namespaces": json.dumps(["listed"]),
    "everpull:namespaceSelector": "team=a",
    "everpull:excludedNamespaces": json.dumps(["out"]),
}

Follow = Callable[..., list[str]]


@pytest.fixture
def follow(monkeypatch: pytest.MonkeyPatch) -> Follow:
    """Waits for namespaces to follow; what was warned of."""
    monkeypatch.setattr(followers, "_POLL_SECONDS", 0.0)
    monkeypatch.setattr(followers, "_PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)

    def followed(cluster: Cluster, **config: str) -> list[str]:
        monkeypatch.setattr(followers, "connect_to", lambda access: cluster.client())
        run(followers.when_followed(parse({**GOOD, **(config or CHOSEN)}, "dev"), "everpull-dev/login-1"))
        return warnings

    return followed


@pytest.fixture
def cluster() -> Cluster:
    """One namespace that has followed; others that the selector doesn't mean."""
    made = Cluster()
    made.namespace("one", MARK, team="a")
    made.sync(f"one/{LABELLED}")
    for name in ("listed", "out", "everpull-dev"):
        made.namespace(name, team="a")
    made.namespace("other", team="b")
    return made


def test_namespaces_that_have_followed_are_not_waited_for_and_keep_their_mark(follow: Follow, cluster: Cluster) -> None:
    assert follow(cluster) == []
    assert cluster.asked.count(f"GET {API}/externalsecrets") == 1
    assert cluster.namespaces["one"]["finalizers"] == [MARK]


def late(cluster: Cluster, what: str) -> None:
    cluster.namespace("two", team="a")
    match what:
        case "refused":
            cluster.failures = {"two": "external secret already exists in namespace"}
        case "another hub":
            cluster.sync(f"two/{LABELLED}", hub="login-0")
        case "not synced":
            cluster.sync(f"two/{LABELLED}", generation=2, synced=1)
        case "failing":
            cluster.sync(f"two/{LABELLED}", synced=None, message="could not get secret data")
        case "left":
            cluster.namespace("two", team="b")
            cluster.sync(f"two/{LABELLED}")


LATE = {
    "no ExternalSecret": "two: has no ExternalSecret yet",
    "refused": "two: external secret already exists in namespace",
    "another hub": "two: its ExternalSecret was not changed yet",
    "not synced": "two: not synced yet",
    "failing": "two: could not get secret data",
    "left": "two: has left the selection, and still has its ExternalSecret",
}


@pytest.mark.parametrize("what", LATE)
def test_who_is_late_in_the_end_is_told_with_the_reason_and_stops_nothing(
    follow: Follow, cluster: Cluster, what: str
) -> None:
    late(cluster, what)
    (warning,) = follow(cluster)
    assert warning.startswith("1 of the namespaces that are chosen by label did not follow within 0 s")
    assert f"\n  {LATE[what]}\n" in warning
    assert warning.endswith(f"--field-selector metadata.name={LABELLED}")


@pytest.mark.parametrize("what", LATE)
def test_who_follows_in_time_is_waited_for_and_not_told(follow: Follow, cluster: Cluster, what: str) -> None:
    late(cluster, what)

    def follows() -> None:
        if len(cluster.asked) == 12:
            cluster.namespaces.pop("two")
            cluster.syncs.pop(f"two/{LABELLED}", None)

    cluster.between = follows
    assert follow(cluster) == []


def test_few_of_many_are_named(follow: Follow, cluster: Cluster) -> None:
    for number in range(9):
        cluster.namespace(f"late-{number}", team="a")
    (warning,) = follow(cluster)
    assert warning.startswith("9 of the namespaces")
    assert "late-2: has no ExternalSecret yet\n  and 6 more\n" in warning
    assert "late-3" not in warning


def test_a_namespace_that_is_being_deleted_is_not_waited_for(follow: Follow, cluster: Cluster) -> None:
    cluster.namespace("two", leaving=True, team="a")
    assert follow(cluster) == []


def test_an_external_secret_of_that_name_that_somebody_else_made_is_nobody_we_wait_for(
    follow: Follow, cluster: Cluster
) -> None:
    cluster.namespace("two", team="b")
    cluster.sync(f"two/{LABELLED}", labels={**LABELS, "app.kubernetes.io/instance": "prod"})
    assert follow(cluster) == []


def test_the_mark_leaves_whom_eso_would_not_take_it_off_any_more(follow: Follow, cluster: Cluster) -> None:
    cluster.namespace("left", "theirs", MARK, team="b")
    cluster.namespace("left-and-going", MARK, leaving=True)
    cluster.namespace("going", MARK, leaving=True, team="a")
    cluster.namespace("out", MARK, team="a")
    assert follow(cluster) == []
    marks = {name: metadata["finalizers"] for name, metadata in cluster.namespaces.items() if metadata["finalizers"]}
    assert marks == {"one": [MARK], "left": ["theirs"]}


def test_a_mark_that_does_not_go_is_told_with_the_remedy_and_keeps_no_other(follow: Follow, cluster: Cluster) -> None:
    cluster.namespace("held", MARK)
    cluster.namespace("left", MARK)
    cluster.forbidden = ("/api/v1/namespaces/held",)
    (warning,) = follow(cluster)
    assert warning.startswith("namespace held cannot be deleted: HTTP 403 on /api/v1/namespaces/held: no; kubectl edit")
    assert cluster.namespaces["left"]["finalizers"] == []


@pytest.mark.parametrize("path", ["/api/v1/namespaces", f"{API}/externalsecrets"])
def test_what_may_not_be_seen_is_a_warning(follow: Follow, cluster: Cluster, path: str) -> None:
    cluster.forbidden = (path,)
    (warning,) = follow(cluster)
    assert warning.startswith(f"whether the namespaces that are chosen by label follow was not checked: {path}")


def test_without_a_selector_nobody_is_asked(follow: Follow, cluster: Cluster) -> None:
    assert follow(cluster, **{"everpull:namespaces": json.dumps(["listed"])}) == []
    assert cluster.asked == []


def test_a_preview_asks_nobody(follow: Follow, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    follow(cluster)
    assert cluster.asked == []
