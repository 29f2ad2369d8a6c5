"""docs/security.md tells of every mode, identity and right that there is."""

import re
from typing import cast

import pytest

from components.logins import PUBLIC_LOGIN_ACTIONS
from components.policy import LIST_ACTION, PULL_ACTIONS, fetch_login, read_login
from settings import schema
from tests.docs.pages import text_of

PAGE = text_of("docs/security.md")
ACTIONS = [action for right in (fetch_login(), read_login("")) for action in cast(list[str], right["Action"])]
# Keys by which a principal may more than fetch logins and pull.
MORE = ("assumeRoles", "pullThroughCaches", "ecrPublic", "verifyImages", "trigger")


def test_who_can_read_what_is_said_for_each_mode() -> None:
    head = next(line for line in PAGE.splitlines() if line.startswith("| who |"))
    assert sorted(re.findall(r"`([\w-]+)`", head)) == sorted(schema.MODES)
    rows = PAGE[PAGE.index(head) :].partition("\n\n")[0].splitlines()[2:]
    assert len(rows) > 10
    assert all(row.count(" | ") == len(schema.MODES) or row.endswith("| |") for row in rows)


@pytest.mark.parametrize("identity", schema.IDENTITIES)
def test_each_identity_is_told_of(identity: str) -> None:
    assert f"`{identity}`" in PAGE or f"identity {identity}`" in PAGE


@pytest.mark.parametrize("action", [*PULL_ACTIONS, LIST_ACTION, *ACTIONS])
def test_each_right_is_named(action: str) -> None:
    assert f"`{action}`" in PAGE


@pytest.mark.parametrize("key", MORE)
def test_each_key_that_gives_more_rights_is_named(key: str) -> None:
    assert f"everpull:{key}" in PAGE


def test_the_rights_of_ecr_public_are_as_many_as_it_says() -> None:
    assert "the two of ECR Public" in PAGE
    assert len(PUBLIC_LOGIN_ACTIONS) == 2
