"""The handler's surroundings: a scripted AWS, the function's environment, and fresh clients."""

import time
from collections.abc import Iterator

import hypothesis
import pytest
from refresher import aws_clients

from tests.refresher.aws_server import AwsServer, aws_server
from tests.refresher.fakes import CANARY, FRANKFURT, LIFE

# A busy machine is no fault of the code.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")

SECRET_ID = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:login-AbCdEf"


@pytest.fixture
def aws() -> Iterator[AwsServer]:
    with aws_server() as server:
        server.password = CANARY
        server.expires_at = int(time.time() + LIFE.total_seconds())
        yield server


@pytest.fixture
def function(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsServer]:
    """The environment of a function with one registry, on the scripted AWS."""
    monkeypatch.delenv("AWS_LAMBDA_LOG_LEVEL", raising=False)
    for name, value in {
        "AWS_ENDPOINT_URL": aws.endpoint,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": f"{CANARY}-key",
        "AWS_REGION": "eu-central-1",
        "EVERPULL_SECRET_ID": SECRET_ID,
        "EVERPULL_REGISTRIES": FRANKFURT,
    }.items():
        monkeypatch.setenv(name, value)
    aws_clients.forget()
    yield aws
    aws_clients.forget()
