"""The handler on the local AWS, where IAM is enforced: the rights it needs, and what it says when one is missing."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from refresher import aws_clients, handler
from refresher.errors import AwsCallError, DeniedError

from tests.local_aws.platform import ACCOUNT, ADMIN, REGION, Stand, allow, docker_registry
from tests.refresher.test_handler import Context

HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
RIGHTS = ("secretsmanager:GetSecretValue", "ecr:GetAuthorizationToken", "secretsmanager:PutSecretValue")


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with docker_registry(tmp_path_factory.mktemp("registry") / "registry") as backend:
        running = Stand(tmp_path_factory.mktemp("aws") / "stand", backend)
        running.start()
        yield running
        running.stop()


@pytest.fixture
def secret(stand: Stand) -> str:
    """ARN of a new secret, without any version."""
    return stand.client("secretsmanager").create_secret(Name=f"login-{uuid.uuid4().hex}")["ARN"]


def function(stand: Stand, secret: str, monkeypatch: pytest.MonkeyPatch, *rights: str) -> str:
    """Surroundings of a function that has these rights; the ARN of its principal."""
    statements = [
        {"Effect": "Allow", "Action": right, "Resource": secret if right.startswith("secretsmanager:") else "*"}
        for right in rights
    ]
    name = f"refresher-{uuid.uuid4().hex[:8]}"
    policy = {"Version": "2012-10-17", "Statement": statements} if rights else None
    key_id, key = stand.user(name, policy)
    for variable, value in {
        "AWS_ENDPOINT_URL": stand.endpoint,
        "AWS_ACCESS_KEY_ID": key_id,
        "AWS_SECRET_ACCESS_KEY": key,
        "AWS_REGION": REGION,
        "EVERPULL_SECRET_ID": secret,
        "EVERPULL_REGISTRIES": HOST,
    }.items():
        monkeypatch.setenv(variable, value)
    aws_clients.forget()
    return f"arn:aws:iam::{ACCOUNT}:user/{name}"


def content(stand: Stand, secret: str, stage: str = "AWSCURRENT") -> str:
    return stand.client("secretsmanager").get_secret_value(SecretId=secret, VersionStage=stage)["SecretString"]


def test_three_rights_are_enough_for_a_first_write_and_a_skip(
    stand: Stand, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    function(stand, secret, monkeypatch, *RIGHTS)
    stand.admin("DELETE", "calls")
    first = handler.handle({"reason": "deploy"}, Context())
    assert stand.admin("GET", "calls")["by_action"] == dict.fromkeys(RIGHTS, 1)
    assert first["status"] == "refreshed"
    assert json.loads(content(stand, secret))["registry"] == HOST
    stand.admin("DELETE", "calls")
    assert handler.handle({}, Context())["status"] == "fresh"
    assert stand.admin("GET", "calls")["by_action"] == {"secretsmanager:GetSecretValue": 1}


@pytest.mark.parametrize("missing", RIGHTS)
def test_the_right_that_is_missing_is_named_with_who_lacks_it(
    stand: Stand, secret: str, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    principal = function(stand, secret, monkeypatch, *(right for right in RIGHTS if right != missing))
    with pytest.raises(DeniedError) as caught:
        handler.handle({}, Context())
    assert str(caught.value).startswith(f"{missing} was denied to {principal} ")
    assert f"in {REGION}: allow {missing} in that principal's policy" in str(caught.value)


OTHER = "222222222222"
OTHER_HOST = f"{OTHER}.dkr.ecr.{REGION}.amazonaws.com"


def other_accounts_role(stand: Stand, trusted: str) -> str:
    """ARN of a role of the other account that may fetch logins there, and that this account may assume."""
    iam = stand.client("iam", (OTHER, ADMIN[1]))
    name = f"pull-{uuid.uuid4().hex[:8]}"
    statement = {"Effect": "Allow", "Principal": {"AWS": trusted}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(
        RoleName=name, PolicyName="login", PolicyDocument=json.dumps(allow("ecr:GetAuthorizationToken"))
    )
    return role


def in_both_accounts(monkeypatch: pytest.MonkeyPatch, role: str) -> None:
    monkeypatch.setenv("EVERPULL_REGISTRIES", f"{HOST},{OTHER_HOST}")
    monkeypatch.setenv("EVERPULL_ASSUME_ROLES", role)


def test_a_role_of_another_account_gives_the_login_of_its_registries(
    stand: Stand, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    function(stand, secret, monkeypatch, *RIGHTS, "sts:AssumeRole")
    role = other_accounts_role(stand, ACCOUNT)
    in_both_accounts(monkeypatch, role)
    stand.admin("DELETE", "calls")
    assert handler.handle({}, Context())["registries"] == [HOST, OTHER_HOST]
    asked = stand.admin("GET", "calls")["by_action"]
    assert (asked["sts:AssumeRole"], asked["ecr:GetAuthorizationToken"]) == (1, 2)
    assert [entry["registries"] for entry in json.loads(content(stand, secret))["logins"]] == [[HOST], [OTHER_HOST]]


@pytest.mark.parametrize("side", ["caller", "role"])
def test_a_role_that_one_side_does_not_allow_is_named_and_the_own_login_is_written(
    stand: Stand, secret: str, monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    rights = RIGHTS if side == "caller" else (*RIGHTS, "sts:AssumeRole")
    principal = function(stand, secret, monkeypatch, *rights)
    role = other_accounts_role(stand, OTHER if side == "role" else ACCOUNT)
    in_both_accounts(monkeypatch, role)
    with pytest.raises(DeniedError) as caught:
        handler.handle({}, Context())
    assert f"sts:AssumeRole was denied to {principal} on {role} in {REGION}: " in str(caught.value)
    assert str(caught.value).endswith(f"; there is no live login for {OTHER_HOST}")
    assert json.loads(content(stand, secret))["registry"] == HOST


@pytest.mark.parametrize("missing", ["ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken", None])
def test_ecr_public_needs_both_of_its_rights(
    stand: Stand, secret: str, monkeypatch: pytest.MonkeyPatch, missing: str | None
) -> None:
    both = {"ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken"}
    principal = function(stand, secret, monkeypatch, *RIGHTS, *sorted(both - {missing}))
    monkeypatch.setenv("EVERPULL_REGISTRIES", f"{HOST},public.ecr.aws")
    if missing is None:
        assert handler.handle({}, Context())["status"] == "refreshed"
    else:
        with pytest.raises(DeniedError, match=f"^{missing} was denied to {principal} on "):
            handler.handle({}, Context())
    held = json.loads(json.loads(content(stand, secret))["dockerconfigjson"])["auths"]
    assert set(held) == ({HOST} if missing else {HOST, "public.ecr.aws"})


def test_a_key_that_aws_does_not_know_counts_as_a_right_that_may_still_come(
    stand: Stand, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    function(stand, secret, monkeypatch)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANOBODYKNOWSTHIS0")
    aws_clients.forget()
    with pytest.raises(DeniedError, match="AWS does not know the caller's credentials there"):
        handler.handle({}, Context())


def test_rights_that_spread_late_are_waited_for(
    stand: Stand, secret: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand.admin("POST", "config", {"iam_delay_seconds": 1.5})
    try:
        function(stand, secret, monkeypatch, *RIGHTS)
        assert handler.handle({"awaitRightsSeconds": 60}, Context())["status"] == "refreshed"
    finally:
        stand.admin("POST", "config", {"iam_delay_seconds": 0})
    *waits, last = [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]
    assert set(waits) == {"waiting for rights"}
    assert last == "refresh"


def test_malformed_content_stays_recoverable(stand: Stand, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function(stand, secret, monkeypatch, *RIGHTS)
    version = stand.client("secretsmanager").put_secret_value(SecretId=secret, SecretString="{broken")["VersionId"]
    assert str(handler.handle({}, Context())["replaced"]).endswith(f"as version {version}")
    assert content(stand, secret, "AWSPREVIOUS") == "{broken"


def test_binary_content_stays_recoverable(stand: Stand, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function(stand, secret, monkeypatch, *RIGHTS)
    client: Any = stand.client("secretsmanager")
    client.put_secret_value(SecretId=secret, SecretBinary=b"\x00\x01")
    assert "binary" in str(handler.handle({}, Context())["replaced"])
    previous = client.get_secret_value(SecretId=secret, VersionStage="AWSPREVIOUS")
    assert previous["SecretBinary"] == b"\x00\x01"


def test_a_secret_that_was_deleted_is_a_clear_failure(
    stand: Stand, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    function(stand, secret, monkeypatch, *RIGHTS)
    stand.client("secretsmanager").delete_secret(SecretId=secret)
    with pytest.raises(AwsCallError, match="the secret may be scheduled for deletion"):
        handler.handle({}, Context())
