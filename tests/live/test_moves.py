"""One stack moves through every mode, identity and trigger: no moment without a valid pull secret, and nothing left behind."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pytest
from lightkube import Client

from local.cluster.pod_identity import CLUSTER
from local.driver.workloads import wait_until
from local.state import PlatformState
from tests.live.deployment import Deployed, bring_up
from tests.live.pulling import pulling_all_the_while, refused_logins
from tests.live.test_side_by_side import in_aws, in_cluster
from tests.live.watch import Seen, watched

STACK = "moves"
NAMESPACES = ("moves-a", "moves-b")


@dataclass(frozen=True)
class Way:
    """How a stack keeps its pull secrets."""

    mode: str
    identity: str = "access-key"
    trigger: str = "schedule"

    def __str__(self) -> str:
        trigger = "" if self.trigger == "schedule" else f" {self.trigger}"
        return f"{self.mode} {self.identity}{trigger}"

    def keys(self, state: PlatformState) -> dict[str, object]:
        keys: dict[str, object] = {"mode": self.mode, "identity": self.identity}
        if self.identity == "irsa":
            keys["eksCluster"] = CLUSTER
        if self.mode == "cronjob":
            keys["image"] = state.refresher_image
        if self.trigger != "schedule":
            keys["trigger"] = self.trigger
        return keys

    @property
    def in_aws(self) -> dict[str, int]:
        """How many of each kind there are."""
        functions, by_key = int(self.mode == "lambda"), int(self.identity == "access-key")
        return {
            "users": by_key,
            "roles": functions + (1 - by_key),
            "policies": 0,
            "secrets": functions,
            "functions": functions,
            "rules": int(functions and self.trigger == "schedule"),
            "queues": functions,
            "log groups": functions,
        }

    @property
    def owner(self) -> str:
        """The kind of what owns the pull secrets."""
        return "Role" if self.mode == "cronjob" else "ExternalSecret"

    @property
    def puller(self) -> str:
        """Whose rights the logins carry."""
        return "the function" if self.mode == "lambda" else f"the cluster by {self.identity}"


# The moves that users will make, in one walk: to each mode from another, from each identity and trigger to the other.
WALK = (
    Way("lambda"),
    Way("lambda", "irsa"),
    Way("generator", "irsa"),
    Way("cronjob", "irsa"),
    Way("generator"),
    Way("lambda"),
    Way("lambda", trigger="rotation"),
    Way("cronjob"),
    Way("lambda"),
)


@pytest.fixture(scope="module")
def walker(platform: PlatformState, kube: Client, issuer: str) -> Iterator[Deployed]:
    before = in_aws(platform, STACK), in_cluster(kube, STACK)
    with bring_up(Deployed, platform, kube, STACK, NAMESPACES, WALK[0].keys(platform)) as deployment:
        assert deployment.pull().pulled
        yield deployment
    assert in_aws(platform, STACK) == before[0]
    wait_until(lambda: in_cluster(kube, STACK) == before[1], "nothing is left in the cluster")


@pytest.mark.parametrize(("before", "after"), [*pairwise(WALK)], ids=lambda way: str(way))
def test_pods_pull_all_the_while(walker: Deployed, before: Way, after: Way) -> None:
    state, stack = walker.state, walker.stack
    name = walker.outputs["pullSecretName"]
    stack.configure({**common(walker), **{f"everpull:{key}": value for key, value in after.keys(state).items()}})
    with (
        pulling_all_the_while(walker) as attempts,
        watched(state, NAMESPACES[0], name) as first,
        watched(state, NAMESPACES[1], name) as second,
    ):
        stack.up()
        # Whoever owned the Secret before is gone: the garbage collector has looked at it by now.
        wait_until(lambda: owners(walker) == {after.owner}, "one owner is left")
    for seen in (first, second):
        assert_no_hole(seen, written=after.puller != before.puller)
    assert attempts, "no pod pulled, so nothing was proven"
    refused = [
        (attempt.pull.message, [round(written - attempt.began, 2) for written in first.times], attempt.pull.seconds)
        for attempt in attempts
        if not attempt.pull.pulled
    ]
    assert refused == [], (
        f"message, seconds from its beginning to each write of the secret, seconds it took; {refused_logins()}"
    )
    assert {kind: len(names) for kind, names in in_aws(state, STACK).items()} == after.in_aws
    assert_delivered_alone(in_cluster(walker.kube, STACK), after)
    assert walker.pull(NAMESPACES[1]).pulled
    assert stack.preview("--refresh").changes == {}


def common(walker: Deployed) -> dict[str, object]:
    """The keys that go with every way."""
    own = {f"everpull:{key}" for way in WALK for key in way.keys(walker.state)}
    return {key: value for key, value in walker.config.items() if key not in own}


def assert_delivered_alone(found: dict[str, list[str]], way: Way) -> None:
    """No other mode's objects are in the cluster."""
    by_operator = int(way.mode != "cronjob")
    assert len(found["cron jobs"]) == 1 - by_operator
    assert len(found["cluster stores"]) == by_operator
    assert bool(found["external secrets"]) == bool(by_operator)
    assert len(found["generators"]) == int(way.mode == "generator")


def assert_no_hole(seen: Seen, *, written: bool) -> None:
    assert seen.faults == []
    assert len(seen.uids) == 1, "the Secret was made anew instead of being taken over"
    assert not written or len(seen.contents) > 1, "the new delivery wrote nothing"


def owners(deployed: Deployed) -> set[str]:
    secret = deployed.pull_secret(NAMESPACES[0])
    assert secret is not None
    return {owner.kind for owner in secret.metadata.ownerReferences or []}
