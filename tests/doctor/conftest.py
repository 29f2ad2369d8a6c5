"""The AWS side of a stack of mode `lambda` on the local AWS, with the refresher itself as function."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from components.aws_reads import Access
from doctor.aws import BotoAws
from doctor.hands import RealHands
from doctor.registry_access import HttpRegistries
from lambda_src.refresher.core import timestamp
from local.tunnel.authority import Authority
from local.tunnel.proxy import running
from local.tunnel.routes import routes
from tests.doctor import worlds
from tests.doctor.fakes import NOW, b64
from tests.doctor.worlds import ESO, HUB, SYSTEM, World
from tests.local_aws.functions import role, rule_arn
from tests.local_aws.images import PULL, seed
from tests.local_aws.platform import ACCOUNT, ADMIN, REGION, Stand, allow, docker_registry, wait_until
from tests.refresher.conftest import PROXY_VARIABLES
from tests.refresher.test_rotation_emulator import REFRESHER

HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("registry") / "registry") as address:
        yield address


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory, backend: str) -> Iterator[Stand]:
    started = Stand(tmp_path_factory.mktemp("aws") / "stand", backend)
    started.start()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def way(stand: Stand, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables by which AWS and registries are reached."""
    authority = Authority(tmp_path_factory.mktemp("authority") / "authority")
    with running(routes(stand.endpoint, stand.registry), authority) as proxy:
        yield {
            "HTTPS_PROXY": proxy.url,
            "AWS_CA_BUNDLE": str(authority.certificate),
            "AWS_ENDPOINT_URL": stand.endpoint,
            "AWS_ACCESS_KEY_ID": ADMIN[0],
            "AWS_SECRET_ACCESS_KEY": ADMIN[1],
        }


@dataclass
class Deployed:
    """A stack's AWS side, and the world that the doctor sees, with a cluster that is well."""

    stand: Stand
    name: str
    outputs: dict[str, Any]
    key: str

    def client(self, service: str) -> Any:
        return self.stand.client(service)

    def hands(self) -> RealHands:
        return RealHands(Access(REGION), None)

    def refresh(self) -> None:
        self.hands().invoke(self.outputs["functionName"], {"reason": "test", "force": True})

    def world(self) -> World:
        """As it is now: hub and namespaces hold what the secret held last."""
        made = worlds.lambda_world(repositories=[f"{self.name}/*"])
        made.config["aws:region"] = REGION
        made.outputs |= self.outputs
        made.aws, made.registries = BotoAws(Access(REGION)), HttpRegistries()
        made.now = datetime.now(UTC)
        made.cluster.ahead = made.now - NOW
        held = json.loads(self.held)["dockerconfigjson"]
        for namespace, name in ((SYSTEM, HUB), ("team-a", "everpull-dev"), ("team-b", "everpull-dev")):
            made.secret(namespace, name)["data"] = {".dockerconfigjson": b64(held)}
        for path, document in made.documents.items():
            if path.startswith(f"{ESO}/namespaces/") and "externalsecrets" in path:
                document["status"] = worlds.ready(refreshTime=timestamp(made.now))
        made.documents[f"/api/v1/namespaces/{SYSTEM}/secrets/aws-credentials"]["data"]["access-key-id"] = b64(self.key)
        return made

    def keep(self) -> None:
        secrets = self.client("secretsmanager")
        self.held = secrets.get_secret_value(SecretId=self.outputs["loginSecretArn"])["SecretString"]


@pytest.fixture
def deployed(stand: Stand, backend: str, way: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Deployed:
    name = f"everpull-{uuid.uuid4().hex[:8]}"
    for variable in PROXY_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    for variable, value in way.items():
        monkeypatch.setenv(variable, value)
    repository = f"{name}/app"
    stand.client("ecr").create_repository(repositoryName=repository)
    seed(backend, repository, name.encode())
    secret = stand.client("secretsmanager").create_secret(Name=name)["ARN"]
    queue = stand.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    stand.client("logs").create_log_group(logGroupName=f"{name}-log")
    role_arn = role(stand, name, rights(name, secret))
    function_arn = function(stand, name, role_arn, secret, {**way, "AWS_ENDPOINT_URL": stand.endpoint})
    events = stand.client("events")
    events.put_rule(Name=name, ScheduleExpression="rate(1 hour)")
    events.put_targets(Rule=name, Targets=[{"Id": "one", "Arn": function_arn}])
    stand.client("lambda").add_permission(
        FunctionName=name,
        StatementId="schedule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule_arn(name),
    )
    key, _ = stand.user(name, allow("secretsmanager:GetSecretValue", resource=secret))
    outputs = {
        "registries": [HOST],
        "loginSecretArn": secret,
        "identityArn": f"arn:aws:iam::{ACCOUNT}:user/{name}",
        "refresherArn": role_arn,
        "functionName": name,
        "scheduleRule": name,
        "logGroup": f"{name}-log",
        "deadLetterQueue": queue,
    }
    made = Deployed(stand, name, outputs, key)
    made.refresh()
    made.keep()
    return made


def rights(name: str, secret: str) -> dict[str, Any]:
    where = f"{REGION}:{ACCOUNT}"
    statements = [
        (["ecr:GetAuthorizationToken"], "*"),
        ([*PULL], f"arn:aws:ecr:{where}:repository/{name}/*"),
        (["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"], secret),
        (["logs:CreateLogStream", "logs:PutLogEvents"], f"arn:aws:logs:{where}:log-group:{name}-log:*"),
        (["sqs:SendMessage"], f"arn:aws:sqs:{where}:{name}"),
    ]
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": actions, "Resource": on} for actions, on in statements],
    }


def function(stand: Stand, name: str, role_arn: str, secret: str, variables: dict[str, str]) -> str:
    client = stand.client("lambda")
    kept = {key: value for key, value in variables.items() if not key.startswith("AWS_")}
    made = client.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="refresher.handler.handle",
        Role=role_arn,
        Code={"ZipFile": REFRESHER},
        Timeout=60,
        Environment={"Variables": {**kept, "EVERPULL_SECRET_ID": secret, "EVERPULL_REGISTRIES": HOST}},
        LoggingConfig={"LogFormat": "JSON", "LogGroup": f"{name}-log"},
    )
    wait_until("it is active", lambda: client.get_function(FunctionName=name)["Configuration"]["State"] == "Active")
    return made["FunctionArn"]
