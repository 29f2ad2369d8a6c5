"""Tokens by themselves: no process needed."""

import base64
import dataclasses
import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.aws import tokens

KEY = b"k" * 32
CLAIMS = tokens.Claims(
    principal_arn="arn:aws:iam::000000000000:user/puller",
    principal_type="User",
    principal_id="AIDAEXAMPLE",
    account="000000000000",
    region="eu-central-1",
    issued=1000.0,
    expires=2000.0,
)


def test_a_token_gives_back_its_claims_until_its_last_second() -> None:
    assert tokens.read(KEY, tokens.issue(KEY, CLAIMS), 1999.9) == CLAIMS


def test_a_token_that_has_ended_says_so() -> None:
    with pytest.raises(tokens.TokenRefusedError, match="expired"):
        tokens.read(KEY, tokens.issue(KEY, CLAIMS), 2000.0)


def test_a_token_of_another_key_is_refused() -> None:
    with pytest.raises(tokens.TokenRefusedError, match=r"^Not Authorized$"):
        tokens.read(b"x" * 32, tokens.issue(KEY, CLAIMS), 1500.0)


def test_a_token_has_the_size_of_real_ones() -> None:
    assert 1500 <= len(tokens.issue(KEY, CLAIMS)) <= 2500


@pytest.mark.parametrize("field", ["payload", "datakey", "version", "type", "expiration"])
def test_a_change_to_any_part_is_refused(field: str) -> None:
    envelope = json.loads(base64.b64decode(tokens.issue(KEY, CLAIMS)))
    longer = dataclasses.replace(CLAIMS, expires=9000.0)
    forged = json.loads(base64.b64decode(tokens.issue(b"x" * 32, longer)))
    envelope[field] = forged[field] if field in ("payload", "datakey", "expiration") else "other"
    changed = base64.b64encode(json.dumps(envelope).encode()).decode()
    with pytest.raises(tokens.TokenRefusedError):
        tokens.read(KEY, changed, 1500.0)


@given(st.text())
def test_no_text_but_a_token_is_taken_for_one(text: str) -> None:
    with pytest.raises(tokens.TokenRefusedError):
        tokens.read(KEY, text, 1500.0)


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists) | st.dictionaries(st.text(), st.text()))
def test_no_encoded_document_but_a_token_is_taken_for_one(document: object) -> None:
    password = base64.b64encode(json.dumps(document).encode()).decode()
    with pytest.raises(tokens.TokenRefusedError):
        tokens.read(KEY, password, 1500.0)


def test_the_key_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "key"
    first = tokens.load_key(path)
    assert tokens.load_key(path) == first
    assert len(first) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
