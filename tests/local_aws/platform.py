"""Starts the AWS stand-in and a docker-registry for these tests, on free ports, with all state in a temporary folder."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import urllib3
from botocore.config import Config
from botocore.exceptions import ClientError

from local.aws import venv

ROOT = Path(__file__).resolve().parents[2]
REGION = "eu-central-1"
ACCOUNT = "000000000000"
ADMIN = ("AKIAEVERPULLTESTS000", "admin-secret-of-the-tests")


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ministack_python() -> Path:
    """The emulator's Python, built on first use in the place where the platform keeps it too."""
    folder = Path(os.environ.get("EVERPULL_LOCAL_DIR") or ROOT / ".local")
    return venv.ensure(folder / "venvs" / "ministack")


def http(method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
    """One HTTP request, redirects not followed, nothing retried."""
    return urllib3.PoolManager().request(method, url, retries=False, timeout=20, redirect=False, **options)


def allow(*actions: str, resource: str = "*", effect: str = "Allow") -> dict[str, Any]:
    """A policy document with one statement."""
    statement = {"Effect": effect, "Action": list(actions), "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}


def wait_until(what: str, done: Any, seconds: float = 30.0) -> Any:
    """Poll `done` until it gives something true, and return that."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := done():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds} s")


@contextmanager
def docker_registry(folder: Path) -> Iterator[str]:
    """A bare docker-registry; yields its address."""
    binary = shutil.which("docker-registry")
    if binary is None:
        raise RuntimeError("docker-registry is missing: apt-get install docker-registry")
    folder.mkdir(parents=True)
    port = free_port()
    config = folder / "config.yml"
    config.write_text(
        "version: 0.1\n"
        "log: {level: error, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http: {{addr: 127.0.0.1:{port}}}\n"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([binary, "serve", config], stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def client_at(endpoint: str, service: str, key: tuple[str, ...], region: str) -> Any:
    """A boto3 client; `key` is access key id, secret and, for a session, its token. No retries: errors show."""
    # boto3 has a type for each service by its name, and the name is not known here.
    return boto3.client(  # pyright: ignore[reportCallIssue]
        service,  # pyright: ignore[reportArgumentType]
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=key[0],
        aws_secret_access_key=key[1],
        aws_session_token=key[2] if len(key) > 2 else None,
        config=Config(retries={"total_max_attempts": 1}),
    )


class Stand:
    """One AWS stand-in: start, kill and start again over the same data folder."""

    def __init__(self, folder: Path, backend: str, issuers: Mapping[str, str] | None = None) -> None:
        """`issuers` are the addresses of key sets by OpenID Connect issuer."""
        self.folder, self.backend, self.issuers = folder, backend, dict(issuers or {})
        self.port, self.registry_port = free_port(), free_port()
        self.function_variables = {"OF_EVERY_FUNCTION": "a=b"}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def registry(self) -> str:
        return f"http://127.0.0.1:{self.registry_port}"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        options = {
            "--port": self.port,
            "--registry-port": self.registry_port,
            "--backend-registry": self.backend,
            "--data-dir": self.folder / "data",
            "--region": REGION,
        }
        command = [str(part) for option in options.items() for part in option]
        command += [f"--function-variable={name}={value}" for name, value in self.function_variables.items()]
        command += [f"--issuer={issuer}={address}" for issuer, address in self.issuers.items()]
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "AWS_ACCESS_KEY_ID": ADMIN[0],
            "AWS_SECRET_ACCESS_KEY": ADMIN[1],
        }
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [ministack_python(), "-m", "local.aws", *command], env=environment, stdout=log, stderr=log
            )
        wait_until("the stand-in is ready", self._ready)

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        try:
            return http("GET", f"{self.endpoint}/_everpull/health").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Signal it and wait for its end."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(20)

    def client(self, service: str, key: tuple[str, ...] = ADMIN, region: str = REGION) -> Any:
        """A boto3 client; `key` is access key id, secret and, for a session, its token. No retries: errors show."""
        return client_at(self.endpoint, service, key, region)

    def admin(self, method: str, name: str, document: Any = None) -> Any:
        """Call the admin API; its JSON answer."""
        body = None if document is None else json.dumps(document)
        answer = http(method, f"{self.endpoint}/_everpull/{name}", body=body)
        assert answer.status == 200, answer.data
        return answer.json()

    def user(self, name: str, policy: Any = None) -> tuple[str, str]:
        """Make an IAM user with an inline policy; its access key."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        if policy is not None:
            iam.put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]


@contextmanager
def refused(code: str, text: str = "") -> Iterator[None]:
    """Passes when the block ends in AWS's error `code` whose message holds `text`."""
    try:
        yield
    except ClientError as error:
        found = error.response.get("Error", {})
        assert found.get("Code") == code, found
        assert text in found.get("Message", ""), found
    else:
        raise AssertionError(f"not refused with {code}")
