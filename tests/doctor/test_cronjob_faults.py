"""Mode `cronjob`: each fault, the link that is named first for it, its state, and the command that goes with it."""

import json
from datetime import timedelta
from typing import Any

import pytest

from doctor.report import first_fault
from lambda_src.refresher.core import timestamp
from tests.doctor import worlds
from tests.doctor.breaking import HOUR, RENEW, UP, Break, Row, answers, both, check, gone, keys, lacks
from tests.doctor.fakes import NOW, Gone
from tests.doctor.worlds import CRON_JOB, HOST, JOBS, RBAC, SYSTEM, World, cronjob_world, job, login, pull_secret

OBJECTS = f"/api/v1/namespaces/{SYSTEM}"
PODS = f"{OBJECTS}/pods"
TEAM_SECRET = "/api/v1/namespaces/team-b/secrets/everpull-dev"
DENIED = {"status": "failed", "error": "ecr:GetAuthorizationToken was denied"}
REFUSED = {"status": "incomplete", "failures": [{"reason": "the Secret is immutable", "namespaces": ["team-a"]}]}


def holds(secret: dict[str, Any]) -> Break:
    return lambda world: world.documents.update({TEAM_SECRET: secret})


def both_hold(**times: Any) -> Break:
    def write(world: World) -> None:
        for name in ("team-a", "team-b"):
            world.documents[f"/api/v1/namespaces/{name}/secrets/everpull-dev"] = pull_secret(name, login(**times))

    return write


def edited() -> dict[str, Any]:
    other = worlds.docker_secret(login(fetched=NOW - 3 * HOUR))
    return {**pull_secret("team-b", login()), "data": other["data"]}


def ran(ended: str | None, ago: timedelta, report: object = None, state: dict[str, Any] | None = None) -> Break:
    """The last Job, and what its pod says of it."""
    terminated = {"terminated": {"message": json.dumps(report), "finishedAt": "x"}}
    status = {"containerStatuses": [{"name": "refresher", "state": state or terminated}]}

    def run(world: World) -> None:
        world.documents[JOBS]["items"].append(job("refresher-2", ago, ended))
        world.documents[PODS] = {"items": [{"status": status}]}

    return run


def cron_job(**more: object) -> Break:
    return lambda world: world.documents[CRON_JOB].update(more)


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
        "is inactive",
        "update-access-key",
    ),
    "the user may not fetch logins": (
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
    "the credentials are gone": (
        gone(f"{OBJECTS}/secrets/refresher-aws-credentials"),
        "identity",
        "broken",
        "refresher-aws-credentials, do not exist",
        UP,
    ),
    "the CronJob is gone": (gone(CRON_JOB), "cron-job", "broken", "refresher does not exist", UP),
    "the CronJob is suspended": (
        lambda world: world.documents[CRON_JOB]["spec"].update(suspend=True),
        "cron-job",
        "breaking",
        "is suspended",
        'patch cronjob refresher --patch \'{"spec": {"suspend": false}}\'',
    ),
    "its service account is gone": (
        gone(f"{OBJECTS}/serviceaccounts/refresher"),
        "cron-job",
        "broken",
        "service account everpull-dev/refresher",
        UP,
    ),
    "its code is gone": (gone(f"{OBJECTS}/configmaps/refresher-code-1"), "cron-job", "broken", "refresher-code-1", UP),
    "the last run failed": (
        ran("Failed", HOUR / 6, DENIED),
        "cron-job",
        "broken",
        "ecr:GetAuthorizationToken was denied",
        "logs job/refresher-2",
    ),
    "the last run failed in a namespace": (
        ran("Failed", HOUR / 6, REFUSED),
        "cron-job",
        "broken",
        "the Secret is immutable",
        "logs job/refresher-2",
    ),
    "the last run left no report": (
        lambda world: world.documents[JOBS]["items"].append(job("refresher-2", HOUR / 6, "Failed")),
        "cron-job",
        "broken",
        "reached the backoff limit",
        "logs job/refresher-2",
    ),
    "its image can't be pulled": (
        ran(None, HOUR / 60, state={"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}),
        "cron-job",
        "broken",
        "ImagePullBackOff: no such image",
        "describe pods --selector batch.kubernetes.io/job-name=refresher-2",
    ),
    "its run hangs": (
        ran(None, HOUR / 6, state={"running": {}}),
        "cron-job",
        "broken",
        "it takes too long",
        "describe pods",
    ),
    "nothing starts it": (
        cron_job(status={"lastScheduleTime": timestamp(NOW - 5 * HOUR)}),
        "cron-job",
        "broken",
        "has not been started for 5 h",
        "describe cronjob refresher",
    ),
    "its Role is gone": (
        gone(f"{RBAC}/namespaces/team-b/roles/everpull-dev"),
        "fan-out",
        "broken",
        "team-b: the Role everpull-dev",
        UP,
    ),
    "its RoleBinding is gone": (
        gone(f"{RBAC}/namespaces/team-b/rolebindings/everpull-dev"),
        "fan-out",
        "broken",
        "team-b: the RoleBinding everpull-dev",
        UP,
    ),
    "a namespace is gone": (
        gone("/api/v1/namespaces/team-b"),
        "fan-out",
        "broken",
        "team-b: was served",
        "create namespace team-b",
    ),
    "a pull secret is gone": (gone(TEAM_SECRET), "fan-out", "broken", "team-b: has no pull secret", RENEW),
    "a pull secret is edited": (holds(edited()), "fan-out", "broken", "data that somebody else changed", RENEW),
    "a pull secret is emptied": (
        holds({**pull_secret("team-b", login()), "data": {}}),
        "fan-out",
        "broken",
        f"holds no login for {HOST}",
        RENEW,
    ),
    "a pull secret is somebody else's": (
        holds({"metadata": {}, "type": "Opaque"}),
        "fan-out",
        "broken",
        "a Secret of that name exists and is not everpull's",
        RENEW,
    ),
    "a pull secret has lost its owner": (
        holds(pull_secret("team-b", login(), uid="another")),
        "fan-out",
        "warning",
        "team-b: the pull secret has not our owner",
        RENEW,
    ),
    "the login has died": (both_hold(fetched=NOW - 13 * HOUR), "fan-out", "broken", "the login died at", RENEW),
    "the login dies before the next run": (
        both_hold(fetched=NOW - 11 * HOUR),
        "fan-out",
        "breaking",
        "which is before the next run is over",
        RENEW,
    ),
    "no pull secret anywhere": (
        both(gone(TEAM_SECRET), gone(TEAM_SECRET.replace("team-b", "team-a"))),
        "fan-out",
        "broken",
        "the namespaces team-a, team-b: has no pull secret",
        RENEW,
    ),
}


def test_every_link_of_a_sound_stack_holds() -> None:
    assert {link.state for link in cronjob_world().walk()} == {"ok"}


@pytest.mark.parametrize("row", FAULTS.values(), ids=FAULTS.keys())
def test_the_broken_link_is_named(row: Row) -> None:
    check(cronjob_world(), row)


def test_namespaces_chosen_by_label_are_looked_at_by_the_cluster_role() -> None:
    world = cronjob_world(namespaceSelector="team=yes")
    world.outputs["namespaceSelector"] = "team=yes"
    world.documents["/api/v1/namespaces/team-c"] = {"metadata": {"labels": {"team": "yes"}}}
    world.documents["/api/v1/namespaces"] = {}
    world.documents[f"{RBAC}/clusterroles/everpull-dev"] = {"metadata": {"uid": "everywhere"}}
    world.documents[f"{RBAC}/clusterrolebindings/everpull-dev"] = {"metadata": {}}
    place = "/api/v1/namespaces/team-c/secrets/everpull-dev"
    world.documents[place] = pull_secret("team-c", login(), "everywhere", "ClusterRole")
    link = world.link("fan-out")
    assert (link.state, link.detail) == ("ok", "3 namespaces of 3 served, 1 of them chosen by label")
    del world.documents[place]
    del world.documents[f"{RBAC}/clusterrolebindings/everpull-dev"]
    sentences = [fault.sentence for fault in world.link("fan-out").faults]
    assert [sentence.partition(": ")[0] for sentence in sentences] == ["namespace team-c"] * 2


def test_a_run_that_was_mended_is_no_fault() -> None:
    world = cronjob_world()
    ran("Failed", HOUR / 2, DENIED)(world)
    world.documents[JOBS]["items"].append(job("by-hand", HOUR / 4))
    assert first_fault(world.walk()) is None
