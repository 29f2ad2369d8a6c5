"""One stand-in for all tests of this package; each test makes its own principals and repositories."""

import uuid
from collections.abc import Iterator

import pytest

from tests.local_aws.issuer import UNREACHABLE, Issuer
from tests.local_aws.platform import Stand, docker_registry


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("registry") / "registry") as address:
        yield address


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    """The issuer of the tokens of a cluster, whose keys the stand-in knows to get."""
    with Issuer() as running:
        yield running


@pytest.fixture(scope="session")
def stand(tmp_path_factory: pytest.TempPathFactory, backend: str, issuer: Issuer) -> Iterator[Stand]:
    issuers = {issuer.url: issuer.address, UNREACHABLE: "http://127.0.0.1:1/keys"}
    running = Stand(tmp_path_factory.mktemp("aws") / "stand", backend, issuers)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def name() -> str:
    """A name nobody else has."""
    return f"t{uuid.uuid4().hex[:12]}"
