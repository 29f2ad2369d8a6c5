"""A user's access keys, looked at before it gets another one."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pulumi
import pytest
from botocore.exceptions import ClientError
from hypothesis import example, given
from hypothesis import strategies as st

from components import access_keys
from components.access_keys import FoundKey, IamAccessKeys, age, check_room
from components.aws_reads import Access, Denied, Finding, Missing, Unanswered

USER = "everpull-dev-cluster-user-1a2b3c4"
NOW = datetime.now(UTC)
OLD = FoundKey("AKIAOLD", "Active", NOW - timedelta(days=100, hours=1))
NEW = FoundKey("AKIANEW", "Inactive", NOW - timedelta(hours=1))


class Keys:
    def __init__(self, answer: Sequence[FoundKey] | Exception) -> None:
        self._answer = answer

    def of_user(self, user: str) -> Sequence[FoundKey]:
        assert user == USER
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize("found", [[], [OLD], [NEW]])
def test_a_user_with_one_key_may_have_another(found: list[FoundKey]) -> None:
    assert check_room(USER, 2, Keys(found)) is None


@pytest.mark.parametrize("found", [[OLD, NEW], [NEW, OLD]])
def test_a_user_with_two_keys_is_told_which_they_are_and_how_one_of_them_goes(found: list[FoundKey]) -> None:
    assert check_room(USER, 3, Keys(found)) == Finding(
        "generation",
        "3",
        f"asks for another access key of user {USER}, which has AKIAOLD (Active, 100 days old) and AKIANEW (Inactive, made "
        "today), and IAM allows no more",
        "the number of the last pulumi up, which deletes the older key if that up was cut off; or this one, once a key that is "
        "not the stack's is gone",
        f"aws iam delete-access-key --user-name {USER} --access-key-id AKIANEW   "
        "(if `pulumi stack --show-ids` does not list it)",
    )


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    return said


@pytest.mark.parametrize("reason", [Denied("iam:ListAccessKeys"), Unanswered("a session: ProfileNotFound")])
def test_keys_that_can_not_be_looked_at_are_a_warning(warnings: list[str], reason: Exception) -> None:
    assert check_room(USER, 2, Keys(reason)) is None
    assert warnings == [f"whether user {USER} may have another access key was not checked: {reason} was not possible"]


def test_a_user_that_is_not_there_yet_has_room(warnings: list[str]) -> None:
    assert check_room(USER, 1, Keys(Missing("NoSuchEntity"))) is None
    assert warnings == []


@given(st.integers(0, 5000), st.integers(0, 86399))
@example(0, 86399)
@example(1, 0)
@example(1, 86399)
def test_an_age_is_told_in_whole_days(days: int, seconds: int) -> None:
    words = age(NOW - timedelta(days=days, seconds=seconds), NOW)
    expected = {0: "made today", 1: "1 day old"}
    assert words == expected.get(days, f"{days} days old")


class FakeIam:
    def __init__(self, error: str = "") -> None:
        self._error = error

    def list_access_keys(self, **request: str) -> dict[str, Any]:
        assert request == {"UserName": USER}
        if self._error:
            raise ClientError({"Error": {"Code": self._error, "Message": "canary-secret"}}, "ListAccessKeys")
        listed = {"UserName": USER, "AccessKeyId": OLD.id, "Status": OLD.status, "CreateDate": OLD.created}
        return {"AccessKeyMetadata": [listed], "IsTruncated": False}


def reading(monkeypatch: pytest.MonkeyPatch, iam: FakeIam) -> IamAccessKeys:
    wanted = Access("eu-central-1", "deploys")

    def client(access: Access, service: str) -> FakeIam:
        assert (access, service) == (wanted, "iam")
        return iam

    monkeypatch.setattr(access_keys, "client", client)
    return IamAccessKeys(wanted)


def test_keys_are_read_as_who_deploys(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reading(monkeypatch, FakeIam()).of_user(USER) == [OLD]


@pytest.mark.parametrize(
    ("code", "raised", "text"),
    [
        ("NoSuchEntity", Missing, "NoSuchEntity"),
        ("AccessDenied", Denied, "iam:ListAccessKeys"),
        ("Throttling", Unanswered, "iam:ListAccessKeys: Throttling"),
    ],
)
def test_a_refused_look_is_told_by_its_kind(
    monkeypatch: pytest.MonkeyPatch, code: str, raised: type[Exception], text: str
) -> None:
    with pytest.raises(raised, match=f"^{text}$"):
        reading(monkeypatch, FakeIam(code)).of_user(USER)
