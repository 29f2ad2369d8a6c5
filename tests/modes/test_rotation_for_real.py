"""Rotation by the real engine, as a deployer with the rights in docs/iam/deploy.json: what comes, what goes, in what order."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.tunnel.authority import Authority
from local.tunnel.proxy import running
from local.tunnel.routes import routes
from tests.local_aws.platform import ACCOUNT, REGION, ROOT, Stand, docker_registry, wait_until
from tests.local_providers.aws.engine import Outcome, Stack

# What mode lambda has in AWS, without a cluster.
PROGRAM = """
import json
import os

import pulumi

from components.login_secret import LoginSecret
from components.refresh_function import RefreshFunction
from settings import parse

variant = json.loads(os.environ["VARIANT"])
proven = variant.pop("proven", True)
settings = parse(
    {"aws:region": os.environ["AWS_REGION"], **{f"everpull:{key}": value for key, value in variant.items()}}, "test"
)
chosen = settings.delivery
login = LoginSecret("everpull-test-login", {"description": "of a test"})
made = RefreshFunction(
    "everpull-test-refresh",
    {
        "login_secret_arn": login.arn,
        "registries": ["HOST"],
        "repository_arns": ["arn:aws:ecr:REGION:ACCOUNT:repository/*"],
        "trigger": chosen.trigger,
        "schedule": chosen.schedule,
        "log_retention_days": chosen.log_retention_days,
        "reserved_concurrency": chosen.reserved_concurrency,
    },
)


def prove(runs):
    if not proven:
        raise pulumi.RunError("what runs the function is not proven")
    return runs


pulumi.export("secret", login.arn)
pulumi.export("function", made.function_name)
pulumi.export("runs", (made.rotation or made.rule_name).apply(prove))
"""
HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
ROTATION = {"trigger": "rotation"}
OF_ROTATION = {"everpull-test-refresh-rotation", "everpull-test-refresh-rotation-may-invoke"}
OF_SCHEDULE = {
    f"everpull-test-refresh-{part}" for part in ("schedule", "schedule-may-invoke", "schedule-may-bury", "target")
}


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """With the way to registries in every function."""
    with docker_registry(tmp_path_factory.mktemp("registry") / "registry") as backend:
        started = Stand(tmp_path_factory.mktemp("aws") / "stand", backend)
        authority = Authority(tmp_path_factory.mktemp("authority") / "authority")
        with running(routes(started.endpoint, started.registry), authority) as proxy:
            started.function_variables = {"HTTPS_PROXY": proxy.url, "AWS_CA_BUNDLE": str(authority.certificate)}
            started.start()
            yield started
            started.stop()


@pytest.fixture(scope="module")
def deployer(stand: Stand) -> dict[str, str]:
    """The environment of somebody with these rights and no others."""
    text = (ROOT / "docs" / "iam" / "deploy.json").read_text(encoding="utf-8")
    policy = json.loads(text.replace("ACCOUNT", ACCOUNT).replace("REGION", REGION))
    # Of these calls the emulator does not tell its policies which resource they are about.
    actions = [action for statement in policy["Statement"] for action in statement["Action"]]
    unplaced = [action for action in actions if action.startswith("events:") or action == "lambda:CreateFunction"]
    policy["Statement"].append({"Effect": "Allow", "Action": unplaced, "Resource": "*"})
    key_id, key = stand.user("deployer")
    iam = stand.client("iam")
    made = iam.create_policy(PolicyName="deployer", PolicyDocument=json.dumps(policy))["Policy"]["Arn"]
    iam.attach_user_policy(UserName="deployer", PolicyArn=made)
    return {"AWS_ACCESS_KEY_ID": key_id, "AWS_SECRET_ACCESS_KEY": key}


class Login:
    """A stack, and what AWS knows of its secret and its function."""

    def __init__(self, stack: Stack, stand: Stand) -> None:
        self.stack, self._stand = stack, stand
        self.secrets = stand.client("secretsmanager")

    @property
    def arn(self) -> str:
        return self.stack.outputs()["secret"]

    def described(self) -> dict[str, Any]:
        return self.secrets.describe_secret(SecretId=self.arn)

    def is_rotated(self) -> bool:
        return self.described().get("RotationEnabled", False)

    def password(self) -> str:
        return json.loads(self.secrets.get_secret_value(SecretId=self.arn)["SecretString"])["password"]

    def pending(self) -> list[str]:
        found = self.described()["VersionIdsToStages"]
        return [version for version, labels in found.items() if labels == ["AWSPENDING"]]

    def invokers(self) -> set[str]:
        """Services that may invoke the function."""
        answer = self._stand.client("lambda").get_policy(FunctionName=self.stack.outputs()["function"])
        return {statement["Principal"]["Service"] for statement in json.loads(answer["Policy"])["Statement"]}

    def rules(self) -> list[str]:
        return [rule["Name"] for rule in self._stand.client("events").list_rules()["Rules"]]


@pytest.fixture
def login(stand: Stand, deployer: dict[str, str], tmp_path: Path) -> Iterator[Login]:
    source = tmp_path / "source"
    source.mkdir()
    (source / "Pulumi.yaml").write_text("name: rotation\nruntime: python\n")
    program = PROGRAM.replace("HOST", HOST).replace('"arn:aws:ecr:REGION:ACCOUNT', f'"arn:aws:ecr:{REGION}:{ACCOUNT}')
    (source / "__main__.py").write_text(program)
    made = Stack(tmp_path / "stack", stand, source, PYTHONPATH=str(ROOT), **deployer)
    # The program ships the refresher from where it is run.
    (made.work / "lambda_src").symlink_to(ROOT / "lambda_src")
    yield Login(made, stand)
    made.destroy()
    assert stand.client("secretsmanager").list_secrets()["SecretList"] == []
    assert stand.client("events").list_rules()["Rules"] == []


def changed(outcome: Outcome, operation: str) -> set[str]:
    return {name for (_, name), step in outcome.steps.items() if step == operation}


def is_all_made_before_any_goes(outcome: Outcome) -> bool:
    """Whether the engine deletes nothing before it has made everything."""
    order = [step for step in outcome.steps.values() if step in ("create", "delete")]
    return order == sorted(order)


def test_secrets_manager_rotates_the_login_and_what_it_does_is_no_drift(login: Login, stand: Stand) -> None:
    login.stack.up(ROTATION)
    assert login.stack.outputs()["runs"] == "rate(4 hours)"
    assert login.described()["RotationRules"]["ScheduleExpression"] == "rate(4 hours)"
    assert (login.invokers(), login.rules()) == ({"secretsmanager.amazonaws.com"}, [])
    first = login.password()
    stand.admin("POST", "config", {"schedule_speed": 7200})
    try:
        wait_until("it was rotated", lambda: login.password() != first)
    finally:
        stand.admin("POST", "config", {"schedule_speed": 1})
    wait_until("that is over", lambda: not login.pending())
    assert login.stack.refresh(ROTATION).changes == {}
    assert login.stack.up(ROTATION).changes == {}


def test_there_is_always_something_that_runs_the_function(login: Login) -> None:
    login.stack.up()
    there = login.stack.up(ROTATION)
    assert (changed(there, "create"), changed(there, "delete")) == (OF_ROTATION, OF_SCHEDULE)
    assert is_all_made_before_any_goes(there)
    assert (login.is_rotated(), login.rules()) == (True, [])
    assert login.invokers() == {"secretsmanager.amazonaws.com"}
    back = login.stack.up()
    assert (changed(back, "create"), changed(back, "delete")) == (OF_SCHEDULE, OF_ROTATION)
    assert is_all_made_before_any_goes(back)
    assert (login.is_rotated(), login.rules()) == (False, [login.stack.outputs()["runs"]])
    assert login.invokers() == {"events.amazonaws.com"}
    assert login.stack.refresh().changes == {}
    assert login.stack.up().changes == {}


def test_a_move_that_fails_leaves_what_ran_the_function_before(login: Login) -> None:
    login.stack.up()
    failed = login.stack.up({**ROTATION, "proven": False}, fails=True)
    assert changed(failed, "delete") == set()
    assert len(login.rules()) == 1
    login.stack.up(ROTATION)
    assert (login.is_rotated(), login.rules()) == (True, [])


def test_what_a_cancelled_rotation_has_left_does_not_stop_the_next_one(login: Login) -> None:
    login.stack.up()
    login.secrets.put_secret_value(SecretId=login.arn, SecretString="{}", VersionStages=["AWSPENDING"])
    assert len(login.pending()) == 1
    login.stack.up(ROTATION)
    assert login.is_rotated()
    wait_until("nothing is pending", lambda: not login.pending())


def test_another_rate_begins_with_a_new_login(login: Login) -> None:
    login.stack.up(ROTATION)
    wait_until("nothing is pending", lambda: not login.pending())
    first = login.password()
    slower = {**ROTATION, "schedule": "rate(9 hours)"}
    outcome = login.stack.up(slower)
    assert outcome.only("update") == {("SecretRotation", "everpull-test-refresh-rotation"): "update"}
    assert login.password() != first
    assert login.described()["RotationRules"]["ScheduleExpression"] == "rate(9 hours)"
    assert login.stack.refresh(slower).changes == {}


def test_rotation_that_somebody_has_cancelled_is_switched_on_again(login: Login) -> None:
    login.stack.up(ROTATION)
    wait_until("nothing is pending", lambda: not login.pending())
    login.secrets.cancel_rotate_secret(SecretId=login.arn)
    login.stack.refresh(ROTATION)
    assert set(login.stack.up(ROTATION).changes) == {("SecretRotation", "everpull-test-refresh-rotation")}
    assert login.is_rotated()
    assert login.stack.refresh(ROTATION).changes == {}


def test_a_rate_that_is_none_for_rotations_is_refused_at_preview(login: Login) -> None:
    outcome = login.stack.preview({**ROTATION, "schedule": "rate(2 hours)"}, fails=True)
    text = " ".join(outcome.text.split())
    assert "the configuration of stack test has 1 fault" in text
    assert "everpull:schedule = rate(2 hours) is no rate at which Secrets Manager rotates a login" in text
    assert "Traceback" not in text
