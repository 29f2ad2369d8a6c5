"""A pull secret passes from one ExternalSecret to another, in both directions, and is never without one for long."""

import json
from collections.abc import Callable

import httpx2
import pulumi
import pytest

from cluster import keepers
from kube.client import Unreachable
from settings import Settings, parse
from tests.cluster.eso import Cluster, run
from tests.settings.bad_configurations import GOOD

SECRET = "team-a/everpull-dev"
LISTED, LABELLED = "everpull-dev", "everpull-dev.labelled"
PATCH = "PATCH /api/v1/namespaces/team-a/secrets/everpull-dev"

Pass = Callable[..., list[str]]


def configured(*namespaces: str) -> Settings:
    chosen = {"everpull:namespaces": json.dumps(namespaces), "everpull:namespaceSelector": "team=a"}
    return parse({**GOOD, **chosen}, "dev")


@pytest.fixture
def pass_on(monkeypatch: pytest.MonkeyPatch) -> Pass:
    """Passes pull secrets on; what was warned of."""
    monkeypatch.setattr(keepers, "_POLL_SECONDS", 0.0)
    monkeypatch.setattr(keepers, "_PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)

    def passed(cluster: Cluster, *listed: str) -> list[str]:
        monkeypatch.setattr(keepers, "connect_to", lambda access: cluster.client())
        run(keepers.pass_on(configured(*listed)))
        return warnings

    return passed


def cluster(keeper: str, *syncs: str) -> Cluster:
    """One namespace whose way may change, and one that is chosen by label and stays so."""
    made = Cluster()
    made.namespace("team-a", team="a")
    made.secret(SECRET, keeper)
    made.namespace("stays", team="a")
    made.sync(f"stays/{LABELLED}")
    made.secret("stays/everpull-dev", LABELLED)
    for name in syncs:
        made.sync(f"team-a/{name}")
    return made


@pytest.mark.parametrize(
    ("keeper", "listed", "next_keeper"),
    [(LISTED, (), LABELLED), (LABELLED, ("team-a",), LISTED)],
    ids=["no longer listed", "listed from now on"],
)
def test_a_namespace_that_changes_its_way_keeps_its_pull_secret(
    pass_on: Pass, keeper: str, listed: tuple[str, ...], next_keeper: str
) -> None:
    made = cluster(keeper, keeper, next_keeper)
    assert pass_on(made, *listed) == []
    assert made.keeper(SECRET) == next_keeper
    assert made.asked.count(PATCH) == 1


@pytest.mark.parametrize(("keeper", "listed"), [(LISTED, ("team-a",)), (LABELLED, ())])
def test_one_that_keeps_its_way_takes_two_questions(pass_on: Pass, keeper: str, listed: tuple[str, ...]) -> None:
    made = cluster(keeper, LISTED, LABELLED)
    pass_on(made, *listed)
    assert made.asked == ["GET /api/v1/namespaces", "GET /api/v1/secrets"]


def test_it_is_not_made_free_before_the_next_one_is_there(pass_on: Pass) -> None:
    made = cluster(LISTED, LISTED)

    def appears() -> None:
        if len(made.asked) == 9:
            assert PATCH not in made.asked
            made.sync(f"team-a/{LABELLED}")

    made.between = appears
    pass_on(made)
    assert made.keeper(SECRET) == LABELLED


def test_one_that_is_taken_back_is_made_free_again(pass_on: Pass) -> None:
    made = cluster(LISTED, LISTED, LABELLED)
    taken = iter([True])

    def takes_back() -> None:
        if made.keeper(SECRET) == LABELLED and next(taken, False):
            made.secret(SECRET, LISTED)

    made.between = takes_back
    pass_on(made)
    assert (made.keeper(SECRET), made.asked.count(PATCH)) == (LABELLED, 2)


def test_nothing_is_deleted_where_the_next_one_never_comes(pass_on: Pass) -> None:
    made = cluster(LISTED, LISTED)
    with pytest.raises(pulumi.RunError) as caught:
        pass_on(made)
    assert "the pull secret of namespace team-a did not pass to ExternalSecret everpull-dev.labelled" in str(
        caught.value
    )
    assert made.keeper(SECRET) == LISTED


@pytest.mark.parametrize("keeper", ["", "somebody-elses"])
def test_a_secret_that_none_of_ours_keeps_is_left_to_others(pass_on: Pass, keeper: str) -> None:
    made = cluster(keeper, LABELLED)
    pass_on(made)
    assert PATCH not in made.asked


def test_a_secret_that_is_not_this_stacks_is_left_alone(pass_on: Pass) -> None:
    made = cluster(LISTED, LABELLED)
    made.secret(SECRET, LISTED, labels={"app.kubernetes.io/name": "everpull", "app.kubernetes.io/instance": "prod"})
    pass_on(made)
    assert PATCH not in made.asked


def test_a_namespace_that_is_served_no_longer_has_nobody_to_pass_it_to(pass_on: Pass) -> None:
    made = cluster(LISTED, LISTED, LABELLED)
    made.namespace("team-a", team="b")
    pass_on(made)
    assert PATCH not in made.asked


def test_who_may_not_patch_it_is_told_so_before_anything_is_deleted(pass_on: Pass) -> None:
    made = cluster(LISTED, LISTED, LABELLED)
    made.forbidden = (PATCH.removeprefix("PATCH "),)
    with pytest.raises(pulumi.RunError, match=r"HTTP 403 on .*/team-a/secrets/everpull-dev.* the right to patch it"):
        pass_on(made)


def test_a_cluster_that_cannot_be_asked_is_a_warning(pass_on: Pass) -> None:
    made = cluster(LISTED)
    made.forbidden = ("/api/v1/namespaces",)
    (warning,) = pass_on(made)
    assert warning.startswith("whether pull secrets pass from one ExternalSecret to another was not checked")


def test_a_kubeconfig_that_is_none_is_a_warning(pass_on: Pass, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(Cluster):
        def client(self) -> httpx2.Client:
            raise Unreachable("no usable kubeconfig (FileNotFoundError)")

    (warning,) = pass_on(Gone())
    assert "no usable kubeconfig" in warning


def test_a_preview_looks_at_nothing(pass_on: Pass, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    made = cluster(LISTED, LABELLED)
    pass_on(made)
    assert made.asked == []
