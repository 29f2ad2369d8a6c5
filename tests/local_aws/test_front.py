"""The admin API, and what is closed."""

import json
from pathlib import Path

import pytest

from tests.local_aws.images import ask, token
from tests.local_aws.platform import ACCOUNT, ADMIN, Stand, allow, docker_registry, http, refused, wait_until


def test_health_is_ready_only_while_every_part_answers(tmp_path: Path) -> None:
    with docker_registry(tmp_path / "registry") as backend:
        stand = Stand(tmp_path / "stand", backend)
        stand.start()
    try:
        answer = http("GET", f"{stand.endpoint}/_everpull/health")
        assert answer.status == 503
        assert answer.json()["ready"] is False
        assert "the registry behind" in answer.json()["faults"][0]
    finally:
        stand.stop()


def test_both_sides_listen_on_loopback_only(stand: Stand) -> None:
    listening = Path("/proc/net/tcp").read_text()
    for port in (stand.port, stand.registry_port):
        assert f"0100007F:{port:04X} 00000000:0000 0A" in listening
        assert f"00000000:{port:04X} 00000000:0000 0A" not in listening


def test_calls_are_counted_by_action_denied_ones_too(stand: Stand, name: str) -> None:
    key = stand.user(name)
    stand.admin("DELETE", "calls")
    stand.client("sts", key).get_caller_identity()
    stand.client("ecr").describe_repositories()
    secrets = stand.client("secretsmanager", key)
    for _ in range(2):
        with refused("AccessDeniedException"):
            secrets.get_secret_value(SecretId="x")
    stand.client("iam").list_users()
    lambdas = stand.client("lambda")
    lambdas.list_functions()
    assert stand.admin("GET", "calls") == {
        "total": 6,
        "by_action": {
            "ecr:DescribeRepositories": 1,
            "iam:ListUsers": 1,
            "lambda:ListFunctions": 1,
            "secretsmanager:GetSecretValue": 2,
            "sts:GetCallerIdentity": 1,
        },
        "by_caller": {
            f"arn:aws:iam::{ACCOUNT}:root": {
                "ecr:DescribeRepositories": 1,
                "iam:ListUsers": 1,
                "lambda:ListFunctions": 1,
            },
            f"arn:aws:iam::{ACCOUNT}:user/{name}": {"secretsmanager:GetSecretValue": 2, "sts:GetCallerIdentity": 1},
        },
    }
    assert stand.admin("DELETE", "calls") == {"total": 0, "by_action": {}, "by_caller": {}}


def test_a_session_counts_for_its_role_also_where_it_pulls(stand: Stand, name: str) -> None:
    user = stand.user(name, allow("sts:AssumeRole"))
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    made = stand.client("iam").create_role(
        RoleName=name,
        Path="/deep/",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )
    arn = made["Role"]["Arn"]
    login = allow("ecr:GetAuthorizationToken")
    stand.client("iam").put_role_policy(RoleName=name, PolicyName="login", PolicyDocument=json.dumps(login))
    stand.admin("DELETE", "calls")
    got = stand.client("sts", user).assume_role(RoleArn=arn, RoleSessionName="one")["Credentials"]
    password = token(stand, (got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"]))
    assert ask(stand, password, "/v2/x/manifests/1").status == 403
    assert stand.admin("GET", "calls")["by_caller"] == {
        arn: {"ecr:BatchGetImage": 1, "ecr:GetAuthorizationToken": 1},
        f"arn:aws:iam::{ACCOUNT}:user/{name}": {"sts:AssumeRole": 1},
    }


def test_a_call_counts_for_a_key_nobody_has_and_for_nobody_without_one(stand: Stand) -> None:
    stand.admin("DELETE", "calls")
    with refused("UnrecognizedClientException"):
        stand.client("ecr", ("AKIANOBODYHASTHISONE", "x")).describe_repositories()
    http("POST", stand.endpoint, headers={"x-amz-target": "secretsmanager.ListSecrets"}, body="{}")
    assert stand.admin("GET", "calls")["by_caller"] == {
        "AKIANOBODYHASTHISONE": {"ecr:DescribeRepositories": 1},
        "anonymous": {"secretsmanager:ListSecrets": 1},
    }


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"token_ttl_seconds": 0},
        {"token_ttl_seconds": 1.5},
        {"token_ttl_seconds": True},
        {"iam_delay_seconds": -1},
        {"schedule_speed": 0},
        {"iam_delay_seconds": "1"},
        {"unknown": 1},
        {"token_ttl_seconds": 60, "iam_delay_seconds": -1},
    ],
)
def test_a_wrong_setting_changes_nothing(stand: Stand, document: object) -> None:
    before = stand.admin("GET", "config")
    answer = http("POST", f"{stand.endpoint}/_everpull/config", body=json.dumps(document))
    assert answer.status == 400
    assert answer.json()["error"]
    assert stand.admin("GET", "config") == before


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/_ministack/reset"), ("GET", "/_ministack/lambda-code/f"), ("GET", "/v2/"), ("GET", "/_localstack/x")],
)
def test_the_emulators_ways_in_without_credentials_are_closed(stand: Stand, method: str, path: str) -> None:
    assert http(method, stand.endpoint + path).status == 404


def test_root_is_who_signs_with_roots_secret(stand: Stand) -> None:
    assert stand.client("sts").get_caller_identity()["Arn"].endswith(":root")
    with refused("SignatureDoesNotMatch"):
        stand.client("sts", (ADMIN[0], "wrong")).get_caller_identity()
    with refused("SignatureDoesNotMatch"):
        stand.client("iam", ("222222222222", "wrong")).list_users()
    with refused("InvalidClientTokenId"):
        stand.client("sts", ("test", "test")).get_caller_identity()


def test_an_account_id_as_access_key_is_that_accounts_root(stand: Stand, name: str) -> None:
    other = ("222222222222", ADMIN[1])
    assert stand.client("sts", other).get_caller_identity()["Account"] == "222222222222"
    stand.client("iam", other).create_user(UserName=name)
    with refused("NoSuchEntity"):
        stand.client("iam").get_user(UserName=name)


def test_an_unsigned_call_is_refused(stand: Stand) -> None:
    headers = {"x-amz-target": "secretsmanager.ListSecrets", "content-type": "application/x-amz-json-1.1"}
    answer = http("POST", stand.endpoint, headers=headers, body="{}")
    assert answer.status in (400, 403)
    assert answer.json()["__type"] in ("MissingAuthenticationTokenException", "UnrecognizedClientException")


def test_everything_written_is_in_the_data_folder_and_the_owners_alone(stand: Stand) -> None:
    data = stand.folder / "data"
    wait_until("state is saved", lambda: list((data / "state").glob("*.json")))
    open_to_others = [path for path in data.rglob("*") if path.stat().st_mode & 0o077]
    assert open_to_others == []


def test_no_token_key_or_secret_value_is_in_the_log(stand: Stand, name: str) -> None:
    key = stand.user(name, allow("ecr:GetAuthorizationToken"))
    password = token(stand, key)
    assert ask(stand, password, "/v2/").status == 200
    assert ask(stand, password[:-8], "/v2/").status == 401
    secrets = stand.client("secretsmanager")
    secrets.create_secret(Name=name, SecretString=f"value-of-{name}")
    secrets.get_secret_value(SecretId=name)
    assert [word for word in (password, key[1], ADMIN[1], f"value-of-{name}") if word in stand.log] == []


def test_the_ports_are_the_only_ones_it_listens_on(stand: Stand) -> None:
    assert stand.process is not None
    mine = {
        link.readlink().name.removeprefix("socket:[").removesuffix("]")
        for link in Path(f"/proc/{stand.process.pid}/fd").iterdir()
        if link.readlink().name.startswith("socket:[")
    }
    ports: set[int] = set()
    for line in [*Path("/proc/net/tcp").read_text().splitlines(), *Path("/proc/net/tcp6").read_text().splitlines()]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in mine:
            ports.add(int(fields[1].rpartition(":")[2], 16))
    assert ports == {stand.port, stand.registry_port}
