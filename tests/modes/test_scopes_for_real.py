"""Two halves in two stacks of one backend, by the real engine: what the one tells the other, and what is refused."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.tunnel.authority import Authority
from local.tunnel.proxy import running
from local.tunnel.routes import routes
from tests.local_aws.platform import ACCOUNT, REGION, ROOT, Stand, docker_registry
from tests.local_providers.aws.engine import Outcome, Stack

# The half of a cluster as far as it is in AWS, for a cluster whose tokens AWS knows.
PROGRAM = """
import json
import os

import pulumi

from components.logins import revision_with
from components.policy import document, read_login
from components.service_account_role import ServiceAccountRole
from modes.aws_stack import find_login
from settings import parse

variant = json.loads(os.environ["VARIANT"])
settings = parse(
    {"aws:region": os.environ["AWS_REGION"], "everpull:scope": "cluster"}
    | {f"everpull:{key}": value for key, value in variant.items()},
    pulumi.get_stack(),
)
found = find_login(settings, "ACCOUNT")
login = found["kept_login"]
made = ServiceAccountRole(
    f"{settings.owner}-cluster",
    {
        "owner": settings.owner,
        "policy": login["secret_arn"].apply(lambda arn: document(read_login(arn))),
        "namespace": settings.system_namespace,
        "service_account": "login-reader",
        "oidc_issuer": f"https://oidc.example.com/{pulumi.get_stack()}",
        "oidc_provider_arn": f"arn:aws:iam::ACCOUNT:oidc-provider/oidc.example.com/{pulumi.get_stack()}",
    },
)
pulumi.export("identity", made.role_arn)
pulumi.export("secret", login["secret_arn"])
pulumi.export("registries", found["registries"])
pulumi.export("hub", revision_with(login["revision"], []))
""".replace("ACCOUNT", ACCOUNT)
# A stack that has the login, as a part of the whole or by itself.
HALVES = """
import json
import os

import pulumi

from components.login_source import LoginSource, keep_login

args = {
    "owner": "everpull-moved",
    "registries": ["ACCOUNT.dkr.ecr.REGION.amazonaws.com"],
    "repository_arns": ["arn:aws:ecr:REGION:ACCOUNT:repository/*"],
    "schedule": "rate(1 hour)",
    "log_retention_days": 30,
    "reserved_concurrency": -1,
}


class Whole(pulumi.ComponentResource):
    def __init__(self, name, args):
        super().__init__("everpull:index:LambdaDelivery", name)
        kept = keep_login(name, args, self, ("everpull:index:LoginSource",))
        self.login_secret_arn = kept.login.arn
        self.register_outputs({})


kind = Whole if json.loads(os.environ["VARIANT"]).get("whole") else LoginSource
pulumi.export("secret", kind("everpull-moved", args).login_secret_arn)
""".replace("ACCOUNT", ACCOUNT).replace("REGION", REGION)
FULL = "organization/everpull/aws"


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


class Fleet:
    """Stacks in one backend, each with a passphrase of its own."""

    def __init__(self, folder: Path, stand: Stand) -> None:
        self._folder, self._stand = folder, stand
        self._backend = folder / "backend"
        self._backend.mkdir()
        self.stacks: list[Stack] = []

    def whole_program(self, name: str, config: dict[str, object]) -> Stack:
        """A stack of the program as it is."""
        source = self._folder / f"source-{name}"
        source.mkdir()
        for file in ("__main__.py", "Pulumi.yaml"):
            shutil.copy(ROOT / file, source)
        # The engine's own Python runs it.
        text = (source / "Pulumi.yaml").read_text(encoding="utf-8")
        options = "  options:\n    toolchain: pip\n    virtualenv: .venv\n"
        assert options in text
        (source / "Pulumi.yaml").write_text(text.replace(options, ""), encoding="utf-8")
        stack = self._stack(name, source)
        configure(stack, config)
        return stack

    def of(self, name: str, program: str = PROGRAM) -> Stack:
        """A stack of a program of its own; else it is the half of a cluster, without one."""
        source = self._folder / f"source-{name}"
        source.mkdir()
        (source / "Pulumi.yaml").write_text("name: everpull\nruntime: python\n")
        (source / "__main__.py").write_text(program)
        return self._stack(name, source)

    def _stack(self, name: str, source: Path) -> Stack:
        made = Stack(
            self._folder / name,
            self._stand,
            source,
            name,
            PYTHONPATH=str(ROOT),
            KUBECONFIG=str(self._folder / "none"),
            PULUMI_BACKEND_URL=self._backend.as_uri(),
            PULUMI_CONFIG_PASSPHRASE=f"of {name}",
        )
        # The program ships the refresher from where it is run.
        (made.work / "lambda_src").symlink_to(ROOT / "lambda_src")
        self.stacks.insert(0, made)
        return made


def configure(stack: Stack, config: dict[str, object]) -> None:
    """Sets the keys; lists by their elements. What was set before stays."""
    stack.run("config", "set", "aws:region", REGION)
    for key, value in config.items():
        for index, item in enumerate(value if isinstance(value, list) else [value]):
            place = ["--path", f"everpull:{key}[{index}]"] if isinstance(value, list) else [f"everpull:{key}"]
            stack.run("config", "set", *place, str(item))


@pytest.fixture
def fleet(stand: Stand, tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(tmp_path, stand)
    yield made
    for stack in made.stacks:
        stack.destroy()
    assert stand.client("secretsmanager").list_secrets()["SecretList"] == []
    assert [role for role in stand.client("iam").list_roles()["Roles"] if "everpull" in role["RoleName"]] == []


def told(outcome: Outcome) -> str:
    return " ".join(outcome.text.split())


def diagnostics(outcome: Outcome) -> str:
    """What was said, without the progress of saying it."""
    return " ".join(outcome.text.rpartition("Diagnostics:")[2].split())


def rights(stand: Stand, arn: str) -> dict[str, Any]:
    """The one statement of a role's one policy."""
    iam, role = stand.client("iam"), arn.rpartition("/")[2]
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    (statement,) = (json.loads(document) if isinstance(document, str) else document)["Statement"]
    return statement


def test_one_stack_keeps_the_login_of_two_clusters_and_each_has_an_identity_of_its_own(
    fleet: Fleet, stand: Stand
) -> None:
    aws = fleet.whole_program("aws", {"scope": "aws"})
    assert "cluster" not in told(aws.up()).replace("everpull:scope", "").lower(), "no cluster is looked at"
    known = aws.outputs()
    assert not any("kubernetes" in resource["type"] for resource in aws.state().values())
    assert "ciphertext" not in aws.export(), "no secret is in its state"
    assert known["registries"] == [f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"]
    clusters = [fleet.of(name) for name in ("one", "two")]
    for stack, reference in zip(clusters, ("aws", FULL), strict=True):
        assert ("StackReference", reference) in stack.up({"awsStack": reference}).steps
    outputs = [stack.outputs() for stack in clusters]
    assert len({found["identity"] for found in outputs}) == 2
    for found in outputs:
        assert (found["secret"], found["registries"]) == (known["loginSecretArn"], known["registries"])
        statement = rights(stand, found["identity"])
        assert (statement["Action"], statement["Resource"]) == (
            ["secretsmanager:GetSecretValue"],
            [known["loginSecretArn"]],
        )
    # Another registry reaches them by their next up, and is a hub of its own there.
    configure(aws, {"registries": [*known["registries"], f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com"]})
    aws.up()
    assert aws.outputs()["loginRevision"] != known["loginRevision"]
    clusters[0].up({"awsStack": "aws"})
    now = clusters[0].outputs()
    assert (now["identity"], now["secret"]) == (outputs[0]["identity"], outputs[0]["secret"])
    assert len(now["registries"]) == 2
    assert now["hub"] != outputs[0]["hub"] == outputs[1]["hub"]
    assert aws.up().changes == {}
    assert aws.refresh().changes == {}


def test_everything_in_aws_has_the_tags_and_what_is_protected_is_not_deleted(fleet: Fleet, stand: Stand) -> None:
    """By an engine that asks AWS: other tags change things in place, and are no drift."""
    aws = fleet.whole_program("aws", {"scope": "aws"})
    aws.up()
    configure(aws, {"tags": ["team=a"], "protect": "true"})
    changed = aws.up()
    assert set(changed.changes.values()) == {"update"}
    secret = stand.client("secretsmanager").describe_secret(SecretId=aws.outputs()["loginSecretArn"])
    assert {"Key": "team", "Value": "a"} in secret["Tags"]
    assert {"Key": "everpull:stack", "Value": "aws"} in secret["Tags"]
    tagged = {name for (_, name), found in aws.state().items() if (found.get("outputs") or {}).get("tagsAll")}
    assert {name.removeprefix("everpull-aws-") for name in tagged} == {
        "login-secret",
        *(f"refresh-{part}" for part in ("log", "dead-letters", "role", "function", "schedule")),
    }
    assert aws.refresh().changes == {}
    # With the preview that precedes it, as somebody would type it.
    assert "protect" in told(aws.run("destroy", "--yes", fails=True))
    configure(aws, {"protect": "false"})
    assert aws.up().changes == {}, "nothing was deleted"


def test_a_stack_that_gets_the_other_half_or_loses_it_keeps_what_it_has(fleet: Fleet) -> None:
    stack, whole = fleet.of("moved", HALVES), {"whole": True}
    stack.up(whole)
    secret = stack.outputs()["secret"]
    for variant in ({}, whole):
        changed = stack.up(variant).changes
        assert {name for _, name in changed} <= {"everpull-moved"}, "nothing but the component around it"
        assert stack.outputs()["secret"] == secret
        assert stack.up(variant).changes == {}


def test_a_key_of_ones_own_and_a_secret_that_can_be_restored(fleet: Fleet, stand: Stand) -> None:
    """The emulator does not judge by rights on keys, so what is shown is where the key is said, and that this is no drift."""
    key = stand.client("kms").create_key()["KeyMetadata"]["Arn"]
    aws = fleet.whole_program("aws", {"scope": "aws"})
    aws.up()
    before = aws.outputs()
    configure(aws, {"kmsKey": key, "recoveryDays": 7})
    changed = aws.up()
    assert changed.only("delete") == {}
    now = aws.outputs()
    assert (now["loginSecretArn"], now["kmsKey"]) == (before["loginSecretArn"], key)
    assert now["loginRevision"] != before["loginRevision"]
    secrets = stand.client("secretsmanager")
    assert secrets.describe_secret(SecretId=now["loginSecretArn"])["KmsKeyId"] == key
    function = stand.client("lambda").get_function_configuration(FunctionName=now["functionName"])
    assert function["KMSKeyArn"] == key
    queue = stand.client("sqs").get_queue_attributes(QueueUrl=now["deadLetterQueue"], AttributeNames=["All"])
    assert queue["Attributes"]["KmsMasterKeyId"] == key
    groups = stand.client("logs").describe_log_groups(logGroupNamePrefix=now["logGroup"])["logGroups"]
    assert [group["kmsKeyId"] for group in groups] == [key]
    assert aws.up().changes == {}
    assert aws.refresh().changes == {}
    aws.destroy()
    kept = secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"]
    assert [secret["ARN"] for secret in kept] == [now["loginSecretArn"]]
    aws.up()
    again = aws.outputs()["loginSecretArn"]
    assert again != now["loginSecretArn"], "another up needs nothing of the one before"
    secrets.restore_secret(SecretId=now["loginSecretArn"])
    assert "dockerconfigjson" in secrets.get_secret_value(SecretId=now["loginSecretArn"])["SecretString"]
    secrets.delete_secret(SecretId=now["loginSecretArn"], ForceDeleteWithoutRecovery=True)


def test_a_login_that_nobody_keeps_yet_is_refused_at_preview_in_one_message(fleet: Fleet) -> None:
    """By the program as it is; there is no cluster either, which is a warning."""
    config: dict[str, object] = {"scope": "cluster", "awsStack": "aws"}
    one = fleet.whole_program("one", config)
    text = diagnostics(one.preview(fails=True))
    assert 'everpull:awsStack = aws could not be read: unknown stack "aws"' in text
    assert "Traceback" not in text
    assert text.count("has 1 fault") == 1, text
    fleet.whole_program("aws", {"scope": "aws"})
    text = diagnostics(one.preview(fails=True))
    assert "everpull:awsStack = aws has no output loginSecretArn, so it keeps no login, or not yet" in text
    assert text.count("has 1 fault") == 1, text
