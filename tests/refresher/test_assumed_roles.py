"""Roles that are assumed for a login: how often, of which STS, and what becomes of a refusal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError
from refresher import aws_clients
from refresher.assumed_roles import AssumedRoles, Credentials
from refresher.errors import AwsCallError, DeniedError, OddAnswerError

from tests.refresher.fakes import CANARY, FRANKFURT, FRANKFURT_OTHER_ACCOUNT, VIRGINIA, groups

OURS = "arn:aws:iam::123456789012:role/pull"
THEIRS = "arn:aws:iam::210987654321:role/pull"
EUROPE, AMERICA, OTHER = groups(
    FRANKFURT, VIRGINIA, FRANKFURT_OTHER_ACCOUNT, roles={"123456789012": OURS, "210987654321": THEIRS}
)
GIVEN: dict[str, Any] = {
    "Credentials": {"AccessKeyId": "ASIA", "SecretAccessKey": CANARY, "SessionToken": CANARY + "-token"}
}


@dataclass
class FakeSts:
    """Gives `answer`, or raises it; remembers region, role and session name of each call."""

    answer: Mapping[str, Any] | Exception = field(default_factory=lambda: GIVEN)
    asked: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])

    def roles(self, region: str | None = "eu-west-1") -> AssumedRoles:
        sts = self

        @dataclass
        class Client:
            region: str

            def assume_role(self, *, RoleArn: str, RoleSessionName: str) -> Mapping[str, Any]:  # noqa: N803
                sts.asked.append((self.region, RoleArn, RoleSessionName))
                if isinstance(sts.answer, Exception):
                    raise sts.answer
                return sts.answer

        return AssumedRoles(Client, region)


def refusal(code: str = "AccessDenied") -> ClientError:
    text = f"User: arn:aws:iam::123456789012:user/x is not authorized to perform: sts:AssumeRole on resource: {OURS}"
    response: Any = {"Error": {"Code": code, "Message": text}}
    return ClientError(response, "AssumeRole")


def test_a_role_is_assumed_once_for_all_its_groups_at_the_sts_of_the_refreshers_own_region() -> None:
    sts = FakeSts()
    roles = sts.roles()
    found = [roles.credentials(group, OURS) for group in (EUROPE, AMERICA, EUROPE)]
    assert set(found) == {Credentials("ASIA", CANARY, CANARY + "-token")}
    assert sts.asked == [("eu-west-1", OURS, "everpull")]


def test_each_role_is_assumed_for_itself() -> None:
    sts = FakeSts()
    roles = sts.roles()
    for group, role in ((EUROPE, OURS), (OTHER, THEIRS)):
        roles.credentials(group, role)
    assert [role for _, role, _ in sts.asked] == [OURS, THEIRS]


def test_whoever_does_not_know_its_region_asks_where_the_registries_are() -> None:
    sts = FakeSts()
    sts.roles(None).credentials(AMERICA, OURS)
    assert sts.asked == [("us-east-1", OURS, "everpull")]


def test_what_was_refused_for_one_group_is_not_asked_for_another_and_the_same_may_ask_again() -> None:
    sts = FakeSts(refusal())
    roles = sts.roles()
    for group in (EUROPE, AMERICA, OTHER):
        with pytest.raises(DeniedError):
            roles.credentials(group, OURS)
    assert len(sts.asked) == 1
    with pytest.raises(DeniedError):
        roles.credentials(EUROPE, OURS)
    sts.answer = GIVEN
    assert roles.credentials(EUROPE, OURS) == roles.credentials(AMERICA, OURS)
    assert len(sts.asked) == 3


def test_a_denial_names_principal_and_role_and_both_policies() -> None:
    with pytest.raises(DeniedError) as caught:
        FakeSts(refusal()).roles().credentials(EUROPE, OURS)
    assert str(caught.value) == (
        f"sts:AssumeRole was denied to arn:aws:iam::123456789012:user/x on {OURS} in eu-west-1: allow sts:AssumeRole in that"
        " principal's policy and name that principal in the role's trust policy; a role that does not exist is refused"
        " alike (AccessDenied)"
    )


def test_an_sts_that_is_switched_off_is_told() -> None:
    with pytest.raises(AwsCallError, match="the caller's account has STS switched off there"):
        FakeSts(refusal("RegionDisabledException")).roles().credentials(EUROPE, OURS)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"Credentials": None},
        *({"Credentials": {**GIVEN["Credentials"], key: None}} for key in GIVEN["Credentials"]),
    ],
)
def test_an_answer_without_whole_credentials_is_refused(answer: Mapping[str, Any]) -> None:
    with pytest.raises(OddAnswerError) as caught:
        FakeSts(answer).roles().credentials(EUROPE, OURS)
    assert str(caught.value) == f"STS in eu-west-1 gave no credentials of {OURS}"


def test_credentials_do_not_show_their_secrets() -> None:
    assert CANARY not in repr(Credentials("ASIA", CANARY, CANARY))


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "me-south-1"])
def test_the_sts_that_is_asked_is_the_regions_own(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", "legacy")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "key")
    aws_clients.forget()
    client: Any = aws_clients.client("sts", region)
    aws_clients.forget()
    assert client.meta.endpoint_url == f"https://sts.{region}.amazonaws.com"
