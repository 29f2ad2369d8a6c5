"""IAM: enforced, delayed when asked to, and with the refusals of the real one."""

import json
import time

import pytest

from tests.local_aws.functions import LOGS, function, invoke, role
from tests.local_aws.images import PULL, ask, token
from tests.local_aws.platform import ACCOUNT, ADMIN, Stand, allow, refused, wait_until

SECONDS = 2.0


@pytest.fixture
def late(stand: Stand):
    """A stand-in whose IAM takes two seconds to spread."""
    stand.admin("POST", "config", {"iam_delay_seconds": SECONDS})
    yield stand
    stand.admin("POST", "config", {"iam_delay_seconds": 0})


def may_list(stand: Stand, key: tuple[str, ...]) -> bool:
    client = stand.client("secretsmanager", key)
    try:
        client.list_secrets()
    except client.exceptions.ClientError:
        return False
    return True


def test_a_right_counts_at_once_without_a_delay(stand: Stand, name: str) -> None:
    key = stand.user(name)
    assert not may_list(stand, key)
    stand.client("iam").put_user_policy(
        UserName=name, PolicyName="p", PolicyDocument=json.dumps(allow("secretsmanager:ListSecrets"))
    )
    assert may_list(stand, key)


def test_a_new_key_is_unknown_until_it_has_spread(late: Stand, name: str) -> None:
    made = time.monotonic()
    key = late.user(name, allow("secretsmanager:ListSecrets"))
    with refused("UnrecognizedClientException"):
        late.client("secretsmanager", key).list_secrets()
    with refused("InvalidClientTokenId"):
        late.client("sts", key).get_caller_identity()
    assert late.client("iam").get_user(UserName=name)["User"]["UserName"] == name
    wait_until("the key has spread", lambda: may_list(late, key))
    assert time.monotonic() - made >= SECONDS


def test_a_policy_counts_and_a_removed_one_stops_counting_late(late: Stand, name: str) -> None:
    iam = late.client("iam")
    key = late.user(name)
    sts = late.client("sts", key)

    def known() -> bool:
        try:
            return bool(sts.get_caller_identity())
        except sts.exceptions.ClientError:
            return False

    wait_until("the key has spread", known)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(allow("secretsmanager:ListSecrets")))
    assert not may_list(late, key)
    wait_until("the policy has spread", lambda: may_list(late, key))
    iam.delete_user_policy(UserName=name, PolicyName="p")
    assert may_list(late, key)
    wait_until("the removal has spread", lambda: not may_list(late, key))


def test_root_does_not_wait(late: Stand, name: str) -> None:
    late.client("iam").create_user(UserName=name)
    assert late.client("secretsmanager", ADMIN).list_secrets()


def test_a_new_role_cannot_be_assumed_by_lambda_until_it_has_spread(late: Stand, name: str) -> None:
    arn = role(late, name, allow(*LOGS))
    with refused("InvalidParameterValueException", "cannot be assumed by Lambda"):
        function(late, name, arn)

    def made() -> bool:
        client = late.client("lambda")
        try:
            return bool(function(late, name, arn))
        except client.exceptions.InvalidParameterValueException:
            return False

    wait_until("the role has spread", made)


def test_a_running_functions_new_right_counts_late(late: Stand, name: str) -> None:
    late.admin("POST", "config", {"iam_delay_seconds": 0})
    function(late, name, role(late, name, allow(*LOGS)))
    late.client("secretsmanager").create_secret(Name=name, SecretString="value")
    # Its first start may take longer than the delay.
    assert invoke(late, name, {}) == (None, {})
    late.admin("POST", "config", {"iam_delay_seconds": SECONDS})
    late.client("iam").put_role_policy(
        RoleName=name, PolicyName="p", PolicyDocument=json.dumps(allow("secretsmanager:GetSecretValue"))
    )
    failed, body = invoke(late, name, {"ask": "secret", "id": name})
    assert failed == "Unhandled"
    assert body["errorType"] == "ClientError"
    assert "AccessDeniedException" in body["errorMessage"]
    wait_until("spread", lambda: invoke(late, name, {"ask": "secret", "id": name}) == (None, "value"))


def test_the_registry_sees_rights_late_too(late: Stand, name: str) -> None:
    late.admin("POST", "config", {"iam_delay_seconds": 0})
    late.client("ecr").create_repository(repositoryName=name)
    password = token(late, late.user(name, allow("ecr:GetAuthorizationToken")))
    late.admin("POST", "config", {"iam_delay_seconds": SECONDS})
    late.client("iam").put_user_policy(UserName=name, PolicyName="pull", PolicyDocument=json.dumps(allow(*PULL)))
    assert ask(late, password, f"/v2/{name}/manifests/v1").status == 403
    wait_until("spread", lambda: ask(late, password, f"/v2/{name}/manifests/v1").status == 404)


def test_a_third_access_key_is_refused(stand: Stand, name: str) -> None:
    stand.user(name)
    iam = stand.client("iam")
    iam.create_access_key(UserName=name)
    with refused("LimitExceeded", "AccessKeysPerUser: 2"):
        iam.create_access_key(UserName=name)


def test_an_inactive_key_is_refused(stand: Stand, name: str) -> None:
    key = stand.user(name)
    stand.client("iam").update_access_key(UserName=name, AccessKeyId=key[0], Status="Inactive")
    with refused("InvalidClientTokenId"):
        stand.client("sts", key).get_caller_identity()


def test_a_user_moves_to_another_path_with_its_key_and_rights(stand: Stand, name: str) -> None:
    key = stand.user(name, allow("iam:GetUser"))
    iam = stand.client("iam")
    iam.update_user(UserName=name, NewPath="/moved/")
    user = iam.get_user(UserName=name)["User"]
    assert (user["Path"], user["Arn"]) == ("/moved/", f"arn:aws:iam::000000000000:user/moved/{name}")
    assert stand.client("sts", key).get_caller_identity()["Arn"] == user["Arn"]
    assert stand.client("iam", key).get_user(UserName=name)["User"]["UserId"] == user["UserId"]
    with refused("NoSuchEntity"):
        iam.update_user(UserName=f"{name}-none", NewPath="/moved/")
    with refused("InvalidAction", "renames no user"):
        iam.update_user(UserName=name, NewUserName=f"{name}-other")


def test_a_user_is_deleted_only_when_nothing_hangs_on_it(stand: Stand, name: str) -> None:
    key = stand.user(name, allow("sts:*"))
    iam = stand.client("iam")
    with refused("DeleteConflict"):
        iam.delete_user(UserName=name)
    iam.delete_access_key(UserName=name, AccessKeyId=key[0])
    with refused("DeleteConflict"):
        iam.delete_user(UserName=name)
    iam.delete_user_policy(UserName=name, PolicyName="inline")
    iam.delete_user(UserName=name)


@pytest.mark.parametrize(
    "trust", ["nonsense", "{}", json.dumps(allow("sts:AssumeRole")), '{"Statement": [{"Effect": "Allow"}]}']
)
def test_a_role_without_a_proper_trust_policy_is_refused(stand: Stand, name: str, trust: str) -> None:
    with refused("MalformedPolicyDocument"):
        stand.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)


def test_an_inline_policy_beyond_the_quota_is_refused(stand: Stand, name: str) -> None:
    iam = stand.client("iam")
    iam.create_user(UserName=name)
    many = allow(*[f"secretsmanager:Action{number:04}" for number in range(80)])
    with refused("LimitExceeded", "2048"):
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(many))


def test_a_right_on_one_secrets_arn_opens_that_secret_by_name_and_no_other(stand: Stand, name: str) -> None:
    secrets = stand.client("secretsmanager")
    arn = secrets.create_secret(Name=name, SecretString="one")["ARN"]
    secrets.create_secret(Name=f"{name}-other", SecretString="two")
    user = stand.client("secretsmanager", stand.user(name, allow("secretsmanager:GetSecretValue", resource=arn)))
    assert user.get_secret_value(SecretId=name)["SecretString"] == "one"
    assert user.get_secret_value(SecretId=arn)["SecretString"] == "one"
    with refused("AccessDeniedException"):
        user.get_secret_value(SecretId=f"{name}-other")
    with refused("AccessDeniedException"):
        user.put_secret_value(SecretId=name, SecretString="x")


def test_a_roles_trust_decides_who_assumes_it(stand: Stand, name: str) -> None:
    trusted, other = stand.user(name, allow("sts:AssumeRole")), stand.user(f"{name}-other", allow("sts:AssumeRole"))
    principal = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/{name}"}
    trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    arn = stand.client("iam").create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    got = stand.client("sts", trusted).assume_role(RoleArn=arn, RoleSessionName="session")["Credentials"]
    session = (got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])
    assert stand.client("sts", session).get_caller_identity()["Arn"].endswith(f"assumed-role/{name}/session")
    with refused("AccessDenied"):
        stand.client("sts", other).assume_role(RoleArn=arn, RoleSessionName="session")


@pytest.mark.parametrize(
    "federated",
    ["https://oidc.example/id/1", "arn:aws:iam:::oidc-provider/oidc.example", "oidc.example/id/1", "nobody"],
)
def test_a_role_does_not_trust_what_can_be_no_provider(stand: Stand, name: str, federated: str) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": federated},
        "Action": "sts:AssumeRoleWithWebIdentity",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": statement})
    with refused("MalformedPolicyDocument", "Federated principals must be valid domain names or SAML metadata ARNs"):
        stand.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)
