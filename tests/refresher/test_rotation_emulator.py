"""Rotations on the local Secrets Manager: the rights that each step needs, and the function itself, called by the service."""

import io
import json
import time
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import refresher
from refresher import aws_clients, handler
from refresher.errors import DeniedError, LoginRefusedError, RotationError
from refresher.rotation import CURRENT, PENDING, STEPS

from local.tunnel.authority import Authority
from local.tunnel.proxy import running
from local.tunnel.routes import routes
from tests.local_aws.functions import LOGS, role
from tests.local_aws.platform import ACCOUNT, REGION, Stand, docker_registry, refused, wait_until
from tests.refresher.conftest import PROXY_VARIABLES
from tests.refresher.test_handler import Context

HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
OTHER_HOST = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com"
LOGIN = "ecr:GetAuthorizationToken"
DESCRIBE, GET = "secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"
PUT, MOVE = "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"
NEEDED = {
    "createSecret": (DESCRIBE, GET, LOGIN, PUT),
    "setSecret": (DESCRIBE,),
    "testSecret": (DESCRIBE, GET),
    "finishSecret": (DESCRIBE, GET, MOVE),
}
TOKEN = "1" * 32


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with docker_registry(tmp_path_factory.mktemp("registry") / "registry") as backend:
        started = Stand(tmp_path_factory.mktemp("aws") / "stand", backend)
        started.start()
        yield started
        started.stop()


@pytest.fixture(scope="module")
def way(stand: Stand, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables by which registries are reached by their own names."""
    authority = Authority(tmp_path_factory.mktemp("authority") / "authority")
    with running(routes(stand.endpoint, stand.registry), authority) as proxy:
        yield {"HTTPS_PROXY": proxy.url, "AWS_CA_BUNDLE": str(authority.certificate)}


class Secret:
    """A secret whose rotation function is `function`, or nothing but a name until there is one."""

    def __init__(self, stand: Stand, name: str) -> None:
        self.stand, self.name = stand, name
        self.client = stand.client("secretsmanager")
        self.arn = self.client.create_secret(Name=name)["ARN"]

    def rotate(self, token: str = TOKEN) -> None:
        self.client.rotate_secret(
            SecretId=self.arn,
            ClientRequestToken=token,
            RotationLambdaARN=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.name}",
            RotationRules={"ScheduleExpression": "rate(4 hours)", "Duration": "1h"},
        )

    def labels(self) -> dict[str, list[str]]:
        return self.client.describe_secret(SecretId=self.arn)["VersionIdsToStages"]

    def version(self, label: str) -> str | None:
        return next((version for version, found in self.labels().items() if label in found), None)

    def document(self) -> dict[str, Any]:
        return json.loads(self.client.get_secret_value(SecretId=self.arn)["SecretString"])

    def deploy(self, source: bytes, variables: dict[str, str], *rights: str) -> None:
        """A function of that code with these rights on the secret (others everywhere), that Secrets Manager may invoke."""
        arn = role(self.stand, self.name, self.policy(*rights))
        client = self.stand.client("lambda")
        client.create_function(
            FunctionName=self.name,
            Runtime="python3.13",
            Handler="refresher.handler.handle",
            Role=arn,
            Code={"ZipFile": source},
            Timeout=60,
            Environment={"Variables": variables},
        )
        wait_until("it is active", lambda: self._state() == "Active")
        client.add_permission(
            FunctionName=self.name,
            StatementId="rotation",
            Action="lambda:InvokeFunction",
            Principal="secretsmanager.amazonaws.com",
            SourceArn=self.arn,
            SourceAccount=ACCOUNT,
        )

    def grant(self, *rights: str) -> None:
        self.stand.client("iam").put_role_policy(
            RoleName=self.name, PolicyName="inline", PolicyDocument=json.dumps(self.policy(*rights))
        )

    def policy(self, *rights: str) -> dict[str, Any]:
        statements = [
            {"Effect": "Allow", "Action": right, "Resource": self.arn if right.startswith("secrets") else "*"}
            for right in (*rights, *LOGS)
        ]
        return {"Version": "2012-10-17", "Statement": statements}

    def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        answer = self.stand.client("lambda").invoke(FunctionName=self.name, Payload=json.dumps(event).encode())
        return json.loads(answer["Payload"].read())

    def lines(self) -> list[dict[str, Any]]:
        """The function's own log lines."""
        found = self.stand.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{self.name}")["events"]
        return [json.loads(event["message"]) for event in found if event["message"].startswith('{"timestamp"')]

    def _state(self) -> str:
        return self.stand.client("lambda").get_function(FunctionName=self.name)["Configuration"]["State"]


@pytest.fixture
def secret(stand: Stand) -> Iterator[Secret]:
    made = Secret(stand, f"r{uuid.uuid4().hex[:10]}")
    yield made
    made.client.delete_secret(SecretId=made.arn, ForceDeleteWithoutRecovery=True)


def zipped(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"refresher/{name}", text)
    return packed.getvalue()


REFRESHER = zipped({path.name: path.read_text() for path in sorted(Path(refresher.__file__).parent.glob("*.py"))})
NOTHING = zipped({"__init__.py": "", "handler.py": "def handle(event, context):\n    raise ValueError\n"})


@pytest.fixture
def begun(stand: Stand, secret: Secret, way: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Secret:
    """With a rotation that Secrets Manager has begun and does not get anywhere with; its steps are taken here instead."""
    secret.client.put_secret_value(SecretId=secret.arn, SecretString='{"theirs": 1}')
    secret.deploy(NOTHING, {})
    secret.rotate()
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        **way,
        "AWS_ENDPOINT_URL": stand.endpoint,
        "AWS_REGION": REGION,
        "EVERPULL_SECRET_ID": secret.arn,
        "EVERPULL_REGISTRIES": HOST,
        "EVERPULL_TRIGGER": "rotation",
    }.items():
        monkeypatch.setenv(name, value)
    return secret


def become(stand: Stand, secret: Secret, monkeypatch: pytest.MonkeyPatch, *rights: str) -> None:
    key_id, key = stand.user(f"u{uuid.uuid4().hex[:10]}", secret.policy(*rights))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key)
    aws_clients.forget()


def take(secret: Secret, step: str, token: str = TOKEN) -> dict[str, object]:
    return handler.handle({"Step": step, "SecretId": secret.arn, "ClientRequestToken": token}, Context())


def test_five_rights_are_enough_and_each_step_takes_some_of_them(
    stand: Stand, begun: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step, rights in NEEDED.items():
        become(stand, begun, monkeypatch, *rights)
        take(begun, step)
    assert begun.version(CURRENT) == TOKEN
    assert begun.version(PENDING) is None
    assert begun.document()["theirs"] == 1


@pytest.mark.parametrize(("step", "missing"), [(step, right) for step, rights in NEEDED.items() for right in rights])
def test_a_right_that_is_missing_is_named(
    stand: Stand, begun: Secret, monkeypatch: pytest.MonkeyPatch, step: str, missing: str
) -> None:
    become(stand, begun, monkeypatch, DESCRIBE, GET, LOGIN, PUT, MOVE)
    for before in list(STEPS)[: list(STEPS).index(step)]:
        take(begun, before)
    become(stand, begun, monkeypatch, *(right for right in NEEDED[step] if right != missing))
    with pytest.raises(DeniedError, match=f"^{missing} was denied to "):
        take(begun, step)
    assert begun.version(CURRENT) != TOKEN


def test_steps_that_are_repeated_stale_or_out_of_order_do_no_harm(
    stand: Stand, begun: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    become(stand, begun, monkeypatch, DESCRIBE, GET, LOGIN, PUT, MOVE)
    for step in ("testSecret", "finishSecret"):
        with pytest.raises(RotationError, match="createSecret has not made it"):
            take(begun, step)
    for step in STEPS:
        first, again = take(begun, step), take(begun, step)
        assert again["status"] in (first["status"], "kept", "current already")
        with pytest.raises(RotationError, match="is not pending"):
            take(begun, step, "2" * 32)
    assert sorted(map(sorted, begun.labels().values())) == [[CURRENT], ["AWSPREVIOUS"]]


def test_what_a_cancelled_rotation_leaves_is_cleared_up_by_the_next_ordinary_run_and_rotation_goes_on(
    stand: Stand, begun: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    become(stand, begun, monkeypatch, DESCRIBE, GET, LOGIN, PUT, MOVE)
    take(begun, "createSecret")
    begun.client.cancel_rotate_secret(SecretId=begun.arn)
    with refused("InvalidRequestException", "A previous rotation isn't complete"):
        begun.rotate("2" * 32)
    handler.handle({"force": True}, Context())
    assert begun.version(PENDING) is None
    begun.rotate("2" * 32)
    assert [take(begun, step, "2" * 32)["status"] for step in STEPS][-1] == "finished"


def variables(secret: Secret, way: dict[str, str], *hosts: str) -> dict[str, str]:
    return {
        **way,
        "EVERPULL_SECRET_ID": secret.arn,
        "EVERPULL_REGISTRIES": ",".join(hosts),
        "EVERPULL_TRIGGER": "rotation",
    }


RIGHTS = (DESCRIBE, GET, PUT, MOVE, LOGIN)


def test_secrets_manager_rotates_with_the_function_again_and_again(
    stand: Stand, secret: Secret, way: dict[str, str]
) -> None:
    secret.deploy(REFRESHER, variables(secret, way, HOST, OTHER_HOST), *RIGHTS)
    assert secret.invoke({"reason": "deploy", "force": True})["status"] == "refreshed"
    first = secret.document()
    secret.rotate()
    wait_until("rotated", lambda: secret.labels().get(TOKEN) == [CURRENT])
    assert secret.document()["password"] != first["password"]
    assert [line["status"] for line in secret.lines() if line["event"] == "rotation"] == [
        "created",
        "nothing to set",
        "tested",
        "finished",
    ]
    stand.admin("POST", "config", {"schedule_speed": 7200})
    try:
        wait_until("the next one", lambda: secret.version(CURRENT) not in (TOKEN, None))
    finally:
        stand.admin("POST", "config", {"schedule_speed": 1})


def test_a_secret_without_a_value_is_rotated(stand: Stand, secret: Secret, way: dict[str, str]) -> None:
    secret.deploy(REFRESHER, variables(secret, way, HOST), *RIGHTS)
    secret.rotate()
    wait_until("rotated", lambda: secret.labels().get(TOKEN) == [CURRENT])
    assert secret.document()["registry"] == HOST


def test_a_rotation_that_fails_leaves_the_last_login_and_ends_once_it_can(
    stand: Stand, secret: Secret, way: dict[str, str]
) -> None:
    secret.deploy(REFRESHER, variables(secret, way, HOST), *RIGHTS)
    secret.invoke({"force": True})
    before = secret.document()
    secret.grant(DESCRIBE, GET, PUT, MOVE)
    secret.rotate()
    wait_until("it failed", lambda: any(line.get("errorType") == "DeniedError" for line in secret.lines()))
    assert secret.document() == before
    secret.grant(*RIGHTS)
    wait_until("rotated", lambda: secret.labels().get(TOKEN) == [CURRENT])


def test_a_login_that_lapsed_before_it_was_tested_never_becomes_current(
    stand: Stand, begun: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    become(stand, begun, monkeypatch, *RIGHTS)
    before = begun.document()
    stand.admin("POST", "config", {"token_ttl_seconds": 11})
    try:
        take(begun, "createSecret")
    finally:
        stand.admin("POST", "config", {"token_ttl_seconds": 43200})
    time.sleep(11)
    with pytest.raises(LoginRefusedError, match="does not accept the login"):
        take(begun, "testSecret")
    with pytest.raises(RotationError, match="has waited until its logins were too old"):
        take(begun, "finishSecret")
    assert begun.document() == before


def test_only_what_is_asked_for_is_called(stand: Stand, begun: Secret, monkeypatch: pytest.MonkeyPatch) -> None:
    become(stand, begun, monkeypatch, *RIGHTS)
    stand.admin("DELETE", "calls")
    for step in STEPS:
        take(begun, step)
    counted = stand.admin("GET", "calls")["by_action"]
    assert counted == {DESCRIBE: 5, GET: 6, LOGIN: 1, PUT: 1, MOVE: 2}
