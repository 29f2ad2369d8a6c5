"""Renewing in mode `generator`: all is well, and the chain is half broken."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from cluster.reader import Unreachable
from doctor.cluster import DATA_KEY, decoded
from kube.changes import NotDone
from lambda_src.refresher.core import Login, read_docker_config, timestamp
from tests.doctor import test_renew, worlds
from tests.doctor.fakes import NOW
from tests.doctor.generator_worlds import FAR, FETCH, FETCHED, HUB, fetched_login, generator_world
from tests.doctor.test_renew import renewed
from tests.doctor.worlds import ESO, HOST, SYSTEM, World

SYNCS = f"{ESO}/namespaces/{SYSTEM}/externalsecrets"
HUB_SYNC, FAR_SYNC = f"{SYNCS}/{HUB}", f"{SYNCS}/{FETCH}-us-east-1"
TEAM_SYNC = f"{ESO}/namespaces/team-a/externalsecrets/everpull-dev"
NEW = NOW + timedelta(seconds=1)


@dataclass
class Hands(test_renew.Hands):
    """As ESO does it: from ECR to each login, from all of them to the hub, from the hub to a namespace."""

    refused: dict[str, Exception] = field(default_factory=dict)
    forced: list[str] = field(default_factory=list)
    behind: tuple[str, ...] = ()

    def force_sync(self, path: str) -> None:
        self.forced.append(path)
        if path in self.refused:
            raise self.refused[path]
        name = path.rpartition("/")[2]
        if self.is_asleep:
            return
        if path in self.stuck:
            self.world.documents[path]["status"] |= worlds.not_ready(self.stuck[path])
            return
        if path in self.behind:
            pass
        elif name in FETCHED:
            self.keep(SYSTEM, name, fetched_login(FETCHED[name], NEW))
        elif path == HUB_SYNC:
            self.keep(SYSTEM, HUB, *(one for login in FETCHED for one in held(self.world, SYSTEM, login)))
        else:
            self.keep(path.split("/")[5], "everpull-dev", *held(self.world, SYSTEM, HUB))
        self.world.documents[path]["status"] = worlds.ready(refreshTime=timestamp(NEW), syncedResourceVersion="2")

    def keep(self, namespace: str, name: str, *logins: Login) -> None:
        self.world.documents[f"/api/v1/namespaces/{namespace}/secrets/{name}"] = worlds.docker_secret(*logins)


def held(world: World, namespace: str, name: str) -> tuple[Login, ...]:
    return read_docker_config(decoded(world.secret(namespace, name), DATA_KEY))


def passwords(world: World, namespace: str) -> dict[str, str]:
    return {login.registries[0]: login.password for login in held(world, namespace, "everpull-dev")}


RENEWED = {host: fetched_login(host, NEW).password for host in (HOST, FAR)}
KEPT = {**RENEWED, FAR: fetched_login(FAR).password}


def test_each_login_is_renewed_to_the_last_namespace() -> None:
    world = generator_world()
    hands = Hands(world)
    status, renewal, lines = renewed(world, hands)
    assert (status, renewal.served) == (0, ["team-a", "team-b"])
    assert lines == [
        f"ok      the login eu-central-1 was fetched, for {HOST}",
        f"ok      the login us-east-1 was fetched, for {FAR}",
        f"ok      the hub {SYSTEM}/{HUB} holds the login",
        "served  team-a",
        "served  team-b",
        "served 2 of 2 namespaces",
    ]
    assert passwords(world, "team-b") == RENEWED
    assert [path.rpartition("/")[2] for path in hands.forced] == [*FETCHED, HUB, "everpull-dev", "everpull-dev"]


LIVES = "; the last one lives until 2026-11-26 23:30 UTC"
BROKEN: dict[str, tuple[Callable[[World], Hands], dict[str, str], list[str]]] = {
    "a login is refused": (
        lambda world: Hands(world, stuck={FAR_SYNC: "AccessDenied"}),
        KEPT,
        [f"FAILED  the login us-east-1 was not fetched: AccessDenied{LIVES}"],
    ),
    "the caller may not force a login": (
        lambda world: Hands(world, refused={FAR_SYNC: NotDone("HTTP 403")}),
        KEPT,
        [f"FAILED  the login us-east-1 was not fetched: could not be told to sync: HTTP 403{LIVES}"],
    ),
    "the hub can't be read": (
        lambda world: Hands(world, stuck={HUB_SYNC: "forbidden"}),
        {host: fetched_login(host).password for host in (HOST, FAR)},
        [f"FAILED  the hub {SYSTEM}/{HUB} was not synced: forbidden"],
    ),
}


@pytest.mark.parametrize(("hands", "team_holds", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_broken_does_not_stop_what_can_go_on(
    hands: Callable[[World], Hands], team_holds: dict[str, str], said: list[str]
) -> None:
    world = generator_world()
    status, renewal, lines = renewed(world, hands(world))
    assert (status, renewal.served) == (1, ["team-a", "team-b"])
    assert [line for line in lines if line.startswith("FAILED")] == said
    assert passwords(world, "team-a") == team_holds
    told = [line for line in lines if " the login " in line]
    assert len(told) == len(FETCHED)


def test_why_a_login_is_refused_is_told_as_events_do() -> None:
    world = generator_world()
    about = {"kind": "ExternalSecret", "name": f"{FETCH}-us-east-1"}
    event = {"type": "Warning", "lastTimestamp": timestamp(NOW), "message": "AccessDenied", "involvedObject": about}
    world.documents[f"/api/v1/namespaces/{SYSTEM}/events"] = {"items": [event]}
    _, _, lines = renewed(world, Hands(world, stuck={FAR_SYNC: "no data"}))
    assert f"FAILED  the login us-east-1 was not fetched: no data (AccessDenied){LIVES}" in lines
    # What keeps the caller from renewing is nothing that ESO could tell of.
    world.documents[FAR_SYNC]["status"] = worlds.ready()
    _, _, lines = renewed(world, Hands(world, refused={FAR_SYNC: NotDone("HTTP 403")}))
    assert not any("AccessDenied" in line for line in lines)


def test_a_login_whose_last_one_is_dead_is_told_so() -> None:
    world = generator_world()
    world.documents[FAR_SYNC]["status"] = worlds.ready(refreshTime=timestamp(NOW - timedelta(hours=13)))
    _, _, lines = renewed(world, Hands(world, stuck={FAR_SYNC: "AccessDenied"}))
    assert (
        "FAILED  the login us-east-1 was not fetched: AccessDenied; the last one died at 2026-11-26 11:00 UTC" in lines
    )


def test_a_namespace_that_does_not_follow_holds_up_no_other() -> None:
    world = generator_world()
    status, renewal, _ = renewed(world, Hands(world, stuck={TEAM_SYNC: "no store"}))
    assert (status, renewal.served, renewal.failed) == (1, ["team-b"], {"team-a": "no store"})


def test_a_hub_that_says_it_is_synced_and_holds_other_logins_is_told_of() -> None:
    world = generator_world()
    status, renewal, lines = renewed(world, Hands(world, behind=(HUB_SYNC,)))
    assert (status, renewal.served) == (1, ["team-a", "team-b"])
    assert f"FAILED  the hub {SYSTEM}/{HUB} was not synced: the Secret holds another login" in lines


def test_an_operator_that_sleeps_renews_nothing_and_is_seen() -> None:
    world = generator_world()
    status, _, lines = renewed(world, Hands(world, is_asleep=True))
    assert status == 1
    assert f"FAILED  the login eu-central-1 was not fetched: ESO has not synced it{LIVES}" in lines


def test_where_nothing_fetches_a_login_the_hub_is_still_brought_to_the_namespaces() -> None:
    world = generator_world()
    for name in FETCHED:
        del world.documents[f"{SYNCS}/{name}"], world.documents[f"/api/v1/namespaces/{SYSTEM}/secrets/{name}"]
    hands = Hands(world, stuck={HUB_SYNC: "no such Secret"})
    hands.keep("team-b", "everpull-dev", fetched_login(HOST, NOW - timedelta(hours=9)))
    status, renewal, lines = renewed(world, hands)
    assert (status, renewal.served) == (1, ["team-a", "team-b"])
    assert (
        f"FAILED  the login {FETCH}-us-east-1 was not fetched: its ExternalSecret {FETCH}-us-east-1 does not exist"
        in lines
    )
    assert passwords(world, "team-b") == {host: fetched_login(host).password for host in (HOST, FAR)}


def test_where_nothing_is_left_it_is_told() -> None:
    world = generator_world()
    del world.documents[HUB_SYNC], world.documents[SYNCS]
    status, _, lines = renewed(world, Hands(world))
    assert status == 1
    assert lines[:2] == [
        "FAILED  nothing in the cluster fetches a login: pulumi up --refresh --stack dev",
        f"FAILED  the hub {SYSTEM}/{HUB} was not synced: its ExternalSecret {HUB} does not exist",
    ]


def test_a_cluster_that_does_not_answer_is_told_of() -> None:
    world = generator_world()
    world.cluster.is_gone = True
    status, _, lines = renewed(world, Hands(world))
    assert status == 1
    assert any("the cluster could not be looked at" in line for line in lines)


def test_a_cluster_that_goes_meanwhile_is_told_of() -> None:
    world = generator_world()
    status, _, lines = renewed(world, Hands(world, refused={FAR_SYNC: Unreachable("ConnectError")}))
    assert status == 1
    assert f"FAILED  the login us-east-1 was not fetched: could not be told to sync: ConnectError{LIVES}" in lines
