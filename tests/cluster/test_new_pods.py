import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

import httpx2
import pulumi
import pytest

from cluster import new_pods
from kube.client import Unreachable
from settings import ClusterAccess

API = "/apis/admissionregistration.k8s.io/v1"
POLICY = f"{API}/mutatingadmissionpolicies/everpull-dev"
BINDING = f"{API}/mutatingadmissionpolicybindings/everpull-dev.listed"
HOST = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
NOW = 1_800_000_000


@dataclass
class Cluster:
    """Answers for policy and binding, which were last changed so many seconds ago, and makes pods in dry runs."""

    ages: dict[str, float] = field(default_factory=lambda: {POLICY: 60, BINDING: 60})
    gives: list[list[str]] = field(default_factory=lambda: [["ecr-pull"]])
    refuses: int = 0
    namespaces: list[str] = field(default_factory=list)
    requests: list[httpx2.Request] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        path = request.url.path
        if request.method == "POST":
            if self.refuses:
                return httpx2.Response(self.refuses, json={})
            added = self.gives.pop(0) if len(self.gives) > 1 else self.gives[0]
            pod = json.loads(request.content)
            pod["spec"]["imagePullSecrets"] += [{"name": name} for name in added]
            return httpx2.Response(201, json=pod)
        if path == "/api/v1/namespaces":
            return httpx2.Response(200, json={"items": [{"metadata": {"name": name}} for name in self.namespaces]})
        changed = formatted(NOW - self.ages[path])
        entries = [{"time": formatted(0)}, {"time": changed}, {"manager": "no time"}]
        body = {"metadata": {"creationTimestamp": formatted(0), "managedFields": entries}}
        return httpx2.Response(200, json=body, headers={"Date": formatdate(NOW, usegmt=True)})

    @property
    def asked(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.requests]


def formatted(seconds: float) -> str:
    """As Kubernetes writes times."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def run(**more: Any) -> str:
    """Unlike asyncio.run, leaves the thread's current event loop alone, which Pulumi's test decorator relies on."""
    arguments: dict[str, Any] = {
        "bindings": ["everpull-dev.listed"],
        "registry": HOST,
        "pull_secret": "ecr-pull",
        "namespaces": ["team-a", "team-b"],
        "label_selector": "",
        "excluded": [],
        **more,
    }
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(new_pods.when_in_force(ClusterAccess(None, None), "everpull-dev", **arguments))
    finally:
        loop.close()


@dataclass
class Waited:
    """What was said and how long was slept."""

    slept: list[float] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


Wait = Callable[..., str]


@pytest.fixture
def waited() -> Waited:
    return Waited()


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch, waited: Waited) -> Wait:
    async def sleep(seconds: float) -> None:
        waited.slept.append(seconds)

    monkeypatch.setattr(new_pods, "_PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(new_pods.asyncio, "sleep", sleep)
    monkeypatch.setattr(pulumi.log, "warn", waited.warnings.append)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)

    def waited_for(cluster: Cluster, **more: Any) -> str:
        http = httpx2.Client(base_url="https://cluster.example", transport=httpx2.MockTransport(cluster))
        monkeypatch.setattr(new_pods, "connect", lambda *where: http)
        return run(**more)

    return waited_for


def test_a_policy_that_has_been_there_is_proven_at_once(wait: Wait, waited: Waited) -> None:
    cluster = Cluster()
    assert wait(cluster) == "everpull-dev"
    assert cluster.asked == [f"GET {POLICY}", f"GET {BINDING}", "POST /api/v1/namespaces/team-a/pods"]
    assert (waited.slept, waited.warnings) == ([0.0], [])


def test_nothing_is_made_and_the_image_is_one_of_the_registrys(wait: Wait) -> None:
    cluster = Cluster()
    wait(cluster)
    request = cluster.requests[-1]
    assert request.url.params["dryRun"] == "All"
    spec = json.loads(request.content)["spec"]
    assert [container["image"] for container in spec["containers"]] == [f"{HOST}/probe"]
    assert spec["imagePullSecrets"], "its service account's list would be taken for the policy's work"


@pytest.mark.parametrize(("path", "age", "more"), [(POLICY, 1, 2.0), (BINDING, 0, 3.0), (BINDING, -1, 4.0)])
def test_a_change_is_given_the_time_that_api_servers_take(
    wait: Wait, waited: Waited, path: str, age: float, more: float
) -> None:
    cluster = Cluster()
    cluster.ages[path] = age
    wait(cluster)
    assert waited.slept == [more]


def test_a_pod_is_asked_for_until_it_gets_the_pull_secret(
    wait: Wait, waited: Waited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_pods, "_PATIENCE_SECONDS", 60.0)
    cluster = Cluster(gives=[[], ["theirs"], ["theirs", "ecr-pull"]])
    wait(cluster)
    assert len(cluster.asked) == 5


def test_pods_that_never_get_it_are_an_error_that_says_what_they_get(wait: Wait) -> None:
    with pytest.raises(
        pulumi.RunError, match=r"pods of namespace team-a still .* \(they get: everpull-probe, theirs\)"
    ):
        wait(Cluster(gives=[["theirs"]]))


def test_a_cluster_that_makes_no_such_pod_is_a_warning(wait: Wait, waited: Waited) -> None:
    assert wait(Cluster(refuses=403)) == "everpull-dev"
    assert waited.warnings == [
        "whether new pods get the pull secret was not checked: HTTP 403 on /api/v1/namespaces/team-a/pods"
    ]


def test_a_cluster_out_of_reach_is_a_warning(wait: Wait, waited: Waited, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("canary")

    assert wait(fail) == "everpull-dev"
    assert waited.warnings == [f"whether new pods get the pull secret was not checked: ConnectError on {POLICY}"]


def test_namespaces_that_are_chosen_by_label_alone_are_looked_for(wait: Wait) -> None:
    cluster = Cluster(namespaces=["team-x"])
    wait(cluster, namespaces=[], label_selector="team=a", excluded=["kube-system", "team-y"])
    assert cluster.asked[-1] == "POST /api/v1/namespaces/team-x/pods"
    assert cluster.requests[-2].url.params["labelSelector"] == (
        "team=a,kubernetes.io/metadata.name notin (kube-system,team-y)"
    )


def test_where_no_namespace_is_there_yet_nothing_is_asked_for(wait: Wait, waited: Waited) -> None:
    cluster = Cluster(namespaces=["anybodys"])
    assert wait(cluster, namespaces=[]) == "everpull-dev"
    assert cluster.asked == [f"GET {POLICY}", f"GET {BINDING}"]
    assert waited.warnings == []


def test_a_label_that_no_namespace_has_proves_nothing_and_is_no_fault(wait: Wait, waited: Waited) -> None:
    cluster = Cluster()
    wait(cluster, namespaces=[], label_selector="team=a")
    assert cluster.requests[-1].url.params["labelSelector"] == "team=a"
    assert waited.warnings == []


def test_a_preview_asks_for_nothing(monkeypatch: pytest.MonkeyPatch, wait: Wait) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    cluster = Cluster()
    assert wait(cluster) == "everpull-dev"
    assert cluster.asked == []


def test_a_kubeconfig_that_is_none_is_a_warning(monkeypatch: pytest.MonkeyPatch, waited: Waited) -> None:
    def fail(*where: object) -> None:
        raise Unreachable("no usable kubeconfig (FileNotFoundError)")

    monkeypatch.setattr(pulumi.log, "warn", waited.warnings.append)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    monkeypatch.setattr(new_pods, "connect", fail)
    assert run() == "everpull-dev"
    assert waited.warnings == [
        "whether new pods get the pull secret was not checked: no usable kubeconfig (FileNotFoundError)"
    ]
