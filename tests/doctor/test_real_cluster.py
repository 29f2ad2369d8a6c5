"""Mode `cronjob` on a real API server: what the doctor reads there, and what renewing changes."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from components.aws_reads import Access
from doctor.cluster import HttpCluster
from doctor.events import cause
from doctor.hands import RealHands
from doctor.link import Link, State
from doctor.renew_cronjob import job_of
from doctor.report import as_text, first_fault
from doctor.view import View
from doctor.walk import walk
from kube.client import connect
from tests.doctor import worlds
from tests.doctor.fakes import NOW, b64
from tests.doctor.worlds import CRON_JOB, JOBS, KEY, LABELS, RBAC, SYSTEM, cronjob_world, login, pull_secret
from tests.local_providers.kubernetes.control_plane import ControlPlane, control_plane

NAMES = ("team-a", "team-b")
OBJECTS = f"/api/v1/namespaces/{SYSTEM}"
CODE = f"{OBJECTS}/configmaps/refresher-code-1"
TEAM_SECRET = "/api/v1/namespaces/team-b/secrets/everpull-dev"
BINDING = f"{RBAC}/namespaces/team-b/rolebindings/everpull-dev"
RULE = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}


class Api:
    """The API server, as its administrator sees it."""

    def __init__(self, plane: ControlPlane) -> None:
        authority = str(plane.kubeconfig.parent / "certificates" / "apiserver.crt")
        self.plane = plane
        self.http = httpx2.Client(
            base_url=plane.url,
            verify=ssl.create_default_context(cafile=authority),
            headers={"Authorization": "Bearer admin-token"},
            trust_env=False,
        )

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        response = self.http.request(method, path, json=body, headers=headers)
        assert response.status_code < 300, response.text
        return response.json()

    def make(self, path: str, body: dict[str, Any]) -> Any:
        collection, _, name = path.rpartition("/")
        return self.call("POST", collection, {**body, "metadata": {**body.get("metadata", {}), "name": name}})

    def merge(self, path: str, patch: dict[str, Any]) -> None:
        self.http.patch(path, json=patch, headers={"Content-Type": "application/merge-patch+json"}).raise_for_status()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """With all that the stack has in the cluster. The CronJob never fires."""
    with control_plane(tmp_path_factory.mktemp("control-plane")) as plane:
        made = Api(plane)
        for name in (SYSTEM, *NAMES):
            made.make(f"/api/v1/namespaces/{name}", {})
        made.make(f"{OBJECTS}/serviceaccounts/refresher", {})
        made.make(CODE, {"data": {"a.py": ""}})
        made.make(f"{OBJECTS}/configmaps/refresher-targets-1", {"data": {"targets.json": "{}"}})
        made.make(f"{OBJECTS}/secrets/refresher-aws-credentials", {"data": {"access-key-id": b64(KEY)}})
        made.make(CRON_JOB, cron_job())
        yield made
        made.http.close()


def cron_job() -> dict[str, Any]:
    """As the world has it, with what the API server asks for besides."""
    found = cronjob_world().documents[CRON_JOB]["spec"]
    pod = found["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    volumes = [{"name": volume["configMap"]["name"], **volume} for volume in pod["volumes"]]
    spec = {
        **pod,
        "restartPolicy": "Never",
        "containers": [{"name": "refresher", "image": "none", "args": ["--reason", "schedule"], **container}],
        "volumes": volumes,
    }
    template = {"metadata": {"labels": LABELS}, "spec": spec}
    return {
        "metadata": {"labels": LABELS},
        "spec": {
            **found,
            "schedule": "0 0 31 2 *",
            "jobTemplate": {"metadata": {"labels": LABELS}, "spec": {"template": template, "backoffLimit": 2}},
        },
    }


@pytest.fixture
def sound(api: Api) -> Iterator[Api]:
    """With pull secrets, and the rights to write them, of now."""
    for name in NAMES:
        role = api.make(f"{RBAC}/namespaces/{name}/roles/everpull-dev", {"rules": [RULE]})
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "everpull-dev"}
        api.make(f"{RBAC}/namespaces/{name}/rolebindings/everpull-dev", {"roleRef": reference})
        one = login(fetched=datetime.now(UTC) - timedelta(hours=1))
        made = pull_secret(name, one, role["metadata"]["uid"])
        api.make(f"/api/v1/namespaces/{name}/secrets/everpull-dev", made)
    yield api
    for name in NAMES:
        for path in ("roles", "rolebindings"):
            api.http.delete(f"{RBAC}/namespaces/{name}/{path}/everpull-dev")
        api.http.delete(f"/api/v1/namespaces/{name}/secrets/everpull-dev")


@contextmanager
def looking(kubeconfig: Path) -> Iterator[View]:
    """At the cluster as whoever the kubeconfig says."""
    made = cronjob_world()
    made.now = datetime.now(UTC)
    made.aws.ahead = made.now - NOW
    with connect(str(kubeconfig), None, 15.0) as http:
        made.cluster = HttpCluster(http)  # type: ignore[assignment]
        yield made.view


def walked(api: Api) -> list[Link]:
    with looking(api.plane.kubeconfig) as view:
        return walk(view)


def test_a_sound_stack_is_well(sound: Api) -> None:
    links = walked(sound)
    assert {link.state for link in links} == {"ok"}, as_text("dev", links)
    assert worlds.CANARY not in as_text("dev", links)


FAULTS: dict[str, tuple[Callable[[Api], Any], str, State, str]] = {
    "a role binding is gone": (lambda api: api.call("DELETE", BINDING), "fan-out", "broken", "the RoleBinding"),
    "a pull secret is gone": (lambda api: api.call("DELETE", TEAM_SECRET), "fan-out", "broken", "has no pull secret"),
    "a pull secret is edited": (
        lambda api: api.merge(TEAM_SECRET, {"data": {".dockerconfigjson": b64('{"auths": {}}')}}),
        "fan-out",
        "broken",
        f"holds no login for {worlds.HOST}",
    ),
    "a pull secret says that it is dead": (
        lambda api: api.merge(
            TEAM_SECRET, {"metadata": {"annotations": {"everpull/expires-at": "2020-01-01T00:00:00Z"}}}
        ),
        "fan-out",
        "broken",
        "the login died at 2020-01-01",
    ),
}


@pytest.mark.parametrize(("inject", "name", "state", "sentence"), FAULTS.values(), ids=FAULTS.keys())
def test_the_broken_link_is_named(
    sound: Api, inject: Callable[[Api], Any], name: str, state: State, sentence: str
) -> None:
    inject(sound)
    links = walked(sound)
    first = first_fault(links)
    assert first is not None
    assert (first.name, first.state) == (name, state), as_text("dev", links)
    assert first.faults[0].sentence.startswith("namespace team-b: ")
    assert sentence in first.faults[0].sentence


def test_a_suspended_cron_job_is_about_to_break(sound: Api) -> None:
    sound.merge(CRON_JOB, {"spec": {"suspend": True}})
    try:
        first = first_fault(walked(sound))
    finally:
        sound.merge(CRON_JOB, {"spec": {"suspend": False}})
    assert first is not None
    assert (first.name, first.state) == ("cron-job", "breaking")


def test_who_has_no_right_in_the_cluster_is_told_what_is_missing(sound: Api) -> None:
    with looking(sound.plane.limited) as view:
        links = walk(view)
    states = {link.name: link.state for link in links}
    assert (states["cron-job"], states["fan-out"]) == ("unknown", "unknown")
    assert "you may not read /api" in next(link.detail for link in links if link.name == "fan-out")


def test_the_job_of_a_renewal_is_taken_and_belongs_to_the_cron_job(sound: Api) -> None:
    with looking(sound.plane.kubeconfig) as view:
        found = view.cluster.document(CRON_JOB)
    assert found is not None
    name = RealHands(Access("eu-central-1"), sound.http).start(SYSTEM, job_of(found))
    try:
        made = sound.call("GET", f"{JOBS}/{name}")
        (owner,) = made["metadata"]["ownerReferences"]
        (container,) = made["spec"]["template"]["spec"]["containers"]
        assert (owner["kind"], made["spec"]["backoffLimit"]) == ("CronJob", 0)
        assert container["args"] == ["--force", "--reason", "make renew", "--images-may-fail"]
        assert container["env"][0]["valueFrom"]["secretKeyRef"]["name"] == "refresher-aws-credentials"
    finally:
        sound.http.delete(f"{JOBS}/{name}?propagationPolicy=Background")


@pytest.mark.parametrize("annotations", [{}, {"theirs": "kept"}])
def test_an_annotation_that_forces_a_sync_is_beside_those_that_are_there(
    sound: Api, annotations: dict[str, str]
) -> None:
    path = f"{OBJECTS}/configmaps/forced"
    sound.make(path, {"metadata": {"annotations": annotations}})
    RealHands(Access("eu-central-1"), sound.http).force_sync(path)
    found = sound.call("GET", path)["metadata"]["annotations"]
    sound.call("DELETE", path)
    assert set(found) == {*annotations, "force-sync"}


def test_the_last_warning_about_an_external_secret_is_found_and_who_may_not_list_events_does_without(
    sound: Api,
) -> None:
    for number, name in enumerate(("fetch-a", "fetch-b")):
        about = {"kind": "ExternalSecret", "name": name, "namespace": SYSTEM}
        event = {"type": "Warning", "reason": "UpdateFailed", "message": f"{name} was denied", "involvedObject": about}
        sound.make(f"{OBJECTS}/events/warning-{number}", {"metadata": {"namespace": SYSTEM}, **event})
    with looking(sound.plane.kubeconfig) as view:
        assert cause(view.cluster, SYSTEM, "fetch-a", "no data") == "no data (fetch-a was denied)"
    with looking(sound.plane.limited) as view:
        assert cause(view.cluster, SYSTEM, "fetch-a", "no data") == "no data"
