"""Renewing now: all is well, and the chain is half broken."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from components.aws_reads import Denied
from doctor import renew
from doctor.outputs import NotKnown
from doctor.renew import run
from doctor.renewal import Renewal
from doctor.view import View
from kube.changes import NotDone
from lambda_src.refresher.core import timestamp
from lambda_src.refresher.patience import Time
from tests.doctor import worlds
from tests.doctor.fakes import NOW, Gone
from tests.doctor.worlds import CRON_JOB, ESO, HUB, JOBS, SYSTEM, World, cronjob_world, job, lambda_world, login

NEW = login(fetched=NOW + timedelta(seconds=1))
READ = "secretsmanager get_secret_value"
HUB_SYNC = f"{ESO}/namespaces/{SYSTEM}/externalsecrets/{HUB}"


@dataclass
class Hands:
    """What renewing changes, in the world. `invoked` and `stuck` say what does not work: the function, and syncs by path."""

    world: World
    invoked: Exception | None = None
    stuck: dict[str, str] = field(default_factory=dict)
    ended: str = "Complete"
    unwritten: tuple[str, ...] = ()
    is_asleep: bool = False
    stored: dict[str, Any] = field(default_factory=lambda: worlds.stored(login()))
    started: list[Mapping[str, object]] = field(default_factory=list)
    events: list[Mapping[str, object]] = field(default_factory=list)

    def invoke(self, function: str, event: Mapping[str, object]) -> Mapping[str, object]:
        self.events.append(event)
        if self.invoked:
            raise self.invoked
        self.stored = worlds.stored(NEW)
        if not isinstance(self.world.answers[READ], Exception):
            self.world.answers[READ] = self.stored
        return {"status": "refreshed", "expiresAt": "later"}

    def force_sync(self, path: str) -> None:
        """As ESO does it: from the secret to the hub, from the hub to a namespace."""
        documents, namespace = self.world.documents, path.split("/")[5]
        if self.is_asleep:
            return
        if path in self.stuck:
            documents[path]["status"] = worlds.not_ready(self.stuck[path])
            return
        if path == HUB_SYNC:
            data = {".dockerconfigjson": worlds.b64(json.loads(self.stored["SecretString"])["dockerconfigjson"])}
            documents[f"/api/v1/namespaces/{SYSTEM}/secrets/{HUB}"]["data"] = data
        else:
            hub = self.world.secret(SYSTEM, HUB)
            documents[f"/api/v1/namespaces/{namespace}/secrets/everpull-dev"] = hub
        documents[path]["status"] = worlds.ready(refreshTime=timestamp(NOW), syncedResourceVersion="2")

    def start(self, namespace: str, job_made: Mapping[str, object]) -> str:
        self.started.append(job_made)
        for name in ("team-a", "team-b"):
            if name not in self.unwritten and self.ended == "Complete":
                made = worlds.pull_secret(name, NEW)
                self.world.documents[f"/api/v1/namespaces/{name}/secrets/everpull-dev"] = made
        self.world.documents[f"{JOBS}/renew-1"] = job("renew-1", timedelta(), self.ended)
        return "renew-1"


def renewed(world: World, hands: Hands) -> tuple[int, Renewal, list[str]]:
    """Exit status, what was done, and all that was said; time passes with each sleep."""
    lines: list[str] = []
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    renewal = Renewal(lines.append, Time(monotonic=lambda: now[0], sleep=sleep))
    status = run(world.view, hands, renewal)
    assert worlds.CANARY not in "\n".join(lines)
    return status, renewal, lines


def test_a_sound_stack_is_renewed_to_the_last_namespace() -> None:
    world = lambda_world()
    hands = Hands(world)
    status, renewal, lines = renewed(world, hands)
    assert (status, renewal.served) == (0, ["team-a", "team-b"])
    assert lines == [
        "ok      the function answered refreshed, the login lives until later",
        f"ok      the hub {SYSTEM}/{HUB} holds the login",
        "served  team-a",
        "served  team-b",
        "served 2 of 2 namespaces",
    ]
    assert hands.events[0]["force"] is True
    assert world.secret("team-b")["data"] == worlds.docker_secret(NEW)["data"]


def old_everywhere(world: World) -> None:
    """A pull secret that lags behind the hub."""
    world.documents["/api/v1/namespaces/team-b/secrets/everpull-dev"] = worlds.docker_secret(
        login(fetched=NOW - timedelta(hours=8))
    )


BROKEN: dict[str, tuple[Callable[[World], Hands], list[str], list[str]]] = {
    "the function is gone": (
        lambda world: Hands(world, invoked=Gone),
        ["team-a", "team-b"],
        ["FAILED  the function everpull-dev-function does not exist: pulumi up --refresh --stack dev"],
    ),
    "the function fails": (
        lambda world: Hands(world, invoked=NotDone("ecr:GetAuthorizationToken was denied")),
        ["team-a", "team-b"],
        ["FAILED  the function failed: ecr:GetAuthorizationToken was denied"],
    ),
    "the caller may not run it": (
        lambda world: Hands(world, invoked=Denied("lambda:InvokeFunction")),
        ["team-a", "team-b"],
        ["FAILED  the function was not run, because you have no right to lambda:InvokeFunction"],
    ),
    "the hub can't be read": (
        lambda world: Hands(world, stuck={HUB_SYNC: "AccessDenied"}),
        ["team-a", "team-b"],
        [f"FAILED  the hub {SYSTEM}/{HUB} was not synced: AccessDenied"],
    ),
    "a namespace's store is forbidden": (
        lambda world: Hands(world, stuck={f"{ESO}/namespaces/team-a/externalsecrets/everpull-dev": "forbidden"}),
        ["team-b"],
        ["FAILED  team-a: forbidden"],
    ),
}


@pytest.mark.parametrize(("hands", "served", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_broken_does_not_stop_what_can_go_on(
    hands: Callable[[World], Hands], served: list[str], said: list[str]
) -> None:
    world = lambda_world()
    old_everywhere(world)
    status, renewal, lines = renewed(world, hands(world))
    assert (status, renewal.served) == (1, served)
    assert [line for line in lines if line.startswith("FAILED")] == said
    assert lines[-1] == "-> make doctor STACK=dev"
    assert world.secret("team-b")["data"] == world.secret(SYSTEM, HUB)["data"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/api/v1/namespaces/team-b", "was served, and does not exist any more"),
        (f"{ESO}/namespaces/team-b/externalsecrets/everpull-dev", "its ExternalSecret everpull-dev does not exist"),
    ],
)
def test_a_namespace_that_cannot_be_served_is_told_of(path: str, reason: str) -> None:
    world = lambda_world()
    del world.documents[path]
    status, renewal, lines = renewed(world, Hands(world))
    assert (status, renewal.served, renewal.failed) == (1, ["team-a"], {"team-b": reason})
    assert "served 1 of 2 namespaces" in lines


def test_without_a_hub_namespaces_are_told_so() -> None:
    world = lambda_world()
    del world.documents[HUB_SYNC]
    status, _, lines = renewed(world, Hands(world))
    assert status == 1
    assert f"FAILED  the hub {SYSTEM}/{HUB} was not synced: its ExternalSecret {HUB} does not exist" in lines


def test_who_may_not_read_the_login_relies_on_the_hub() -> None:
    world = lambda_world()
    world.answers[READ] = Denied("secretsmanager:GetSecretValue")
    status, renewal, _ = renewed(world, Hands(world))
    assert (status, renewal.served) == (0, ["team-a", "team-b"])
    assert world.secret("team-b")["data"] == worlds.docker_secret(NEW)["data"]


def test_an_operator_that_sleeps_is_seen_also_by_who_may_not_read_the_login() -> None:
    world = lambda_world()
    world.answers[READ] = Denied("secretsmanager:GetSecretValue")
    status, _, lines = renewed(world, Hands(world, is_asleep=True))
    assert status == 1
    assert f"FAILED  the hub {SYSTEM}/{HUB} was not synced: ESO has not synced it" in lines


def test_namespaces_keep_what_a_hub_holds_that_never_follows() -> None:
    world = lambda_world()
    status, renewal, lines = renewed(world, Hands(world, is_asleep=True))
    assert status == 1
    assert f"FAILED  the hub {SYSTEM}/{HUB} was not synced: the Secret holds another login" in lines
    assert renewal.served == ["team-a", "team-b"]


def test_a_job_from_the_cron_jobs_template_renews_every_namespace() -> None:
    world = cronjob_world()
    hands = Hands(world)
    status, renewal, lines = renewed(world, hands)
    assert (status, renewal.served) == (0, ["team-a", "team-b"])
    assert lines[-1] == "served 2 of 2 namespaces"
    (made,) = hands.started
    assert made["metadata"]["generateName"] == "refresher-renew-"
    (container,) = made["spec"]["template"]["spec"]["containers"]
    assert container["args"][:1] == ["--force"]
    assert (
        container["env"]
        == world.documents[CRON_JOB]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["env"]
    )


def test_a_run_that_fails_names_what_was_not_renewed() -> None:
    world = cronjob_world()
    status, renewal, lines = renewed(world, Hands(world, ended="Failed"))
    assert (status, renewal.served) == (1, [])
    assert lines[1].startswith(
        "FAILED  the run failed: no reason given; see: kubectl --namespace everpull-dev logs job/renew-1"
    )
    assert "was not renewed" in renewal.failed["team-a"]


def test_a_namespace_that_was_not_written_is_told_of_and_the_others_are_served() -> None:
    world = cronjob_world()
    status, renewal, _ = renewed(world, Hands(world, unwritten=("team-b",)))
    assert (status, renewal.served, list(renewal.failed)) == (1, ["team-a"], ["team-b"])


def test_without_the_cron_job_nothing_is_started() -> None:
    world = cronjob_world()
    del world.documents[CRON_JOB]
    hands = Hands(world)
    status, _, lines = renewed(world, hands)
    assert (status, hands.started) == (1, [])
    assert "does not exist: pulumi up --refresh --stack dev" in lines[0]


def test_a_run_that_does_not_end_is_given_up() -> None:
    world = cronjob_world()
    status, _, lines = renewed(world, Hands(world, ended="Running"))
    assert status == 1
    assert any("did not end in time" in line for line in lines)


def test_a_stack_that_is_not_known_is_3(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def unknown(stack: str, config_file: str | None) -> View:
        raise NotKnown("no stack named 'dev' found", "pulumi stack ls")

    monkeypatch.setattr(renew, "opened", unknown)
    assert renew.main(["--stack", "dev"]) == 3
    assert capsys.readouterr().err == "no stack named 'dev' found\n-> pulumi stack ls\n"


def test_nodes_have_nothing_to_renew() -> None:
    world = worlds.node_role_world()
    assert renewed(world, Hands(world))[0] == 0


def test_a_cluster_that_does_not_answer_is_told_of() -> None:
    world = lambda_world()
    world.cluster.is_gone = True
    status, _, lines = renewed(world, Hands(world))
    assert status == 1
    assert any("the cluster could not be looked at" in line for line in lines)
