"""What `everpull:attach` says is done in every mode that makes pull secrets, and after they are made."""

import json
from collections.abc import Sequence
from typing import Any

import pulumi
import pytest

from cluster.hand_over import HandOver
from cluster.surroundings import Surroundings
from modes import by_operator, deliver
from modes.reaching import login_args
from settings import parse
from tests.components.recording import Recorder, record
from tests.modes.test_modes import args
from tests.settings.bad_configurations import CRONJOB, GOOD

HOST = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
TO_ACCOUNTS = {
    "everpull:attach": "service-accounts",
    "everpull:namespaces": json.dumps(["team-a", "team-b"]),
    "everpull:serviceAccounts": json.dumps(["default", "team-b/builder"]),
}
TO_PODS = {
    "everpull:attach": "pods",
    "everpull:namespaces": json.dumps(["team-a"]),
    "everpull:pullSecretName": "ecr-pull",
}
# The last of what each mode makes a pull secret by.
LAST = {
    "lambda": "everpull-dev-sync-pull-secret-team-a",
    "cronjob": "everpull-dev-refresh-first-run",
    "generator": "everpull-dev-sync-pull-secret-team-a",
}


@pytest.fixture(autouse=True)
def proven(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What was asked for when new pods were looked at; nothing looks at a cluster."""
    asked: dict[str, Any] = {}

    async def done(_: HandOver) -> str:
        return "done"

    async def synced(_: object, places: Sequence[str]) -> list[str]:
        return list(places)

    async def in_force(_: object, policy: str, **more: object) -> str:
        asked.update(policy=policy, **more)
        return policy

    for name in ("from_operator", "from_cron_job", "settle"):
        monkeypatch.setattr(HandOver, name, done)

    async def nothing(*_: object) -> None:
        return

    monkeypatch.setattr(by_operator, "when_synced", synced)
    monkeypatch.setattr(by_operator, "when_followed", nothing)
    monkeypatch.setattr(by_operator, "pass_on", nothing)
    monkeypatch.setattr("modes.attaching.when_in_force", in_force)
    return asked


def delivered(config: dict[str, str], registries: Sequence[str] = (HOST,)) -> tuple[Recorder, dict[str, Any]]:
    recorder, outputs = record(), {}
    settings = parse({**GOOD, **config}, "dev")
    told = {**args(settings), "registries": registries}

    @pulumi.runtime.test
    def build() -> Any:
        made = deliver(settings, Surroundings(), told, pulumi.ResourceOptions())
        return pulumi.Output.all(**made).apply(outputs.update)

    build()
    return recorder, outputs


@pytest.mark.parametrize("mode", LAST)
def test_nothing_is_attached_unasked(mode: str) -> None:
    recorder, outputs = delivered({"everpull:mode": mode})
    assert not [item for item in recorder.resources if "attach" in item.name]
    assert not {"attachedBy", "attachedTo"} & outputs.keys()


@pytest.mark.parametrize("mode", LAST)
def test_service_accounts_get_the_pull_secret_once_it_is_there(mode: str) -> None:
    recorder, outputs = delivered({"everpull:mode": mode, **TO_ACCOUNTS})
    places = ["team-a/default", "team-b/default", "team-b/builder"]
    assert outputs["attachedTo"] == places
    for place in places:
        entry = recorder.one(":PullSecretEntry", place)
        assert (entry.name, entry.inputs["secret"]) == (f"everpull-dev-attach-{place}", "everpull-dev")
        assert LAST[mode] in recorder.waits_for(entry.name)


@pytest.mark.parametrize("mode", LAST)
def test_pods_get_the_pull_secret_once_it_is_there(mode: str, proven: dict[str, Any]) -> None:
    recorder, outputs = delivered({"everpull:mode": mode, **TO_PODS})
    assert outputs["attachedBy"] == "everpull-dev"
    policy = recorder.one(":MutatingAdmissionPolicy")
    assert (policy.name, policy.inputs["metadata"]["name"]) == ("everpull-dev-attach-policy", "everpull-dev")
    assert "ecr-pull" in json.dumps(policy.inputs["spec"])
    assert f"{HOST}/" in json.dumps(policy.inputs["spec"])
    assert LAST[mode] in recorder.waits_for(policy.name)
    assert (proven["policy"], proven["bindings"]) == ("everpull-dev", ["everpull-dev.listed"])
    assert (proven["registry"], proven["pull_secret"], proven["namespaces"]) == (HOST, "ecr-pull", ("team-a",))


def test_pods_with_images_of_ecr_public_get_it_where_it_has_a_login_for_them(proven: dict[str, Any]) -> None:
    config = {**TO_PODS, "everpull:ecrPublic": "true"}
    settings = parse({**GOOD, **config}, "dev").of_account("123456789012", "amazonaws.com")
    recorder, _ = delivered(config, login_args(settings, "aws")["registries"])
    assert (
        f'["{HOST}/", "public.ecr.aws/"]'
        in recorder.one(":MutatingAdmissionPolicy").inputs["spec"]["variables"][1]["expression"]
    )
    assert proven["registry"] == HOST


@pytest.mark.parametrize("mode", LAST)
def test_pods_of_namespaces_that_are_chosen_by_label_get_it_too(mode: str, proven: dict[str, Any]) -> None:
    chosen = {
        "everpull:namespaces": "[]",
        "everpull:namespaceSelector": "team=a",
        "everpull:excludedNamespaces": json.dumps(["team-x"]),
    }
    recorder, _ = delivered({"everpull:mode": mode, **TO_PODS, **chosen})
    binding = recorder.one(":MutatingAdmissionPolicyBinding", "-attach-labelled")
    assert binding.inputs["spec"]["matchResources"]["namespaceSelector"] == {
        "matchLabels": {"team": "a"},
        "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["team-x"]}],
    }
    assert (proven["label_selector"], proven["excluded"]) == ("team=a", ("team-x",))


def test_service_accounts_of_namespaces_that_are_chosen_by_label_are_said_to_be_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda text, *_: said.append(text))
    delivered({**CRONJOB, **TO_ACCOUNTS, "everpull:namespaceSelector": "team=c"})
    assert (
        "service accounts of namespaces that are chosen by label are left as they are; everpull:attach pods serves them too"
    ) in said
