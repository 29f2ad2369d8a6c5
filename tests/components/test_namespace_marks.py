import base64
import pickletools
from typing import Any

import pulumi
import pytest
from pulumi.dynamic import Config, ConfigureRequest

from components import namespace_marks
from components.namespace_marks import NamespaceMarkProvider, NamespaceMarks
from kube.namespaces import Marked
from tests.components.recording import Recorder, record

MARK = "externalsecrets.external-secrets.io/ces-everpull-dev"
LABELS = {"app.kubernetes.io/name": "everpull"}


def built(*, has_policy: bool) -> Recorder:
    recorder = record()

    @pulumi.runtime.test
    def build() -> Any:
        args: Any = {"mark": MARK, "policy_name": "everpull-dev.namespaces", "has_policy": has_policy, "labels": LABELS}
        return NamespaceMarks("everpull-dev-marks", args).urn

    build()
    return recorder


def test_the_mark_goes_in_the_last_step_of_a_namespaces_deletion_and_others_stay() -> None:
    recorder = built(has_policy=True)
    policy = recorder.one(":MutatingAdmissionPolicy").inputs
    assert policy["metadata"] == {"name": "everpull-dev.namespaces", "labels": LABELS}
    spec = policy["spec"]
    assert spec["matchConstraints"]["resourceRules"] == [
        {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["namespaces/finalize"]}
    ]
    assert spec["failurePolicy"] == "Ignore", "no namespace may be kept from going"
    (condition,) = spec["matchConditions"]
    assert f'"{MARK}"' in condition["expression"]
    (mutation,) = spec["mutations"]
    assert mutation["patchType"] == "JSONPatch"
    assert f'filter(name, name != "{MARK}")' in mutation["jsonPatch"]["expression"]


def test_the_policy_is_bound_without_conditions() -> None:
    binding = built(has_policy=True).one(":MutatingAdmissionPolicyBinding").inputs
    assert binding["metadata"] == {"name": "everpull-dev.namespaces", "labels": LABELS}
    assert binding["spec"] == {"policyName": "everpull-dev.namespaces"}


def test_a_cluster_without_such_policies_is_given_none() -> None:
    recorder = built(has_policy=False)
    assert [item.type for item in recorder.resources if item.type.startswith("kubernetes:")] == []
    assert recorder.one(":NamespaceMark").inputs["mark"] == MARK


def test_the_state_holds_the_provider_by_its_name_alone() -> None:
    """Another name would leave deployed stacks with a provider that can't be loaded any more."""
    mark = built(has_policy=False).one(":NamespaceMark")
    assert "__provider" not in mark.secrets
    opcodes = pickletools.genops(base64.b64decode(mark.inputs["__provider"]))
    texts = [argument for _, argument, _ in opcodes if isinstance(argument, str)]
    assert texts == ["components.namespace_marks", "NamespaceMarkProvider"]


class FakeNamespaces:
    def __init__(self) -> None:
        self.unmarked: list[tuple[str, str]] = []

    def marked(self, mark: str) -> list[Marked]:
        return [Marked("a", False), Marked("b", True)]

    def unmark(self, namespace: str, mark: str) -> None:
        self.unmarked.append((namespace, mark))


@pytest.mark.parametrize(
    ("config", "given"),
    [({}, (None, None)), ({"kubernetes:kubeconfig": "/config", "kubernetes:context": "dev"}, ("/config", "dev"))],
    ids=["ambient", "the provider's"],
)
def test_every_mark_goes_with_the_stack_and_before_that_the_cluster_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, config: dict[str, str], given: tuple[object, ...]
) -> None:
    connected: list[tuple[object, ...]] = []
    fake = FakeNamespaces()
    monkeypatch.setattr(namespace_marks, "connect", lambda *where: connected.append(where[:2]))
    monkeypatch.setattr(namespace_marks, "Namespaces", lambda http: fake)
    provider = NamespaceMarkProvider()
    provider.configure(ConfigureRequest(Config(config, "everpull")))
    made = provider.create({"mark": MARK, "__provider": "x"})
    assert (made.id, made.outs) == (MARK, {"mark": MARK})
    read = provider.read(MARK, {"mark": MARK, "__provider": "x"})
    assert (read.id, read.outs) == (MARK, {"mark": MARK})
    assert connected == []
    provider.delete(MARK, {"mark": MARK, "__provider": "x"})
    assert fake.unmarked == [("a", MARK), ("b", MARK)]
    assert connected == [given]


def test_another_mark_is_a_new_one_and_the_same_by_a_provider_stored_otherwise_is_no_change() -> None:
    provider = NamespaceMarkProvider()
    other = provider.diff("", {"mark": MARK}, {"mark": "other"})
    assert (other.changes, other.replaces) == (True, ["mark"])
    same = provider.diff("", {"mark": MARK, "__provider": "3.11"}, {"mark": MARK, "__provider": "3.14"})
    assert (same.changes, same.replaces) == (False, [])
