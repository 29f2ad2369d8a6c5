"""One control plane for all tests of this folder; each test has a namespace of its own.

It ends with the folder and not with the run: idle it takes 2 % of a core, and most of a run is still to come by then.
"""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.providers.kubernetes import kubeconfig
from local.providers.kubernetes.api import Api
from tests.local_providers.kubernetes.control_plane import ControlPlane, control_plane
from tests.local_providers.kubernetes.meddler import Meddler
from tests.local_providers.kubernetes.stack import Stack


@pytest.fixture(scope="package")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(tmp_path_factory.mktemp("control-plane")) as running:
        yield running


@pytest.fixture(scope="package")
def api(plane: ControlPlane) -> Iterator[Api]:
    """Somebody else's client, for looking and for meddling."""
    client = Api(kubeconfig.client(kubeconfig.load(str(plane.kubeconfig), "", ""), 30.0))
    yield client
    client.close()


@pytest.fixture
def namespace(api: Api) -> str:
    name = f"test-{secrets.token_hex(4)}"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    api.write("create", api.resource("v1", "Namespace"), body, namespace=None, name=name, manager="tests")
    return name


@pytest.fixture
def meddler(api: Api, namespace: str) -> Meddler:
    return Meddler(api, namespace)


@pytest.fixture
def stack(plane: ControlPlane, namespace: str, tmp_path: Path) -> Stack:
    return Stack(tmp_path, plane.kubeconfig, namespace)
