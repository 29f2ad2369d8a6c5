"""Mode `generator`: faults from the identity to the registries, and what is none."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from doctor.generated import GeneratedLogin
from doctor.report import as_text
from lambda_src.refresher.core import timestamp
from lambda_src.refresher.images import LoginVerdict
from tests.components.test_generator_delivery import built
from tests.doctor import worlds
from tests.doctor.breaking import HOUR, RENEW, UP, Row, answers, both, check, gone, keys, lacks, status
from tests.doctor.fakes import NOW, Gone
from tests.doctor.generator_worlds import FAR, FETCH, GENERATORS, HUB, fetched_login, generator_world
from tests.doctor.worlds import ESO, HOST, KEY, RBAC, SYSTEM, World

OBJECTS = f"/api/v1/namespaces/{SYSTEM}"
NAME = f"{FETCH}-us-east-1"
SYNC = f"{ESO}/namespaces/{SYSTEM}/externalsecrets/{NAME}"
SECRET = f"{OBJECTS}/secrets/{NAME}"
GENERATOR = f"{GENERATORS}/namespaces/{SYSTEM}/ecrauthorizationtokens/{NAME}"
HUB_SYNC = f"{ESO}/namespaces/{SYSTEM}/externalsecrets/{HUB}"
HUB_SECRET = f"{OBJECTS}/secrets/{HUB}"
TEAM_SYNC = f"{ESO}/namespaces/team-b/externalsecrets/everpull-dev"
TEAM_SECRET = "/api/v1/namespaces/team-b/secrets/everpull-dev"
EVENTS = f"{OBJECTS}/events"
CREDENTIALS = f"{OBJECTS}/secrets/login-fetcher-aws-credentials"


def fetched(ago: timedelta, **more: object) -> Callable[[World], Any]:
    """ESO's status of the login, last fetched then."""
    content = {**worlds.ready(refreshTime=timestamp(NOW - ago)), **more}
    return lambda world: world.documents[SYNC].update(status=content)


def holds(path: str, host: str = FAR, ago: timedelta = 2 * HOUR) -> Callable[[World], Any]:
    """A Secret with a login for the host that was fetched so long ago, beside what it holds already."""
    one = fetched_login(host, NOW - ago)
    beside = [] if path == SECRET else [fetched_login(HOST)]
    return lambda world: world.documents.update({path: worlds.docker_secret(*beside, one)})


def event(ago: timedelta, message: str, **about: str) -> dict[str, Any]:
    """As ESO leaves it. `about` is the object, the login's ExternalSecret by default."""
    involved = {"kind": "ExternalSecret", "name": NAME, **about}
    return {"type": "Warning", "lastTimestamp": timestamp(NOW - ago), "message": message, "involvedObject": involved}


OF_THE_LOGIN = [
    event(HOUR, "an earlier one"),
    event(HOUR / 2, "the last one:\n  AccessDeniedException"),
    event(HOUR / 4, "of the hub", name=HUB),
    event(HOUR / 4, "of a Secret", kind="Secret"),
    {**event(HOUR / 4, "went well"), "type": "Normal"},
]


FAULTS: dict[str, Row] = {
    "the user is gone": (
        answers(iam__list_access_keys=Gone, iam__list_user_policies=Gone),
        "identity",
        "broken",
        "does not exist",
        UP,
    ),
    "the key is inactive": (
        answers(iam__list_access_keys=keys("Inactive")),
        "identity",
        "broken",
        f"{KEY} of the cluster is inactive",
        "update-access-key",
    ),
    "the key in the cluster is not the user's": (
        lambda world: world.documents[CREDENTIALS].update(data={"access-key-id": "QUtJQVdIT1NF"}),
        "identity",
        "broken",
        "is not one of the IAM user",
        UP,
    ),
    "the credentials are gone": (gone(CREDENTIALS), "identity", "broken", "aws-credentials, do not exist", UP),
    "the user may fetch no login": (
        lacks("ecr:GetAuthorizationToken", of="user"),
        "identity",
        "broken",
        "is not allowed ecr:GetAuthorizationToken",
        UP,
    ),
    "the user may not pull": (
        lacks("ecr:BatchGetImage", of="user"),
        "identity",
        "broken",
        "is not allowed ecr:BatchGetImage",
        UP,
    ),
    "ESO is without generators": (
        both(gone(GENERATORS, GENERATOR), fetched(HOUR / 2, **worlds.not_ready("no matches for kind"))),
        "logins",
        "broken",
        "needs ECRAuthorizationToken, which the cluster's ESO was installed without",
        "helm upgrade --install",
    ),
    "ESO is gone": (
        lambda world: [world.documents.pop(path) for path in list(world.documents) if "external-secrets.io" in path],
        "operator",
        "broken",
        "the cluster has none",
        "helm upgrade --install",
    ),
    "what fetches a login is gone": (
        gone(SYNC, SECRET),
        "logins",
        "broken",
        f"the ExternalSecret {SYSTEM}/{NAME}, which fetches a login, does not exist",
        UP,
    ),
    "a generator is gone": (
        both(gone(GENERATOR), fetched(HOUR / 2, **worlds.not_ready("could not get generator"))),
        "logins",
        "broken",
        f"the ECRAuthorizationToken {SYSTEM}/{NAME}, which the login us-east-1 comes from, does not exist",
        UP,
    ),
    "a login's Secret is gone": (
        gone(SECRET),
        "logins",
        "broken",
        f"the Secret {SYSTEM}/{NAME} with the login us-east-1 does not exist",
        RENEW,
    ),
    "a login's Secret is edited": (
        lambda world: world.documents[SECRET].update(data={".dockerconfigjson": "e30="}),
        "logins",
        "broken",
        f"the Secret {SYSTEM}/{NAME} holds no login of everpull's",
        RENEW,
    ),
    "a login is of another registry": (
        holds(SECRET, HOST.replace("1234", "9999"), HOUR / 2),
        "logins",
        "broken",
        f"the Secrets with the logins hold none for {FAR}",
        RENEW,
    ),
    "a login is refused": (
        fetched(3 * HOUR, **worlds.not_ready("AccessDenied")),
        "logins",
        "broken",
        "the login us-east-1 is not renewed: AccessDenied; the last one lives until 2026-11-26 21:00 UTC",
        f"--namespace {SYSTEM} describe externalsecret {NAME}",
    ),
    "a login is refused, and events tell why": (
        both(
            fetched(3 * HOUR, **worlds.not_ready("could not get secret data from provider")),
            lambda world: world.documents.update({EVENTS: {"items": OF_THE_LOGIN}}),
        ),
        "logins",
        "broken",
        "could not get secret data from provider (the last one: AccessDeniedException); the last one lives until",
        f"describe externalsecret {NAME}",
    ),
    "a login was never fetched": (
        status(SYNC, **worlds.not_ready("AccessDenied")),
        "logins",
        "broken",
        "the login us-east-1 is not renewed: AccessDenied",
        f"describe externalsecret {NAME}",
    ),
    "a login that is refused has died": (
        fetched(13 * HOUR, **worlds.not_ready("AccessDenied")),
        "logins",
        "broken",
        "the login us-east-1 died at 2026-11-26 11:00 UTC, 1 h ago, and was not renewed: AccessDenied",
        f"describe externalsecret {NAME}",
    ),
    "a login has died": (fetched(13 * HOUR), "logins", "broken", "the login us-east-1 died at", RENEW),
    "a login is overdue": (
        fetched(HOUR + timedelta(minutes=11)),
        "logins",
        "breaking",
        "the login us-east-1 was fetched 1 h 11 min ago, and should be every 1 h: does ESO run?",
        "get pods",
    ),
    "what reads the logins is gone": (
        gone(f"{OBJECTS}/serviceaccounts/logins-reader"),
        "logins",
        "broken",
        f"service account {SYSTEM}/logins-reader, by which the hub reads the logins, does not exist",
        UP,
    ),
    "the logins may not be read": (
        gone(f"{RBAC}/namespaces/{SYSTEM}/rolebindings/{FETCH}"),
        "logins",
        "broken",
        f"RoleBinding {SYSTEM}/{FETCH}, by which the hub reads the logins",
        UP,
    ),
    "the hub's store is gone": (
        gone(f"{ESO}/namespaces/{SYSTEM}/secretstores/login-generator"),
        "operator",
        "broken",
        f"SecretStore {SYSTEM}/login-generator does not exist",
        UP,
    ),
    "the hub's ExternalSecret is gone": (gone(HUB_SYNC), "operator", "broken", "hub's ExternalSecret", UP),
    "the hub is not ready": (
        lambda world: world.documents[HUB_SYNC].update(status=worlds.not_ready("no such Secret")),
        "operator",
        "broken",
        "is not ready: no such Secret",
        f"describe externalsecret {HUB}",
    ),
    "the hub stands still": (
        lambda world: world.documents[HUB_SYNC].update(status=worlds.ready(refreshTime=timestamp(NOW - HOUR / 2))),
        "operator",
        "broken",
        "has not read the login for 30 min, and should every 5 min",
        "get pods",
    ),
    "the hub Secret is gone": (gone(HUB_SECRET), "operator", "broken", "hub Secret", RENEW),
    "the hub lacks a login": (
        lambda world: world.documents.update({HUB_SECRET: worlds.docker_secret(fetched_login(HOST))}),
        "operator",
        "broken",
        f"holds no login for {FAR}",
        RENEW,
    ),
    "the hub is behind": (
        holds(HUB_SECRET),
        "operator",
        "breaking",
        f"the hub Secret {SYSTEM}/{HUB} holds an earlier login us-east-1 than the Secret {NAME}",
        RENEW,
    ),
    "the hub may not be read": (
        gone(f"{RBAC}/namespaces/{SYSTEM}/roles/{HUB}"),
        "operator",
        "broken",
        f"Role {SYSTEM}/{HUB}, by which namespaces read the hub",
        UP,
    ),
    "a namespace's ExternalSecret is gone": (gone(TEAM_SYNC), "fan-out", "broken", "team-b: has no ExternalSecret", UP),
    "a namespace's pull secret lacks a login": (
        lambda world: world.documents.update({TEAM_SECRET: worlds.docker_secret(fetched_login(HOST))}),
        "fan-out",
        "broken",
        f"team-b: the pull secret holds no login for {FAR}",
        RENEW,
    ),
    "a namespace is behind": (
        holds(TEAM_SECRET),
        "fan-out",
        "breaking",
        "team-b: the pull secret holds an earlier login",
        RENEW,
    ),
    "a namespace was left behind long ago": (
        both(
            holds(TEAM_SECRET, ago=14 * HOUR),
            lambda world: world.documents[TEAM_SYNC].update(
                status=worlds.ready(refreshTime=timestamp(NOW - 13 * HOUR))
            ),
        ),
        "fan-out",
        "broken",
        "team-b: the pull secret holds an earlier login, which is dead by now",
        RENEW,
    ),
    "a namespace is not synced": (
        lambda world: world.documents[TEAM_SYNC].update(status=worlds.ready(refreshTime=timestamp(NOW - HOUR))),
        "fan-out",
        "breaking",
        "has not copied the hub for 1 h",
        "describe externalsecret everpull-dev",
    ),
    "a registry refuses the login": (
        lambda world: world.registries.logins.update({FAR: LoginVerdict(FAR, "refused", f"{FAR} does not accept it")}),
        "registries",
        "broken",
        f"{FAR} does not accept it",
        RENEW,
    ),
}


@pytest.mark.parametrize("row", FAULTS.values(), ids=FAULTS.keys())
def test_the_broken_link_is_named(row: Row) -> None:
    check(generator_world(), row)


def test_every_link_of_a_sound_stack_holds() -> None:
    links = generator_world().walk()
    assert [link.name for link in links][:4] == ["identity", "logins", "operator", "fan-out"]
    assert {link.state for link in links} == {"ok"}, as_text("dev", links)
    assert links[1].detail == "2 logins, the oldest fetched 30 min ago"


def test_a_login_on_its_way_is_no_fault() -> None:
    """Fetched a moment ago; hub and namespaces have not read it yet."""
    world = generator_world()
    holds(SECRET, ago=timedelta(minutes=4))(world)
    fetched(timedelta(minutes=4))(world)
    assert {link.state for link in world.walk()} == {"ok"}
    holds(HUB_SECRET, ago=timedelta(minutes=4))(world)
    assert {link.state for link in world.walk()} == {"ok"}


def test_a_longer_interval_may_pass_before_a_login_is_overdue() -> None:
    world = generator_world(renewInterval="6h")
    fetched(6 * HOUR)(world)
    assert world.link("logins").state == "ok"


def test_without_generators_their_absence_alone_is_told() -> None:
    world = generator_world()
    del world.documents[GENERATORS], world.documents[GENERATOR]
    assert len(world.link("logins").faults) == 1


def test_without_the_hub_the_logins_that_there_are_are_looked_at() -> None:
    world = generator_world()
    del world.documents[HUB_SYNC]
    listed = world.documents[f"{ESO}/namespaces/{SYSTEM}/externalsecrets"]["items"]
    listed.append({"metadata": {"name": "another", "annotations": {}}})
    assert world.link("logins").detail == "2 logins, the oldest fetched 30 min ago"
    listed.clear()
    assert world.link("logins").detail == "there is nothing in the cluster that fetches a login"


def test_who_may_not_read_the_system_namespace_is_told_so() -> None:
    world = generator_world()
    world.cluster.forbidden |= {SECRET, HUB_SECRET}
    assert world.link("logins").state == "unknown"
    assert world.link("fan-out").state == "unknown"


def test_who_may_not_list_events_sees_the_condition_alone() -> None:
    world = generator_world()
    fetched(HOUR, **worlds.not_ready("no data"))(world)
    world.cluster.forbidden.add(EVENTS)
    assert "is not renewed: no data; the last one" in world.link("logins").detail


def test_of_a_long_event_the_beginning_is_told() -> None:
    world = generator_world()
    fetched(HOUR, **worlds.not_ready("no data"))(world)
    world.documents[EVENTS] = {"items": [event(HOUR, "x" * 401)]}
    assert f"no data ({'x' * 400}...); the last one" in world.link("logins").detail


def test_the_role_that_reads_the_logins_is_known_by_their_names() -> None:
    recorder = built()
    roles = {item.inputs["metadata"]["name"] for item in recorder.all("rbac.authorization.k8s.io/v1:Role")}
    syncs = [item.inputs["metadata"] for item in recorder.all(":ExternalSecret")]
    logins = {found["name"]: found["annotations"].get("everpull/login") for found in syncs}
    of_logins = [GeneratedLogin(login, name, {}, None, None) for name, login in logins.items() if login]
    assert len(of_logins) == 3
    (role,) = {login.reader_role for login in of_logins}
    assert role in roles
