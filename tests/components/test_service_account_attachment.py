import base64
import pickletools
from typing import Any

import pulumi
import pytest
from pulumi.dynamic import Config, ConfigureRequest

from components import service_account_attachment
from components.service_account_attachment import PullSecretEntryProvider, ServiceAccountAttachment
from kube.service_accounts import Entry
from tests.components.recording import Recorder, record

PROPERTIES = {"namespace": "team-a", "account": "builder", "secret": "everpull-dev"}
ENTRY = Entry("team-a", "builder", "everpull-dev")


@pytest.fixture
def recorder() -> Recorder:
    return record()


def attach(*service_accounts: str) -> ServiceAccountAttachment:
    return ServiceAccountAttachment(
        "everpull-dev-attach", {"service_accounts": service_accounts, "pull_secret_name": "everpull-dev"}
    )


@pulumi.runtime.test
def test_each_service_account_gets_an_entry(recorder: Recorder) -> Any:
    def check(places: list[str]) -> None:
        entries = recorder.all(":PullSecretEntry")
        assert {item.name: {key: item.inputs[key] for key in PROPERTIES} for item in entries} == {
            "everpull-dev-attach-team-a/default": {**PROPERTIES, "account": "default"},
            "everpull-dev-attach-team-b/builder": {**PROPERTIES, "namespace": "team-b"},
        }
        assert places == ["team-a/default", "team-b/builder"]

    return attach("team-a/default", "team-b/builder").service_accounts.apply(check)


@pulumi.runtime.test
def test_names_with_dashes_do_not_meet(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        assert len({item.name for item in recorder.all(":PullSecretEntry")}) == 2

    return attach("a-b/c", "a/b-c").service_accounts.apply(check)


@pulumi.runtime.test
def test_the_state_holds_the_provider_by_its_name_alone(recorder: Recorder) -> Any:
    """Another name would leave deployed stacks with a provider that can't be loaded any more."""

    def check(_: Any) -> None:
        entry = recorder.one(":PullSecretEntry")
        assert "__provider" not in entry.secrets
        assert strings(entry.inputs["__provider"]) == [
            "components.service_account_attachment",
            "PullSecretEntryProvider",
        ]

    return attach("team-a/default").service_accounts.apply(check)


def strings(provider: str) -> list[str]:
    """The texts in a pickled provider."""
    opcodes = pickletools.genops(base64.b64decode(provider))
    return [argument for _, argument, _ in opcodes if isinstance(argument, str)]


class FakeAccounts:
    """Notes what is done."""

    def __init__(self) -> None:
        self.done: list[tuple[str, Entry]] = []
        self.there = True

    def attach(self, entry: Entry) -> None:
        self.done.append(("attach", entry))

    def detach(self, entry: Entry) -> None:
        self.done.append(("detach", entry))

    def holds(self, entry: Entry) -> bool:
        self.done.append(("look", entry))
        return self.there


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch) -> FakeAccounts:
    fake = FakeAccounts()
    monkeypatch.setattr(service_account_attachment, "connect", lambda *given: given)
    monkeypatch.setattr(service_account_attachment, "ServiceAccounts", lambda http: fake)
    return fake


def test_creating_attaches_and_deleting_detaches(accounts: FakeAccounts) -> None:
    provider = PullSecretEntryProvider()
    made = provider.create({**PROPERTIES, "__provider": "x"})
    assert (made.id, made.outs) == ("team-a/builder/everpull-dev", PROPERTIES)
    provider.delete(made.id, {**PROPERTIES, "__provider": "x"})
    assert accounts.done == [("attach", ENTRY), ("detach", ENTRY)]


@pytest.mark.parametrize(("there", "id_"), [(True, "team-a/builder/everpull-dev"), (False, None)])
def test_a_refresh_finds_an_entry_that_is_gone_gone(accounts: FakeAccounts, there: bool, id_: str | None) -> None:
    accounts.there = there
    read = PullSecretEntryProvider().read("team-a/builder/everpull-dev", {**PROPERTIES, "__provider": "x"})
    assert (read.id, read.outs) == (id_, PROPERTIES)
    assert accounts.done == [("look", ENTRY)]


@pytest.mark.parametrize("key", PROPERTIES)
def test_another_entry_is_a_new_one_and_is_there_before_the_old_one_goes(key: str) -> None:
    diff = PullSecretEntryProvider().diff("", PROPERTIES, {**PROPERTIES, key: "other"})
    assert (diff.changes, diff.replaces, diff.delete_before_replace) == (True, [key], None)


def test_the_same_entry_by_a_provider_stored_otherwise_is_no_change() -> None:
    diff = PullSecretEntryProvider().diff(
        "", {**PROPERTIES, "__provider": "3.11"}, {**PROPERTIES, "__provider": "3.14"}
    )
    assert (diff.changes, diff.replaces) == (False, [])


@pytest.mark.parametrize(
    ("config", "given"),
    [({}, (None, None)), ({"kubernetes:kubeconfig": "/config", "kubernetes:context": "dev"}, ("/config", "dev"))],
    ids=["ambient", "the provider's"],
)
def test_the_cluster_is_the_kubernetes_providers_and_is_not_asked_before_it_must(
    monkeypatch: pytest.MonkeyPatch, config: dict[str, str], given: tuple[object, ...]
) -> None:
    connected: list[tuple[object, ...]] = []
    monkeypatch.setattr(service_account_attachment, "connect", lambda *where: connected.append(where[:2]))
    monkeypatch.setattr(service_account_attachment, "ServiceAccounts", lambda http: FakeAccounts())
    provider = PullSecretEntryProvider()
    provider.configure(ConfigureRequest(Config(config, "everpull")))
    provider.diff("", PROPERTIES, PROPERTIES)
    assert connected == []
    provider.create(dict(PROPERTIES))
    provider.delete("", dict(PROPERTIES))
    assert connected == [given]
