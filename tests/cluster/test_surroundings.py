"""Listed namespaces that are not there: told of, left out, and no reason not to serve the others."""

import json

import pulumi
import pytest

from cluster import preflight
from cluster.preflight import find_faults
from cluster.surroundings import Surroundings, look_around
from tests.cluster.fakes import FakeCluster
from tests.cluster.test_preflight import IN_CLUSTER, NAMESPACE, SOMEBODY_ELSES, cluster, configured

GOING = {"deletionTimestamp": "2026-11-26T00:00:00Z"}
NAMESPACES = "/api/v1/namespaces"
CREATE = {"everpull:createNamespaces": "true"}


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    return said


def with_namespaces(**metadata: dict[str, object]) -> FakeCluster:
    reader = cluster()
    del reader.objects[NAMESPACE]
    for name, found in metadata.items():
        reader.objects[f"{NAMESPACES}/{name}"] = found
    return reader


@pytest.mark.parametrize("one_by_one", [False, True])
def test_namespaces_are_there_absent_or_about_to_go(one_by_one: bool, warnings: list[str]) -> None:
    reader = with_namespaces(a={}, d=GOING, other={})
    reader.forbidden = (NAMESPACES,) if one_by_one else ()
    around = look_around(configured("a", "b", "c", "d"), reader)
    assert (around.absent, around.leaving) == (("b", "c"), ("d",))
    assert warnings == []


def test_one_question_is_enough_for_many() -> None:
    reader = with_namespaces(**{f"team-{number}": {} for number in range(500)})
    look_around(configured(*(f"team-{number}" for number in range(600))), reader)
    assert len(reader.asked) == 2


def test_what_may_not_be_looked_at_is_taken_to_be_there(warnings: list[str]) -> None:
    reader = with_namespaces()
    reader.forbidden = (NAMESPACES, f"{NAMESPACES}/a")
    around = look_around(configured("a", "b"), reader)
    assert (around.absent, around.leaving) == ((), ())
    assert warnings == [f"not checked, because the kubeconfig's user may not read {NAMESPACES}/a"]


@pytest.mark.parametrize(("config", "unserved"), [({}, ("b", "c")), (CREATE, ("c",))])
def test_what_the_stack_makes_is_served_and_what_is_about_to_go_is_not(
    config: dict[str, str], unserved: tuple[str, ...]
) -> None:
    around = Surroundings(absent=("b",), leaving=("c",))
    assert around.unserved(configured("a", "b", "c", **config)) == unserved
    assert Surroundings().unserved(configured("a", "b", "c", **config)) == ()


def checked(monkeypatch: pytest.MonkeyPatch, reader: FakeCluster, *names: str, **config: str) -> Surroundings:
    monkeypatch.setattr(preflight.HttpClusterReader, "of", lambda access: reader)
    return preflight.check_cluster(configured(*names, **config))


@pytest.mark.parametrize("mode", IN_CLUSTER)
def test_a_namespace_that_does_not_exist_is_a_warning_that_says_how_it_comes_to_be_served(
    monkeypatch: pytest.MonkeyPatch, warnings: list[str], mode: str
) -> None:
    around = checked(monkeypatch, with_namespaces(a={}), "a", "b", **{"everpull:mode": mode})
    assert around.absent == ("b",)
    assert warnings == [
        "of everpull:namespaces, namespace b does not exist in the cluster and is left out: kubectl create namespace b, then "
        "pulumi up again; or pulumi config set everpull:createNamespaces true"
    ]


def test_several_are_one_warning_and_those_about_to_go_another(
    monkeypatch: pytest.MonkeyPatch, warnings: list[str]
) -> None:
    checked(monkeypatch, with_namespaces(a={}, d=GOING, e=GOING), "a", "b", "c", "d", "e")
    assert warnings == [
        "of everpull:namespaces, the namespaces b and c do not exist in the cluster and are left out: kubectl create namespace "
        "b, then pulumi up again; or pulumi config set everpull:createNamespaces true",
        "of everpull:namespaces, the namespaces d and e are being deleted and left out; pulumi up serves what is made anew",
    ]


def test_those_that_the_stack_makes_are_no_warning(monkeypatch: pytest.MonkeyPatch, warnings: list[str]) -> None:
    around = checked(monkeypatch, with_namespaces(a={}), "a", "b", **CREATE)
    assert (around.absent, warnings) == (("b",), [])


def test_a_cluster_where_all_are_there_is_not_worth_a_word(
    monkeypatch: pytest.MonkeyPatch, warnings: list[str]
) -> None:
    checked(monkeypatch, with_namespaces(a={}), "a")
    assert warnings == []


def test_nothing_is_looked_for_in_what_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = with_namespaces(a={}, b=GOING)
    reader.objects[f"{NAMESPACES}/b/secrets/everpull-dev"] = SOMEBODY_ELSES
    checked(monkeypatch, reader, "a", "b", "c")
    assert not [path for path in reader.asked if path.startswith((f"{NAMESPACES}/b/", f"{NAMESPACES}/c/"))]


BUILDER = {
    "everpull:attach": "service-accounts",
    "everpull:serviceAccounts": json.dumps(["b/builder"]),
}


def test_a_service_account_in_a_namespace_that_is_left_out_is_left_out(
    monkeypatch: pytest.MonkeyPatch, warnings: list[str]
) -> None:
    checked(monkeypatch, with_namespaces(a={}), "a", "b", **BUILDER)
    assert len(warnings) == 1


def test_one_in_a_namespace_that_the_stack_makes_cannot_be_there() -> None:
    settings = configured("a", "b", **BUILDER, **CREATE)
    (fault,) = find_faults(settings, with_namespaces(a={}), coming=("b",))
    assert fault.example == "kubectl create namespace b && kubectl --namespace b create serviceaccount builder"
    default = {"everpull:attach": "service-accounts", **CREATE}
    assert find_faults(configured("a", "b", **default), with_namespaces(a={}), coming=("b",)) == []
