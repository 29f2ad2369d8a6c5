"""Credentials that are not to be had: what is told of them and what is waited for; and a token that is exchanged."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import refresher
from botocore.session import Session
from refresher import __main__ as entry
from refresher import aws_clients, credentials
from refresher.errors import AwsCallError, CredentialsMissingError, DeniedError, RefreshError

from tests.refresher.api_server import ApiServer
from tests.refresher.aws_server import AwsServer, Call, Refusal
from tests.refresher.conftest import Lines
from tests.refresher.fakes import CANARY, FRANKFURT, VIRGINIA
from tests.refresher.hearing import everything_in

ROLE = "arn:aws:iam::123456789012:role/pods/everpull-dev-cluster-role-1a2b3c4"
REFERENCE = "Code, request 4f7e-11"
# What STS says, less what it may quote.
SAID = {
    "No OpenIDConnect provider found in your account for https://a": "IAM does not know the issuer of this pod's token",
    "Incorrect token audience": "IAM knows the issuer of this pod's token for other audiences only",
    "Couldn't retrieve verification key from your identity provider,  please reference": (
        "AWS could not get the keys of this pod's issuer, which takes a public address"
    ),
    f"anything with {CANARY}": "AWS does not take this pod's token",
}


@pytest.mark.parametrize(("text", "why"), SAID.items())
def test_a_token_that_is_not_taken_may_be_later_and_is_told_with_the_reason(text: str, why: str) -> None:
    found = credentials.refused({"AWS_ROLE_ARN": ROLE}, "InvalidIdentityToken", text, REFERENCE)
    assert isinstance(found, DeniedError)
    assert found.rights_missing
    assert str(found) == f"sts:AssumeRoleWithWebIdentity on {ROLE} was refused: {why} ({REFERENCE})"


def test_a_role_that_does_not_let_the_pod_in_may_later_and_is_told_with_the_fix() -> None:
    found = credentials.refused({"AWS_ROLE_ARN": ROLE}, "AccessDenied", CANARY, REFERENCE)
    assert found.rights_missing
    assert str(found) == (
        f"sts:AssumeRoleWithWebIdentity on {ROLE} was denied to this pod's service account: the role must trust it, by issuer, "
        f"subject and audience; a role that does not exist is refused alike ({REFERENCE})"
    )


@pytest.mark.parametrize(
    ("code", "hint"),
    [("ExpiredTokenException", ": this pod's token has ended by AWS's clock"), ("IDPCommunicationError", "")],
)
def test_another_refusal_is_not_waited_for(code: str, hint: str) -> None:
    found = credentials.refused({}, code, CANARY, REFERENCE)
    assert isinstance(found, AwsCallError)
    assert str(found) == f"sts:AssumeRoleWithWebIdentity on the role failed ({REFERENCE}){hint}"


MISSING = (
    "a:B in here was not asked for: there are no AWS credentials, neither an access key nor a role",
    f"a:B in here was not asked for: EKS gave this pod no credentials of {ROLE}. If its service account was associated with "
    "the role a moment ago, that came too late for this pod, and the next one has them; else this is not the cluster of "
    "everpull:eksCluster",
)


def test_none_at_all_are_told_with_the_likely_cause_and_not_waited_for() -> None:
    """Whoever waits in this pod waits in vain."""
    for environment, text in zip(({}, {"EVERPULL_POD_ROLE": ROLE}), MISSING, strict=True):
        found = credentials.missing(environment, "a:B in here")
        assert isinstance(found, CredentialsMissingError)
        assert (str(found), found.rights_missing) == (text, False)


def test_an_agent_that_gives_none_may_later_and_is_told_with_the_likely_cause() -> None:
    found = credentials.withheld({"EVERPULL_POD_ROLE": ROLE}, "a:B in here", "CredentialRetrievalError")
    assert found.rights_missing
    assert str(found) == (
        f"a:B in here was not asked for: EKS's Pod Identity Agent gave no credentials of {ROLE}. It does not run on this node "
        "(EKS add-on eks-pod-identity-agent), or AWS does not know yet that the role is this service account's"
    )
    elsewhere = credentials.withheld({}, "a:B in here", "CredentialRetrievalError")
    assert (str(elsewhere), elsewhere.rights_missing) == (
        "a:B in here failed before AWS answered (CredentialRetrievalError)",
        False,
    )


# By real clients of botocore, on scripted servers.


@pytest.fixture
def keyless(cronjob: ApiServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A pod without an access key, on a machine without any other credentials."""
    for name in list(os.environ):
        if name.startswith(("AWS_ACCESS", "AWS_SECRET", "AWS_SESSION", "AWS_PROFILE", "AWS_CONTAINER", "AWS_DEFAULT")):
            monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    aws_clients.forget()
    return monkeypatch


@pytest.fixture
def token(keyless: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A pod with a role by its token."""
    file = tmp_path / "aws-token"
    file.write_text(f"{CANARY}-token")
    for name, value in {
        "AWS_ROLE_ARN": ROLE,
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(file),
        "AWS_ROLE_SESSION_NAME": "everpull-dev",
    }.items():
        keyless.setenv(name, value)
    return file


def run(*arguments: str) -> int:
    return entry.main(arguments, os.environ)


@pytest.mark.usefixtures("token")
def test_a_token_is_exchanged_once_and_logins_are_the_roles(
    aws: AwsServer, cronjob: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERPULL_REGISTRIES", f"{FRANKFURT},{VIRGINIA}")
    assert run() == 0
    assert aws.actions() == ["AssumeRoleWithWebIdentity", "GetAuthorizationToken", "GetAuthorizationToken"]
    exchange, *rest = aws.calls
    assert (exchange.body["RoleArn"], exchange.body["RoleSessionName"]) == (ROLE, "everpull-dev")
    assert exchange.body["WebIdentityToken"] == f"{CANARY}-token"
    assert {call.key_id for call in rest} == {"ASIA123456789012"}
    assert set(cronjob.secrets) == {"team-a", "team-b"}


@pytest.mark.usefixtures("token")
def test_a_token_is_exchanged_in_the_refreshers_own_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first registry's may be one where the account has STS switched off."""
    monkeypatch.setenv("EVERPULL_REGISTRIES", VIRGINIA)
    made: list[tuple[str, str | None]] = []
    create = Session.create_client

    def creating(self: Any, service_name: str, *args: Any, **named: Any) -> Any:
        client = create(self, service_name, *args, **named)
        made.append((service_name, client.meta.region_name))
        return client

    monkeypatch.setattr(Session, "create_client", creating)
    assert run() == 0
    assert made == [("ecr", "us-east-1"), ("sts", "eu-central-1")]


REFUSED = [Refusal("AccessDenied", "Not authorized", 403), Refusal("InvalidIdentityToken", "Incorrect token audience")]


@pytest.mark.usefixtures("token")
def test_trust_that_arrives_late_is_waited_for(aws: AwsServer, no_sleep: list[float], lines: Lines) -> None:
    left = [*REFUSED, *REFUSED]

    def answer(call: Call) -> Any:
        return left.pop() if left else aws._AssumeRoleWithWebIdentity(call)

    aws.answers["AssumeRoleWithWebIdentity"] = answer
    assert run("--force", "--await-rights", "90") == 0
    assert no_sleep == [1, 2, 4, 8]
    assert [line["event"] for line in lines()] == ["waiting for rights"] * 4 + ["refresh"]


@pytest.mark.usefixtures("token")
def test_trust_that_never_arrives_is_told_as_what_it_is_and_the_last_logins_stay(
    aws: AwsServer, cronjob: ApiServer, no_sleep: list[float], capfd: pytest.CaptureFixture[str]
) -> None:
    run()
    held = json.dumps(cronjob.secrets)
    aws_clients.forget()
    aws.answers["AssumeRoleWithWebIdentity"] = lambda call: Refusal("AccessDenied", f"{call.body}", 403)
    capfd.readouterr()
    assert run("--force", "--await-rights", "10") == 1
    assert sum(no_sleep) == pytest.approx(10)
    heard = capfd.readouterr()
    report = json.loads(heard.out.splitlines()[-1])
    assert report["errorType"] == "DeniedError"
    assert report["error"].startswith(
        f"sts:AssumeRoleWithWebIdentity on {ROLE} was denied to this pod's service account"
    )
    assert f"; the last login for {FRANKFURT} lives until" in report["error"]
    assert json.dumps(cronjob.secrets) == held
    assert CANARY not in heard.out


@pytest.mark.usefixtures("token")
def test_a_process_prints_no_traceback_of_a_token_that_is_not_taken(aws: AwsServer) -> None:
    """botocore logs one; that nobody listens only a process of its own shows."""
    aws.answers["AssumeRoleWithWebIdentity"] = lambda _: REFUSED[0]
    command = [sys.executable, "-m", "refresher"]
    source = Path(refresher.__file__).parent.parent
    ran = subprocess.run(command, cwd=source, env=os.environ, capture_output=True, text=True, check=False, timeout=60)
    assert (ran.returncode, ran.stderr) == (1, "")
    assert [json.loads(line)["event"] for line in ran.stdout.splitlines()] == ["login", "refresh"]


def test_a_token_that_is_not_there_is_told_as_what_it_is(token: Path, capfd: pytest.CaptureFixture[str]) -> None:
    token.unlink()
    assert run() == 1
    heard = capfd.readouterr()
    report = json.loads(heard.out.splitlines()[-1])
    text = "ecr:GetAuthorizationToken in eu-central-1 was not asked for: this pod's token can't be read (FileNotFoundError)"
    assert report["error"].startswith(text)
    assert heard.err == ""


def test_a_pod_that_was_made_too_early_fails_at_once_with_the_likely_cause(
    keyless: pytest.MonkeyPatch, no_sleep: list[float], capfd: pytest.CaptureFixture[str]
) -> None:
    keyless.setenv("EVERPULL_POD_ROLE", ROLE)
    assert run("--force", "--await-rights", "90") == 1
    assert no_sleep == [], "the next pod has them, not this one"
    heard = capfd.readouterr()
    report = json.loads(heard.out.splitlines()[-1])
    assert report["errorType"] == "CredentialsMissingError"
    assert report["error"].startswith(
        f"ecr:GetAuthorizationToken in eu-central-1 was not asked for: EKS gave this pod no credentials of {ROLE}. If its"
    )
    assert "Traceback" not in heard.out + heard.err


def test_credentials_of_the_pods_agent_are_used_and_waited_for(
    keyless: pytest.MonkeyPatch, aws: AwsServer, no_sleep: list[float], lines: Lines, tmp_path: Path
) -> None:
    """As EKS tells a pod of them. The agent is what AWS's endpoint is here, and first says that it has none."""
    file = tmp_path / "agent-token"
    file.write_text(f"{CANARY}-agent")
    for name, value in {
        "EVERPULL_POD_ROLE": ROLE,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{aws.endpoint}/v1/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(file),
    }.items():
        keyless.setenv(name, value)
    asked: list[str] = []

    def answer(authorization: str) -> dict[str, Any] | None:
        asked.append(authorization)
        session = {"AccessKeyId": "ASIAPOD", "SecretAccessKey": f"{CANARY}-k", "Token": f"{CANARY}-t"}
        return {**session, "Expiration": "2100-01-01T00:00:00Z"} if len(asked) > 1 else None

    aws.agent = answer
    for name, value in (("RETRY_ATTEMPTS", 1), ("SLEEP_TIME", 0)):
        keyless.setattr(f"botocore.utils.ContainerMetadataFetcher.{name}", value)
    assert run("--force", "--await-rights", "90") == 0
    assert no_sleep == [1]
    assert asked == [f"{CANARY}-agent"] * 2
    assert {call.key_id for call in aws.calls} == {"ASIAPOD"}
    waiting, _ = lines()
    assert waiting["error"].startswith(
        f"ecr:GetAuthorizationToken in eu-central-1 was not asked for: EKS's Pod Identity Agent gave no credentials of {ROLE}."
    )


@pytest.mark.parametrize("failure", [*REFUSED, None], ids=str)
def test_no_error_carries_the_token(
    token: Path, aws: AwsServer, failure: Refusal | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if failure is None:
        token.unlink()
    else:
        aws.answers["AssumeRoleWithWebIdentity"] = lambda call: Refusal(failure.code, f"{call.body}", failure.status)
    raised: list[RefreshError] = []
    monkeypatch.setattr(entry, "_tell_of_login", lambda shortfall: raised.append(shortfall.failure))
    assert run() == 1
    assert raised
    assert CANARY not in everything_in(raised[0])
