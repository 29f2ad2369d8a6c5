"""The entries' surroundings: a scripted AWS, a scripted API server, their environments, and fresh clients."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from refresher import __main__ as job_entry
from refresher import aws_clients, handler
from refresher.patience import Time

from tests.refresher.api_server import TOKEN, ApiServer, api_server
from tests.refresher.aws_server import AwsServer, aws_server
from tests.refresher.certificates import certificate
from tests.refresher.fakes import CANARY, FRANKFURT, LIFE
from tests.refresher.registry_server import Registry, registry_server
from tests.refresher.secrets import targets_file

Lines = Callable[[], list[dict[str, Any]]]
PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")
SECRET_ID = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:login-AbCdEf"


@pytest.fixture
def aws() -> Iterator[AwsServer]:
    with aws_server() as server:
        server.password = CANARY
        server.expires_at = int(time.time() + LIFE.total_seconds())
        yield server


def surroundings(aws: AwsServer) -> dict[str, str]:
    """What every entry's environment says: the scripted AWS, credentials, and one registry."""
    return {
        "AWS_ENDPOINT_URL": aws.endpoint,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": f"{CANARY}-key",
        "AWS_REGION": "eu-central-1",
        "EVERPULL_REGISTRIES": FRANKFURT,
        "EVERPULL_METRICS": "on",
    }


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    """The log lines since the last call, without those that are metrics."""
    return lambda: [line for line in _written(capsys) if "_aws" not in line]


@pytest.fixture
def measured(capsys: pytest.CaptureFixture[str]) -> Lines:
    """Of the lines since the last call, those that are metrics."""
    return lambda: [line for line in _written(capsys) if "_aws" in line]


def _written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def no_sleep(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Sleeping takes no time on the wall, but all of it on the clock that the entries' patience looks at."""
    slept: list[float] = []
    for entry in (handler, job_entry):
        monkeypatch.setattr(entry, "_PASSING", Time(lambda: sum(slept), slept.append, lambda: 0.0))
    return slept


@pytest.fixture
def function(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsServer]:
    """The environment of a function with one registry, on the scripted AWS."""
    monkeypatch.delenv("AWS_LAMBDA_LOG_LEVEL", raising=False)
    for name, value in {**surroundings(aws), "EVERPULL_SECRET_ID": SECRET_ID}.items():
        monkeypatch.setenv(name, value)
    aws_clients.forget()
    yield aws
    aws_clients.forget()


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """A scripted registry that is every host, by way of a proxy."""
    with registry_server(tmp_path) as server:
        for name in PROXY_VARIABLES:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HTTPS_PROXY", server.proxy)
        monkeypatch.setenv("AWS_CA_BUNDLE", server.authority)
        yield server


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiServer]:
    folder = tmp_path / "api"
    folder.mkdir()
    with api_server(folder) as server:
        yield server


@pytest.fixture
def pod(api: ApiServer, tmp_path: Path) -> dict[str, str]:
    """The environment by which a pod finds that API server, and its service account's files."""
    return pod_environment(api, tmp_path / "account")


def pod_environment(api: ApiServer, folder: Path) -> dict[str, str]:
    folder.mkdir()
    (folder / "token").write_text(TOKEN)
    (folder / "ca.crt").write_text(certificate(api.host).authority)
    return {
        "KUBERNETES_SERVICE_HOST": api.host,
        "KUBERNETES_SERVICE_PORT": str(api.port),
        "EVERPULL_SERVICE_ACCOUNT": str(folder),
    }


@pytest.fixture
def cronjob(api: ApiServer, aws: AwsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    """The environment of a CronJob's pod with one registry and the namespaces team-a and team-b, on both scripted servers."""
    file = tmp_path / "targets.json"
    file.write_text(targets_file("team-a", "team-b"))
    for name in ("AWS_LAMBDA_LOG_LEVEL", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        **surroundings(aws),
        "EVERPULL_TARGETS": str(file),
        **pod_environment(api, tmp_path / "account"),
    }.items():
        monkeypatch.setenv(name, value)
    aws_clients.forget()
    yield api
    aws_clients.forget()
