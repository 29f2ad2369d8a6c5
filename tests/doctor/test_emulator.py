"""The AWS side of mode `lambda` on the local AWS, with the refresher itself as function: doctor asks it as it asks AWS."""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from components.aws_reads import Access
from doctor.aws import BotoAws
from doctor.hands import RealHands
from doctor.link import State
from doctor.registry_access import HttpRegistries
from doctor.report import as_text, first_fault
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
HALF_AN_HOUR = 1800


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


def test_a_sound_stack_is_well(deployed: Deployed) -> None:
    links = deployed.world().walk()
    assert {link.name: link.state for link in links} == dict.fromkeys((link.name for link in links), "ok"), as_text(
        "dev", links
    )
    seen = {link.name: link.detail for link in links}
    assert "refreshed" in seen["function"]
    assert "1 image can be pulled" in seen["registries"]


def without(deployed: Deployed, *actions: str) -> None:
    """The role's policy, less those actions."""
    document = rights(deployed.name, deployed.outputs["loginSecretArn"])
    for statement in document["Statement"]:
        statement["Action"] = [action for action in statement["Action"] if action not in actions] or ["none:Such"]
    deployed.client("iam").put_role_policy(
        RoleName=deployed.name, PolicyName="inline", PolicyDocument=json.dumps(document)
    )


def fail_a_run(deployed: Deployed) -> None:
    """The right is back by the time that somebody looks."""
    without(deployed, "ecr:GetAuthorizationToken")
    deployed.client("lambda").invoke(FunctionName=deployed.name, Payload=b'{"reason": "test", "force": true}')
    without(deployed)


def bury(deployed: Deployed) -> None:
    deployed.client("sqs").send_message(QueueUrl=deployed.outputs["deadLetterQueue"], MessageBody="{}")


def refuse_pulls(deployed: Deployed) -> None:
    statement = {"Effect": "Deny", "Principal": "*", "Action": "ecr:BatchGetImage"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    deployed.client("ecr").set_repository_policy(repositoryName=f"{deployed.name}/app", policyText=text)


def secret_of(deployed: Deployed) -> str:
    return deployed.outputs["loginSecretArn"]


FAULTS: dict[str, tuple[Callable[[Deployed], Any], str, State, str]] = {
    "the key is inactive": (
        lambda it: it.client("iam").update_access_key(UserName=it.name, AccessKeyId=it.key, Status="Inactive"),
        "identity",
        "broken",
        "is inactive",
    ),
    "the key is another one": (
        lambda it: [
            it.client("iam").delete_access_key(UserName=it.name, AccessKeyId=it.key),
            it.client("iam").create_access_key(UserName=it.name),
        ],
        "identity",
        "broken",
        "is not one of the IAM user",
    ),
    "the user's policy is gone": (
        lambda it: it.client("iam").delete_user_policy(UserName=it.name, PolicyName="inline"),
        "identity",
        "broken",
        "is not allowed secretsmanager:GetSecretValue",
    ),
    "the user is gone": (
        lambda it: [
            it.client("iam").delete_access_key(UserName=it.name, AccessKeyId=it.key),
            it.client("iam").delete_user_policy(UserName=it.name, PolicyName="inline"),
            it.client("iam").delete_user(UserName=it.name),
        ],
        "identity",
        "broken",
        "has no access key",
    ),
    "the secret is gone": (
        lambda it: it.client("secretsmanager").delete_secret(SecretId=secret_of(it), ForceDeleteWithoutRecovery=True),
        "secret",
        "broken",
        "does not exist",
    ),
    "the secret is being deleted": (
        lambda it: it.client("secretsmanager").delete_secret(SecretId=secret_of(it), RecoveryWindowInDays=7),
        "secret",
        "broken",
        "is being deleted",
    ),
    "the secret is malformed": (
        lambda it: it.client("secretsmanager").put_secret_value(SecretId=secret_of(it), SecretString="{"),
        "secret",
        "broken",
        "not JSON",
    ),
    "the login dies soon": (
        lambda it: [
            it.stand.admin("POST", "config", {"token_ttl_seconds": HALF_AN_HOUR}),
            it.refresh(),
            it.keep(),
        ],
        "secret",
        "breaking",
        "before the next run",
    ),
    "the function is gone": (
        lambda it: it.client("lambda").delete_function(FunctionName=it.name),
        "function",
        "broken",
        "does not exist",
    ),
    "the function's environment is broken": (
        lambda it: it.client("lambda").update_function_configuration(
            FunctionName=it.name, Environment={"Variables": {"EVERPULL_REGISTRIES": HOST}}
        ),
        "function",
        "broken",
        "does not name the stack's secret",
    ),
    "the function may not run": (
        lambda it: it.client("lambda").put_function_concurrency(FunctionName=it.name, ReservedConcurrentExecutions=0),
        "function",
        "broken",
        "reserved concurrency is 0",
    ),
    "the function lacks a right": (
        lambda it: without(it, "secretsmanager:PutSecretValue"),
        "function",
        "broken",
        "is not allowed secretsmanager:PutSecretValue",
    ),
    "the function may not write its log": (
        lambda it: without(it, "logs:PutLogEvents"),
        "function",
        "broken",
        "is not allowed logs:PutLogEvents",
    ),
    "the last run failed": (fail_a_run, "function", "broken", "ecr:GetAuthorizationToken"),
    "the rule is disabled": (
        lambda it: it.client("events").disable_rule(Name=it.name),
        "function",
        "breaking",
        "is disabled",
    ),
    "the rule has no target": (
        lambda it: it.client("events").remove_targets(Rule=it.name, Ids=["one"]),
        "function",
        "breaking",
        "for its target",
    ),
    "the rule is gone": (
        lambda it: [
            it.client("events").remove_targets(Rule=it.name, Ids=["one"]),
            it.client("events").delete_rule(Name=it.name),
        ],
        "function",
        "breaking",
        "does not exist",
    ),
    "the rule may not run it": (
        lambda it: it.client("lambda").remove_permission(FunctionName=it.name, StatementId="schedule"),
        "function",
        "breaking",
        "does not let its schedule rule run it",
    ),
    "the log is gone": (
        lambda it: it.client("logs").delete_log_group(logGroupName=f"{it.name}-log"),
        "function",
        "warning",
        "log group",
    ),
    "a dead letter": (bury, "function", "warning", "holds 1 of them"),
    "the queue is gone": (
        lambda it: it.client("sqs").delete_queue(QueueUrl=it.outputs["deadLetterQueue"]),
        "function",
        "warning",
        "dead-letter queue does not exist",
    ),
    "the repository refuses": (refuse_pulls, "registries", "broken", "ecr:BatchGetImage was denied"),
    "the role lacks a right to pull": (
        lambda it: without(it, "ecr:GetDownloadUrlForLayer"),
        "function",
        "broken",
        "is not allowed ecr:GetDownloadUrlForLayer",
    ),
}


@pytest.mark.parametrize(("inject", "name", "state", "sentence"), FAULTS.values(), ids=FAULTS.keys())
def test_the_broken_link_is_named(
    deployed: Deployed, inject: Callable[[Deployed], Any], name: str, state: State, sentence: str
) -> None:
    inject(deployed)
    try:
        links = deployed.world().walk()
    finally:
        deployed.stand.admin("POST", "config", {"token_ttl_seconds": 12 * 3600})
    first = first_fault(links)
    assert first is not None
    assert (first.name, first.state) == (name, state), as_text("dev", links)
    assert sentence in first.faults[0].sentence
    password = json.loads(deployed.held)["password"]
    assert password not in as_text("dev", links)


def test_renewing_runs_the_function_and_tells_why_it_fails(deployed: Deployed) -> None:
    answer = deployed.hands().invoke(deployed.name, {"reason": "make renew", "force": True, "imagesMayFail": True})
    assert answer["status"] == "refreshed"
