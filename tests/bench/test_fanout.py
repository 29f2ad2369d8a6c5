"""Both programs for real, on the local platform, in a handful of namespaces: what is counted, checked and left behind."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from bench import __main__ as command
from bench import fanout, ground, process, subjects
from bench.errors import BenchError
from bench.figures import MEASURES, PROGRAMS, STATES
from bench.kube import Kube
from bench.process import Usage
from local import paths
from local import state as platform_state
from local.cluster.certificates import Pki
from local.driver import aws
from local.paths import ROOT
from local.state import PlatformState
from tests.turns import one_at_a_time

pytestmark = pytest.mark.alone

COUNT = 3


@pytest.fixture(scope="module", autouse=True)
def platform() -> PlatformState:
    with one_at_a_time():
        subprocess.run([sys.executable, "-m", "local", "up"], cwd=ROOT, check=True)
    return platform_state.load()


@pytest.fixture
def kube(platform: PlatformState) -> Kube:
    pki = Pki(paths.current().kube)
    return Kube(platform.kube_api, pki.authority, pki.certificate("admin"), pki.key("admin"))


@pytest.fixture(scope="module")
def told(platform: PlatformState) -> dict[str, Any]:
    """What the command prints."""
    size = ["--namespaces", str(COUNT), "--repetitions", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "bench", "fanout", "--json", *size],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_both_programs_are_measured_by_everything_in_every_state(told: dict[str, Any]) -> None:
    names = {f"{measure}_{state}" for measure in MEASURES for state in STATES}
    for part in ("everpull", "peer", "ratios"):
        assert set(told[part]) == names
    for program in PROGRAMS:
        for state in STATES:
            assert told[program][f"cpu_{state}"] > 0
            assert 0 < told[program][f"wall_{state}"] < 60
            assert 10 < told[program][f"memory_{state}"] < 500


def test_the_peer_asks_for_each_secret_and_writes_it_every_time(told: dict[str, Any]) -> None:
    for state in STATES:
        found = {measure: told["peer"][f"{measure}_{state}"] for measure in ("requests", "aws_calls", "writes")}
        assert found == {"requests": 2 * COUNT, "aws_calls": 1, "writes": COUNT}, state


def test_everpull_writes_what_is_due_and_asks_aws_once_and_else_nothing(told: dict[str, Any]) -> None:
    found = {state: [told["everpull"][f"{measure}_{state}"] for measure in ("aws_calls", "writes")] for state in STATES}
    assert found == {"new": [1, COUNT], "due": [1, COUNT], "fresh": [0, 0]}


def test_nothing_is_left_behind(told: dict[str, Any], platform: PlatformState, kube: Kube) -> None:
    ours = {ground.SYSTEM, *ground.names(COUNT)}
    left = [item["metadata"]["name"] for item in kube.get("/api/v1/namespaces")["items"]]
    assert not ours & set(left)
    # What lies in a namespace that was taken away the hard way does not go with it.
    for kind in ("/api/v1/secrets", "/api/v1/serviceaccounts", "/apis/rbac.authorization.k8s.io/v1/roles"):
        assert not ours & {item["metadata"]["namespace"] for item in kube.metadata(kind)["items"] or []}
    assert kube.find("/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/everpull-bench") is None
    users = [user["UserName"] for user in aws.client(platform, "iam").list_users()["Users"]]
    assert "everpull-bench" not in users
    assert not (paths.current().home / "bench" / "accounts").exists()


@pytest.fixture
def stage(platform: PlatformState) -> Iterator[fanout.Stage]:
    with fanout.stage(paths.current(), platform) as here:
        yield here


def test_a_program_that_does_not_do_its_work_gives_no_figure(
    stage: fanout.Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def idle(_subject: subjects.Subject, _folder: object) -> Usage:
        return Usage(0.1, 0.1, 1)

    monkeypatch.setattr(process, "run", idle)
    with pytest.raises(BenchError, match=r"peer, new: 1 of 1 namespaces have no Secret"):
        fanout.measure(stage, 1, 1)


def test_two_measurements_do_not_run_beside_each_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "_bring_up", lambda: None)
    monkeypatch.setattr(command, "_build_peer", lambda _folders: None)
    with fanout.alone(paths.current()):
        assert command.main(["fanout", "--namespaces", "1"]) == 1
    assert capsys.readouterr() == ("", "another measurement runs on this platform\n")
