"""The product keeps its own rules, in every mode, with every identity and trigger. Part of `make check`."""

from pathlib import Path

import pytest

from policy.resources import unseen
from policy.rules import violations
from settings import schema
from tests.policy.combinations import COMBINATIONS, INSTEAD, OF_NO_CONSEQUENCE
from tests.policy.planned import planned


@pytest.mark.parametrize("name", COMBINATIONS)
def test_no_rule_is_broken(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stack = planned(COMBINATIONS[name], monkeypatch, tmp_path)
    assert [(found.rule.name, found.resource, found.sentence) for found in violations(stack)] == []
    assert len(stack.resources) >= (1 if COMBINATIONS[name]["mode"] == "node-role" else 8)
    assert [resource for resource in stack.resources if unseen(resource)] == []


def test_every_mode_identity_and_trigger_is_looked_at() -> None:
    looked_at = {(chosen["mode"], chosen.get("identity", "")) for chosen in COMBINATIONS.values()}
    assert looked_at == {(name, one) for name, mode in schema.MODES.items() for one in mode.identities or ("",)}
    assert {chosen["trigger"] for chosen in COMBINATIONS.values() if "trigger" in chosen} == set(schema.TRIGGERS)


def test_every_key_is_looked_at_or_of_no_consequence() -> None:
    looked_at = {key for chosen in COMBINATIONS.values() for key in chosen}
    assert looked_at | OF_NO_CONSEQUENCE | INSTEAD == set(schema.KEYS)
    assert not looked_at & (OF_NO_CONSEQUENCE | INSTEAD)
