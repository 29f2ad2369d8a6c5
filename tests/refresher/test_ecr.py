"""Logins from ECR: what is asked, and which answers are refused."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError
from refresher.assumed_roles import AssumedRoles, Credentials
from refresher.core import Login
from refresher.ecr import EcrLogins
from refresher.errors import AwsCallError, CredentialsMissingError, DeniedError, OddAnswerError
from refresher.registries import PUBLIC, Group

from tests.refresher.fakes import CANARY, FRANKFURT, FRANKFURT_OTHER_ACCOUNT, LIFE, NOW, groups, token

HOSTS = (FRANKFURT, FRANKFURT_OTHER_ACCOUNT)
(GROUP,) = groups(*HOSTS)
(ECR_PUBLIC,) = groups(PUBLIC.host)


@dataclass
class FakeEcr:
    answer: Mapping[str, Any] | Exception
    asked: int = 0

    def get_authorization_token(self) -> Mapping[str, Any]:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def answer(**authorization: Any) -> dict[str, Any]:
    return {"authorizationData": [{"authorizationToken": token(), "expiresAt": NOW + LIFE, **authorization}]}


def logins(client: Callable[[str, str, Credentials | None], FakeEcr]) -> EcrLogins:
    def sts(region: str) -> NoReturn:
        raise AssertionError(f"STS in {region} was asked")

    return EcrLogins(client, AssumedRoles(sts, None))


def login(reply: Mapping[str, Any] | Exception, group: Group = GROUP) -> Login:
    return logins(lambda _service, _region, _credentials: FakeEcr(reply)).login(group)


def encoded(text: str | bytes) -> str:
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def test_one_call_in_the_region_gives_one_login_for_all_its_registries() -> None:
    ecr = FakeEcr(answer())
    asked: list[object] = []

    def client(*of: object) -> FakeEcr:
        asked.append(of)
        return ecr

    assert logins(client).login(GROUP) == Login(HOSTS, "AWS", CANARY, NOW + LIFE)
    assert (asked, ecr.asked) == ([("ecr", "eu-central-1", None)], 1)


def test_ecr_public_is_a_service_of_its_own_that_gives_one_authorization_and_no_list() -> None:
    (data,) = answer()["authorizationData"]
    asked: list[object] = []

    def client(*of: object) -> FakeEcr:
        asked.append(of)
        return FakeEcr({"authorizationData": data})

    assert logins(client).login(ECR_PUBLIC) == Login(("public.ecr.aws",), "AWS", CANARY, NOW + LIFE)
    assert asked == [("ecr-public", "us-east-1", None)]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ({}, "did not give exactly one authorization"),
        (answer(), "did not give exactly one authorization"),
        ({"authorizationData": {}}, "gave an authorization without a token"),
        ({"authorizationData": {"authorizationToken": token()}}, "gave a token without an expiry"),
    ],
)
def test_an_odd_answer_of_ecr_public_is_refused_by_its_name(reply: Mapping[str, Any], reason: str) -> None:
    with pytest.raises(OddAnswerError) as caught:
        login(reply, ECR_PUBLIC)
    assert str(caught.value) == f"ECR Public {reason}"


def test_a_denial_of_ecr_public_names_its_own_action_or_the_one_behind_it() -> None:
    said = "User: arn:aws:iam::1:user/x is not authorized to perform: sts:GetServiceBearerToken on resource: *"
    for message, action in (("", "ecr-public:GetAuthorizationToken"), (said, "sts:GetServiceBearerToken")):
        refusal: Any = {"Error": {"Code": "AccessDeniedException", "Message": message}}
        with pytest.raises(DeniedError, match=f"^{action} was denied .*in us-east-1"):
            login(ClientError(refusal, "GetAuthorizationToken"), ECR_PUBLIC)


@pytest.mark.parametrize(("username", "password"), [("AWS", "with:colons:"), ("somebody", "p"), ("AWS", "with space")])
def test_a_token_is_split_at_its_first_colon(username: str, password: str) -> None:
    made = login(answer(authorizationToken=encoded(f"{username}:{password}")))
    assert (made.username, made.password) == (username, password)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ({}, "did not give exactly one authorization"),
        ({"authorizationData": None}, "did not give exactly one authorization"),
        ({"authorizationData": []}, "did not give exactly one authorization"),
        ({"authorizationData": answer()["authorizationData"] * 2}, "did not give exactly one authorization"),
        ({"authorizationData": [None]}, "did not give exactly one authorization"),
        ({"authorizationData": [{}]}, "gave an authorization without a token"),
        (answer(authorizationToken=None), "gave an authorization without a token"),
        (answer(expiresAt=None), "gave a token without an expiry"),
        (answer(expiresAt=1795000000), "gave a token without an expiry"),
        (answer(expiresAt=datetime(2026, 11, 24)), "gave a token whose expiry names no time zone"),  # noqa: DTZ001
        (answer(authorizationToken=""), "gave a token that is not user:password"),
        (answer(authorizationToken="AWS:" + CANARY), "gave a token that is not base64 of printable ASCII"),
        (answer(authorizationToken=token() + "\n"), "gave a token that is not base64 of printable ASCII"),
        (answer(authorizationToken=token()[:-3]), "gave a token that is not base64 of printable ASCII"),
        (answer(authorizationToken="tökén"), "gave a token that is not base64 of printable ASCII"),
        (answer(authorizationToken=encoded(b"AWS:\xff")), "gave a token that is not base64 of printable ASCII"),
        (answer(authorizationToken=encoded(f"AWS:{CANARY}\n")), "gave a token that is not base64 of printable ASCII"),
        (answer(authorizationToken=encoded(CANARY)), "gave a token that is not user:password"),
        (answer(authorizationToken=encoded(f":{CANARY}")), "gave a token with an empty user name"),
        (answer(authorizationToken=encoded("AWS:")), "gave a token with an empty password"),
        (answer(authorizationToken=encoded(":")), "gave a token with an empty user name"),
    ],
)
def test_an_odd_answer_is_refused_naming_the_region(reply: Mapping[str, Any], reason: str) -> None:
    with pytest.raises(OddAnswerError) as caught:
        login(reply)
    assert str(caught.value) == f"ECR in eu-central-1 {reason}"


def test_an_answer_without_authorization_is_not_blamed_on_the_caller() -> None:
    assert OddAnswerError.rights_missing is False


@pytest.mark.parametrize(
    "error", [EndpointConnectionError(endpoint_url="http://127.0.0.1"), NoRegionError()], ids=["network", "no region"]
)
def test_an_ecr_that_cannot_be_asked_is_named_with_the_region(error: Exception) -> None:
    with pytest.raises(AwsCallError) as caught:
        login(error)
    name = type(error).__name__
    assert str(caught.value) == f"ecr:GetAuthorizationToken in eu-central-1 failed before AWS answered ({name})"


def test_a_client_that_cannot_be_made_is_named_with_the_region() -> None:
    def client(*_of: object) -> FakeEcr:
        raise NoCredentialsError

    with pytest.raises(CredentialsMissingError, match="ecr:GetAuthorizationToken in eu-central-1 was not asked for"):
        logins(client).login(GROUP)
