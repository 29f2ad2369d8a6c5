"""A service account's token opens the role that trusts it, and no token that was not signed by its issuer for it opens any."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.local_aws.issuer import AUDIENCE, SUBJECT, UNREACHABLE, Issuer, Key, encoded
from tests.local_aws.platform import ACCOUNT, ADMIN, REGION, Stand, allow, http, refused, wait_until

OTHER = "444444444444"
NOT_VALIDATED = "The web identity token provided could not be validated"
NO_KEY = "Couldn't retrieve verification key from your identity provider"
NO_JWT = "The ID Token provided is not a valid JWT"
NOT_AUTHORIZED = "Not authorized to perform sts:AssumeRoleWithWebIdentity"


def provider(stand: Stand, url: str, account: str = ACCOUNT, *clients: str) -> str:
    """Makes the issuer known to an account's IAM; the ARN."""
    iam = stand.client("iam", ADMIN if account == ACCOUNT else (account, ADMIN[1]))
    made = iam.create_open_id_connect_provider(Url=url, ClientIDList=list(clients) or [AUDIENCE])
    return made["OpenIDConnectProviderArn"]


@pytest.fixture(scope="module")
def known(stand: Stand, issuer: Issuer) -> Iterator[str]:
    """The ARN of the issuer in IAM."""
    arn = provider(stand, issuer.url)
    yield arn
    stand.client("iam").delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)


def trust(federated: str, conditions: Any = None, effect: str = "Allow") -> dict[str, Any]:
    statement = {
        "Effect": effect,
        "Principal": {"Federated": federated},
        "Action": "sts:AssumeRoleWithWebIdentity",
    }
    return {**statement, "Condition": conditions} if conditions else statement


def role(stand: Stand, name: str, *statements: dict[str, Any], account: str = ACCOUNT, **more: Any) -> str:
    """A role that these statements let in, and that may list secrets; its ARN."""
    iam = stand.client("iam", ADMIN if account == ACCOUNT else (account, ADMIN[1]))
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **more)["Role"]
    policy = json.dumps(allow("secretsmanager:ListSecrets", "ecr:GetAuthorizationToken"))
    iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=policy)
    return made["Arn"]


def exact(issuer: Issuer) -> dict[str, Any]:
    """The condition of a role for one service account."""
    return {"StringEquals": {f"{issuer.prefix}:sub": SUBJECT, f"{issuer.prefix}:aud": AUDIENCE}}


@pytest.fixture
def arn(stand: Stand, issuer: Issuer, known: str, name: str) -> str:
    """The ARN of a role for one service account."""
    return role(stand, name, trust(known, exact(issuer)), Path="/pods/")


def assume(stand: Stand, arn: str, token: str, **more: Any) -> dict[str, Any]:
    """Without credentials, as a pod asks."""
    sts = stand.client("sts", ("nobody", "nothing"))
    return sts.assume_role_with_web_identity(RoleArn=arn, RoleSessionName="pod", WebIdentityToken=token, **more)


def session(answer: dict[str, Any]) -> tuple[str, str, str]:
    got = answer["Credentials"]
    return got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"]


def test_the_session_is_the_roles(stand: Stand, issuer: Issuer, known: str, arn: str, name: str) -> None:
    answer = assume(stand, arn, issuer.token())
    assert (answer["SubjectFromWebIdentityToken"], answer["Audience"]) == (SUBJECT, AUDIENCE)
    assert answer["Provider"] == known
    assert 3500 < answer["Credentials"]["Expiration"].timestamp() - time.time() <= 3600
    key = session(answer)
    wanted = f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/pod"
    assert answer["AssumedRoleUser"]["Arn"] == stand.client("sts", key).get_caller_identity()["Arn"] == wanted
    stand.client("secretsmanager", key).list_secrets()
    assert stand.client("ecr", key).get_authorization_token()["authorizationData"]
    with refused("AccessDeniedException", f"{wanted} is not authorized to perform: secretsmanager:CreateSecret"):
        stand.client("secretsmanager", key).create_secret(Name=name, SecretString="x")
    with refused("UnrecognizedClientException"):
        stand.client("secretsmanager", (*key[:2], "another")).list_secrets()


def test_an_audience_that_is_text_is_as_good_as_a_list_of_one(stand: Stand, issuer: Issuer, arn: str) -> None:
    assert assume(stand, arn, issuer.token(aud=AUDIENCE))["Audience"] == AUDIENCE


def tampered(issuer: Issuer) -> str:
    """Signed for another service account, then made to be about this one."""
    head, _, signature = issuer.token(sub="system:serviceaccount:team:other").split(".")
    return f"{head}.{encoded(json.dumps(issuer.claims()).encode())}.{signature}"


def unsigned(issuer: Issuer) -> str:
    parts = ({"alg": "none", "kid": issuer.key.kid}, issuer.claims())
    return ".".join([*(encoded(json.dumps(part).encode()) for part in parts), ""])


def signed_with_the_public_key(issuer: Issuer) -> str:
    """As if it were a shared secret, which anyone could."""
    parts = ({"alg": "HS256", "kid": issuer.key.kid}, issuer.claims())
    text = ".".join(encoded(json.dumps(part).encode()) for part in parts)
    secret = json.dumps(issuer.key.public).encode()
    return f"{text}.{encoded(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def ago(seconds: int) -> int:
    return int(time.time()) - seconds


TOKENS: dict[str, tuple[Callable[[Issuer], str], str, str]] = {
    "no token": (lambda _: "secret-looking-text", "InvalidIdentityToken", NO_JWT),
    "tampered with": (tampered, "InvalidIdentityToken", NOT_VALIDATED),
    "unsigned": (unsigned, "InvalidIdentityToken", NOT_VALIDATED),
    "signed with the public key": (signed_with_the_public_key, "InvalidIdentityToken", NOT_VALIDATED),
    "signed by somebody else": (lambda i: Key(i.key.kid).sign(i.claims()), "InvalidIdentityToken", NOT_VALIDATED),
    "signed with an unknown key": (lambda i: Key("second").sign(i.claims()), "InvalidIdentityToken", NO_KEY),
    "ended": (lambda i: i.token(exp=ago(310)), "ExpiredTokenException", "Token expired: current date/time 1"),
    "not begun": (lambda i: i.token(nbf=ago(-400)), "InvalidIdentityToken", NOT_VALIDATED),
    "without an end": (lambda i: i.token(exp=None), "InvalidIdentityToken", "Missing a required claim: exp"),
    "without a date": (lambda i: i.token(iat=None), "InvalidIdentityToken", "Missing a required claim: iat"),
    "about nobody": (lambda i: i.token(sub=None), "InvalidIdentityToken", "Missing a required claim: sub"),
    "for nobody": (lambda i: i.token(aud=None), "InvalidIdentityToken", "Missing a required claim: aud"),
    "for the API server": (
        lambda i: i.token(aud=["https://kubernetes.default.svc"]),
        "InvalidIdentityToken",
        "Incorrect token audience",
    ),
    "for two": (
        lambda i: i.token(aud=[AUDIENCE, "vault"]),
        "InvalidIdentityToken",
        "Token audience contains more than one audience while authorized party is not present",
    ),
    "of another issuer": (
        lambda i: i.token(iss="https://oidc.eks.eu-central-1.amazonaws.com/id/OTHER"),
        "InvalidIdentityToken",
        "No OpenIDConnect provider found in your account for https://oidc.eks.eu-central-1.amazonaws.com/id/OTHER",
    ),
    "of an issuer that is not HTTPS": (
        lambda i: i.token(iss=i.prefix),
        "InvalidIdentityToken",
        "No OpenIDConnect provider found in your account for oidc.eks",
    ),
    "of another service account": (
        lambda i: i.token(sub="system:serviceaccount:team:other"),
        "AccessDenied",
        NOT_AUTHORIZED,
    ),
    "of another namespace's": (
        lambda i: i.token(sub="system:serviceaccount:other:puller"),
        "AccessDenied",
        NOT_AUTHORIZED,
    ),
}


@pytest.mark.parametrize("which", TOKENS)
def test_a_token_is_refused_that_is(stand: Stand, issuer: Issuer, arn: str, which: str) -> None:
    make, code, text = TOKENS[which]
    with refused(code, text):
        assume(stand, arn, make(issuer))


def test_a_token_is_taken_for_five_minutes_after_its_end(stand: Stand, issuer: Issuer, arn: str) -> None:
    """For clocks that differ (IAM User Guide, OIDC federation)."""
    assert assume(stand, arn, issuer.token(exp=ago(200)))["Credentials"]


def test_an_authorized_party_is_whom_the_token_is_for(stand: Stand, issuer: Issuer, arn: str) -> None:
    assert assume(stand, arn, issuer.token(aud=["one", "two"], azp=AUDIENCE))["Audience"] == AUDIENCE
    with refused("InvalidIdentityToken", "Incorrect token audience"):
        assume(stand, arn, issuer.token(azp="one"))


def like(issuer: Issuer, pattern: str) -> dict[str, Any]:
    return {"StringLike": {f"{issuer.prefix}:sub": pattern}}


TRUSTS: dict[str, tuple[Callable[[Issuer, str], list[dict[str, Any]]], bool]] = {
    "anyone of the issuer": (lambda i, p: [trust(p)], True),
    "all of the namespace": (lambda i, p: [trust(p, like(i, "system:serviceaccount:team:*"))], True),
    "all of another namespace": (lambda i, p: [trust(p, like(i, "system:serviceaccount:other:*"))], False),
    "one of several": (
        lambda i, p: [trust(p, {"StringEquals": {f"{i.prefix}:sub": ["system:serviceaccount:team:other", SUBJECT]}})],
        True,
    ),
    "another audience": (lambda i, p: [trust(p, {"StringEquals": {f"{i.prefix}:aud": "vault"}})], False),
    "a key of another issuer": (
        lambda i, p: [trust(p, {"StringEquals": {"oidc.eks.eu-central-1.amazonaws.com/id/OTHER:sub": SUBJECT}})],
        False,
    ),
    "a key that is a URL": (lambda i, p: [trust(p, {"StringEquals": {f"{i.url}:sub": SUBJECT}})], False),
    "another provider": (lambda i, p: [trust(p.replace("EXAMPLE", "OTHER"))], False),
    "the provider for AssumeRole": (lambda i, p: [{**trust(p), "Action": "sts:AssumeRole"}], False),
    "the account": (
        lambda i, p: [{**trust(p), "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}],
        False,
    ),
    "all but this one": (
        lambda i, p: [trust(p), trust(p, {"StringEquals": {f"{i.prefix}:sub": SUBJECT}}, "Deny")],
        False,
    ),
}


@pytest.mark.parametrize("which", TRUSTS)
def test_a_role_lets_in_whom_it_trusts(stand: Stand, issuer: Issuer, known: str, name: str, which: str) -> None:
    make, lets_in = TRUSTS[which]
    arn = role(stand, name, *make(issuer, known))
    if lets_in:
        assert assume(stand, arn, issuer.token())["Credentials"]
    else:
        with refused("AccessDenied", NOT_AUTHORIZED):
            assume(stand, arn, issuer.token())


def test_a_role_that_is_not_there_is_refused_like_one_that_does_not_trust(
    stand: Stand, issuer: Issuer, arn: str, name: str
) -> None:
    for missing in (f"{arn}-none", f"arn:aws:iam::{ACCOUNT}:role/{name}"):
        with refused("AccessDenied", NOT_AUTHORIZED):
            assume(stand, missing, issuer.token())


def test_the_issuer_must_be_known_in_the_roles_own_account(stand: Stand, issuer: Issuer, known: str, name: str) -> None:
    arn = role(stand, name, trust(known.replace(ACCOUNT, OTHER)), account=OTHER)
    with refused("InvalidIdentityToken", f"No OpenIDConnect provider found in your account for {issuer.url}"):
        assume(stand, arn, issuer.token())
    provider(stand, issuer.url, OTHER)
    key = session(assume(stand, arn, issuer.token()))
    assert stand.client("sts", key).get_caller_identity()["Account"] == OTHER


def test_a_provider_stops_counting_when_it_is_deleted_or_takes_the_audience_no_more(
    stand: Stand, issuer: Issuer, name: str
) -> None:
    account = "555555555555"
    iam, there = stand.client("iam", (account, ADMIN[1])), provider(stand, issuer.url, account, AUDIENCE, "more")
    arn = role(stand, name, trust(there), account=account)
    assume(stand, arn, issuer.token())
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=there, ClientID=AUDIENCE)
    with refused("InvalidIdentityToken", "Incorrect token audience"):
        assume(stand, arn, issuer.token())
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=there)
    with refused("InvalidIdentityToken", "No OpenIDConnect provider found in your account"):
        assume(stand, arn, issuer.token())


def test_an_issuer_whose_keys_cannot_be_had_opens_nothing(
    stand: Stand, issuer: Issuer, arn: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreachable = role(stand, f"{name}-2", trust(provider(stand, UNREACHABLE)))
    with refused("InvalidIdentityToken", NO_KEY):
        assume(stand, unreachable, issuer.token(iss=UNREACHABLE))
    unknown = "https://oidc.example"
    with refused("InvalidIdentityToken", NO_KEY):
        assume(stand, role(stand, f"{name}-3", trust(provider(stand, unknown))), issuer.token(iss=unknown))
    monkeypatch.setattr(issuer, "status", 503)
    with refused("InvalidIdentityToken", NO_KEY):
        assume(stand, arn, issuer.token())


def test_a_new_key_counts_and_the_old_one_stops_to(
    stand: Stand, issuer: Issuer, arn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = issuer.token()
    assume(stand, arn, old)
    monkeypatch.setattr(issuer, "key", Key("second"))
    assume(stand, arn, issuer.token())
    with refused("InvalidIdentityToken", NO_KEY):
        assume(stand, arn, old)


def test_a_session_lasts_as_long_as_asked_and_no_longer_than_its_role_allows(
    stand: Stand, issuer: Issuer, arn: str
) -> None:
    ends = assume(stand, arn, issuer.token(), DurationSeconds=900)["Credentials"]["Expiration"].timestamp()
    assert 800 < ends - time.time() <= 900
    with refused("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."):
        assume(stand, arn, issuer.token(), DurationSeconds=7200)
    with refused("ValidationError", "Value '43201' at 'durationSeconds' failed to satisfy constraint"):
        assume(stand, arn, issuer.token(), DurationSeconds=43201)


def test_a_session_policy_narrows_the_session(stand: Stand, issuer: Issuer, arn: str) -> None:
    narrow = json.dumps(allow("secretsmanager:ListSecrets"))
    key = session(assume(stand, arn, issuer.token(), Policy=narrow))
    stand.client("secretsmanager", key).list_secrets()
    with refused("AccessDeniedException"):
        stand.client("ecr", key).get_authorization_token()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"RoleArn": ""}, "Value at 'roleArn' failed to satisfy constraint: Member must not be null"),
        ({"RoleSessionName": "a b"}, "Value 'a b' at 'roleSessionName' failed to satisfy constraint"),
        ({"WebIdentityToken": ""}, "Value at 'webIdentityToken' failed to satisfy constraint: Member must not be null"),
        ({"RoleArn": "arn:aws:iam::000000000000:user/somebody"}, "Invalid RoleArn"),
    ],
)
def test_a_request_that_is_not_whole_is_refused(
    stand: Stand, issuer: Issuer, arn: str, changed: dict[str, str], said: str
) -> None:
    whole = {"RoleArn": arn, "RoleSessionName": "pod", "WebIdentityToken": issuer.token()}
    form = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", **whole, **changed}
    answer = http("POST", stand.endpoint, fields=form, encode_multipart=False)
    assert answer.status == 400
    assert "<Code>ValidationError</Code>" in answer.data.decode()
    assert said in answer.data.decode()


def test_no_other_protocol_lets_an_unchecked_token_in(stand: Stand, issuer: Issuer, arn: str) -> None:
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "AWSSecurityTokenServiceV20110615.AssumeRoleWithWebIdentity",
    }
    body = json.dumps({"RoleArn": arn, "RoleSessionName": "pod", "WebIdentityToken": unsigned(issuer)})
    answer = http("POST", stand.endpoint, headers=headers, body=body)
    assert (answer.status, b"AccessKeyId" in answer.data) == (400, False)


def test_calls_count_for_the_role_that_was_asked_for(stand: Stand, issuer: Issuer, arn: str) -> None:
    stand.admin("DELETE", "calls")
    key = session(assume(stand, arn, issuer.token()))
    with refused("AccessDenied"):
        assume(stand, arn, issuer.token(sub="somebody"))
    with refused("AccessDenied"):
        assume(stand, f"{arn}-none", issuer.token())
    stand.client("secretsmanager", key).list_secrets()
    counted = stand.admin("GET", "calls")["by_caller"]
    asked = "sts:AssumeRoleWithWebIdentity"
    assert counted == {arn: {asked: 2, "secretsmanager:ListSecrets": 1}, "anonymous": {asked: 1}}


def test_a_new_provider_counts_when_it_has_spread(stand: Stand, issuer: Issuer, name: str) -> None:
    account = "666666666666"
    arn = role(stand, name, trust(f"arn:aws:iam::{account}:oidc-provider/{issuer.prefix}"), account=account)
    sts = stand.client("sts", ("nobody", "nothing"))

    def opens() -> bool:
        try:
            return bool(assume(stand, arn, issuer.token()))
        except sts.exceptions.InvalidIdentityTokenException:
            return False

    stand.admin("POST", "config", {"iam_delay_seconds": 2})
    try:
        provider(stand, issuer.url, account)
        assert not opens()
        wait_until("the provider has spread", opens)
    finally:
        stand.admin("POST", "config", {"iam_delay_seconds": 0})


def test_a_pods_variables_are_all_that_boto3_needs(
    stand: Stand, issuer: Issuer, arn: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text(issuer.token())
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    variables = {
        "AWS_ROLE_ARN": arn,
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(file),
        "AWS_ENDPOINT_URL": stand.endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
    }
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    sts: Any = boto3.Session().client("sts")
    who = sts.get_caller_identity()["Arn"]
    assert who.startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/")


def test_a_token_is_nowhere_in_the_stand_ins_log(stand: Stand, issuer: Issuer, arn: str) -> None:
    token = issuer.token(aud=["canary"])
    with refused("InvalidIdentityToken"):
        assume(stand, arn, token)
    assert all(part not in stand.log for part in token.split(".")[1:])
