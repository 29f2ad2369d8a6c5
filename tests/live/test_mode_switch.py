"""A stack moves from one mode to the other and back: no moment without a valid pull secret, and nothing is left behind."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lightkube import Client

from local import paths
from local.driver import workloads
from local.driver.workloads import wait_until
from local.state import PlatformState
from tests.live.cronjob_deployment import deploy_cronjob
from tests.live.deployment import Deployed, deploy
from tests.live.test_side_by_side import in_aws, in_cluster
from tests.live.watch import Seen, watched

NAMESPACES = ("switch-a", "switch-b")
OWNER = {"lambda": "ExternalSecret", "cronjob": "Role"}


@dataclass
class Attempt:
    """One pod's pull, and when it began."""

    began: float
    pull: workloads.Pull


@contextmanager
def pulling_all_the_while(deployed: Deployed) -> Iterator[list[Attempt]]:
    """One pod after the other pulls the image afresh, until the block ends."""
    attempts: list[Attempt] = []
    end = threading.Event()

    def pull() -> None:
        with workloads.client(deployed.state) as kube:
            while not end.is_set():
                began, name = time.monotonic(), deployed.outputs["pullSecretName"]
                place = deployed.namespaces[0]
                attempts.append(Attempt(began, workloads.pull(kube, place, "meanwhile", deployed.image, name)))

    thread = threading.Thread(target=pull, daemon=True)
    thread.start()
    try:
        yield attempts
    finally:
        end.set()
        thread.join(90)


def assert_no_hole(seen: Seen) -> None:
    assert seen.faults == []
    assert len(seen.uids) == 1, "the Secret was made anew instead of being taken over"
    assert len(seen.contents) > 1, "the new delivery wrote nothing"


def switch(deployed: Deployed, mode: str) -> None:
    """One `up` to the other mode, watched in both namespaces, then one that must find nothing to do."""
    name = deployed.outputs["pullSecretName"]
    state = deployed.state
    config = {key: value for key, value in deployed.config.items() if key not in ("everpull:mode", "everpull:image")}
    keys = {"everpull:image": state.refresher_image} if mode == "cronjob" else {}
    deployed.stack.configure({**config, **keys, "everpull:mode": mode})
    with (
        pulling_all_the_while(deployed) as attempts,
        watched(state, NAMESPACES[0], name) as first,
        watched(state, NAMESPACES[1], name) as second,
    ):
        deployed.stack.up()
        # Whoever owned the Secret before is gone: the garbage collector has looked at it by now.
        wait_until(lambda: owners(deployed) == {OWNER[mode]}, "one owner is left")
    for seen in (first, second):
        assert_no_hole(seen)
    assert attempts, "no pod pulled, so nothing was proven"
    refused = [
        (attempt.pull.message, [round(written - attempt.began, 2) for written in first.times], attempt.pull.seconds)
        for attempt in attempts
        if not attempt.pull.pulled
    ]
    assert refused == [], f"message, seconds from its beginning to each write of the secret, seconds it took; {_said()}"
    assert deployed.stack.up().changes == {}
    assert deployed.stack.refresh().changes == {}


def _said() -> list[str]:
    """Why the registry took no login, as its log has it: the latest that were not simply missing."""
    lines = (paths.current().log / "aws.log").read_text(errors="replace").splitlines()
    return [line for line in lines if "401 for" in line and "no login" not in line][-5:]


def owners(deployed: Deployed) -> set[str]:
    secret = deployed.pull_secret(NAMESPACES[0])
    assert secret is not None
    return {owner.kind for owner in secret.metadata.ownerReferences or []}


def test_a_stack_moves_from_lambda_to_cronjob_and_back(platform: PlatformState, kube: Client) -> None:
    before = in_aws(platform, "switch"), in_cluster(kube, "switch")
    with deploy(platform, kube, "switch", NAMESPACES) as deployment:
        lambda_only = in_aws(platform, "switch"), in_cluster(kube, "switch")
        switch(deployment, "cronjob")
        assert in_aws(platform, "switch")["functions"] == []
        assert in_cluster(kube, "switch")["external secrets"] == []
        assert deployment.pull("switch-b").pulled
        switch(deployment, "lambda")
        now = in_aws(platform, "switch"), in_cluster(kube, "switch")
        assert {kind: len(names) for kind, names in now[0].items()} == {
            kind: len(names) for kind, names in lambda_only[0].items()
        }
        assert now[1] == lambda_only[1]
        assert deployment.pull("switch-b").pulled
    assert in_aws(platform, "switch") == before[0]
    wait_until(lambda: in_cluster(kube, "switch") == before[1], "nothing is left in the cluster")


def test_destroy_of_a_cronjob_stack_that_was_lambda_leaves_nothing(platform: PlatformState, kube: Client) -> None:
    before = in_aws(platform, "switch"), in_cluster(kube, "switch")
    with deploy_cronjob(platform, kube, "switch", NAMESPACES) as deployment:
        switch(deployment, "lambda")
        switch(deployment, "cronjob")
    assert in_aws(platform, "switch") == before[0]
    wait_until(lambda: in_cluster(kube, "switch") == before[1], "nothing is left in the cluster")
