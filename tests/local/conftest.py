"""What the tests of the platform's parts share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.paths import Paths
from local.state import PlatformState
from local.supervisor import Supervisor


@pytest.fixture
def folders(tmp_path: Path) -> Paths:
    """A state folder of its own."""
    made = Paths(tmp_path / "state")
    made.make()
    return made


@pytest.fixture
def supervisor(folders: Paths) -> Iterator[Supervisor]:
    """A supervisor whose processes are gone after the test."""
    made = Supervisor(folders)
    yield made
    for name in made.names():
        made.stop(name, seconds=1)


@pytest.fixture
def state(folders: Paths) -> PlatformState:
    """A state as `up` would choose it."""
    names = (
        "aws",
        "ecr-registry",
        "tunnel",
        "registry",
        "etcd",
        "etcd-peer",
        "controller-manager",
        "scheduler",
        "kubelet",
    )
    more = ("kubelet-health", "containerd-stream", "eso-metrics", "eso-live", "kube-apiserver")
    return PlatformState(
        aws_endpoint="http://127.0.0.1:21001",
        registry_endpoint="http://127.0.0.1:21002",
        backend_registry="http://127.0.0.1:21003",
        kubeconfig=str(folders.kubeconfig),
        kube_api="https://127.70.0.1:443",
        account="000000000000",
        region="eu-central-1",
        aws_access_key_id="AKIAEXAMPLEEXAMPLE00",
        aws_secret_access_key='it\'s a "secret" $HOME `id`',
        node=True,
        node_reason="",
        network="127.70.0",
        ports={name: 21000 + number for number, name in enumerate((*names, *more))},
    )
