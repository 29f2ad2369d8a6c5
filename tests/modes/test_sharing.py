"""Repositories that others may pull: nothing of somebody else's is replaced, and each account's are opened as its role."""

import json
from typing import Any

import pulumi
import pytest

from components.aws_reads import Finding
from modes import sharing
from settings import ConfigurationError, Settings, parse
from tests.components.recording import record
from tests.settings.bad_configurations import GOOD

OWN, OTHER = "123456789012", "222222222222"
WRITER = f"arn:aws:iam::{OTHER}:role/writer"


def settings(**more: Any) -> Settings:
    hosts = {account: f"{account}.dkr.ecr.eu-central-1.amazonaws.com" for account in (OWN, OTHER)}
    keys = {
        "sharedRepositories": [f"{hosts[OWN]}/mine", f"{hosts[OTHER]}/theirs", f"{hosts[OTHER]}/theirs/too"],
        "ownerRoles": [WRITER],
        **more,
    }
    return parse({**GOOD, **{f"everpull:{key}": json.dumps(value) for key, value in keys.items()}}, "dev")


def arn(account: str, name: str) -> str:
    return f"arn:aws:ecr:eu-central-1:{account}:repository/{name}"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was looked at: repositories, principals and the role that looks. Nothing is found."""
    found: list[Any] = []

    def check(arns: Any, _sid: str, principals: Any, policies: Any) -> list[Finding]:
        found.append((arns, principals, policies._role_arn))
        return []

    monkeypatch.setattr(sharing, "check_repositories", check)
    return found


BY_ACCOUNT = {OWN: [arn(OWN, "mine")], OTHER: [arn(OTHER, "theirs"), arn(OTHER, "theirs/too")]}


def test_each_accounts_repositories_are_looked_at_as_its_own_role(asked: list[Any]) -> None:
    assert sharing.find_shared(settings(), "aws", OWN) == BY_ACCOUNT
    assert asked == [(BY_ACCOUNT[OWN], [OWN], None), (BY_ACCOUNT[OTHER], [OWN], WRITER)]


def test_whoever_is_named_may_pull_and_nobody_else(asked: list[Any]) -> None:
    sharing.find_shared(settings(sharedWith=["333333333333"]), "aws", OWN)
    assert [principals for _, principals, _ in asked] == [["333333333333"], ["333333333333"]]


def test_another_account_needs_a_role(asked: list[Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        sharing.find_shared(settings(ownerRoles=[]), "aws", OWN)
    (fault,) = caught.value.faults
    assert (fault.key, fault.value) == ("everpull:sharedRepositories", arn(OTHER, "theirs"))
    assert fault.problem == f"is of account {OTHER}, for which everpull:ownerRoles names no role"


def test_what_is_found_wrong_is_a_fault_of_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(*_: Any) -> list[Finding]:
        return [
            Finding("repository", "theirs", "has a policy", "repositories without", "leave it out"),
            Finding("principal", "a", "is of another partition", "others", "123456789012"),
        ]

    monkeypatch.setattr(sharing, "check_repositories", check)
    with pytest.raises(ConfigurationError) as caught:
        sharing.find_shared(settings(), "aws", OWN)
    assert {fault.key for fault in caught.value.faults} == {"everpull:sharedRepositories", "everpull:sharedWith"}


def test_each_repository_gets_its_policy_by_a_provider_of_its_account() -> None:
    recorder, outputs = record(), {}

    @pulumi.runtime.test
    def build() -> Any:
        return pulumi.Output.all(**sharing.share(settings(), BY_ACCOUNT, OWN)).apply(outputs.update)

    build()
    assert outputs["sharedRepositories"] == [*BY_ACCOUNT[OWN], *BY_ACCOUNT[OTHER]]
    assert arn(OTHER, "theirs") in outputs["pullerPolicies"][OTHER]
    (provider,) = recorder.all("pulumi:providers:aws")
    assert WRITER in json.dumps(provider.inputs)
    by = {item.name: f"everpull-dev-{OTHER}" in item.provider for item in recorder.requests.values() if item.custom}
    policies = {name: theirs for name, theirs in by.items() if "-shared-" in name}
    assert sorted(policies.values()) == [False, True, True]
    assert not policies[f"everpull-dev-shared-{OWN}-eu-central-1/mine"]


def test_nothing_is_asked_or_made_where_nothing_is_shared() -> None:
    recorder = record()
    assert sharing.find_shared(parse(GOOD, "dev"), "aws", OWN) == {}
    assert sharing.share(parse(GOOD, "dev"), {}, OWN) == {}
    assert recorder.resources == []
