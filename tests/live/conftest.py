"""The real engine, ESO and kubelet, on the local platform, which is brought up if it is not."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from lightkube import Client

from local import state as platform_state
from local.driver import aws, workloads
from local.paths import ROOT
from local.state import PlatformState
from tests.live.deployment import Deployment, deploy
from tests.turns import one_at_a_time

LOGIN_LIFE_SECONDS = 12 * 3600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/live/" in item.path.as_posix():
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def platform() -> PlatformState:
    with one_at_a_time():
        subprocess.run([sys.executable, "-m", "local", "up"], cwd=ROOT, check=True)
    state = platform_state.load()
    if not state.node:
        pytest.fail(f"live tests need a node: {state.node_reason}")
    return state


@pytest.fixture(scope="session")
def kube(platform: PlatformState) -> Iterator[Client]:
    with workloads.client(platform) as client:
        yield client


@pytest.fixture(autouse=True)
def as_on_aws(platform: PlatformState) -> Iterator[None]:
    """Logins live 12 hours and rights come at once, unless a test says otherwise."""
    normal: dict[str, object] = {"token_ttl_seconds": LOGIN_LIFE_SECONDS, "iam_delay_seconds": 0, "schedule_speed": 1}
    aws.admin(platform, "config", normal)
    yield
    aws.admin(platform, "config", normal)


@pytest.fixture(scope="session")
def deployed(platform: PlatformState, kube: Client) -> Iterator[Deployment]:
    """A stack that is up, in two namespaces: one for each process that runs tests. Tests put back what they change."""
    aws.admin(platform, "config", {"token_ttl_seconds": LOGIN_LIFE_SECONDS, "iam_delay_seconds": 0})
    name = f"live{os.environ.get('PYTEST_XDIST_WORKER', '')}"
    with deploy(platform, kube, name, namespaces=[f"{name}-a", f"{name}-b"]) as deployment:
        yield deployment
