import json
from typing import Any

import pulumi
import pytest

from components.pod_attachment import PodAttachment, PodAttachmentArgs
from tests.components.recording import ACCOUNT, Recorder, record

HOSTS = [f"{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com", "public.ecr.aws"]
LABELS = {"app.kubernetes.io/name": "everpull", "app.kubernetes.io/instance": "dev"}
NAME = "kubernetes.io/metadata.name"


@pytest.fixture
def recorder() -> Recorder:
    return record()


def attach(**more: Any) -> PodAttachment:
    args: dict[str, Any] = {
        "policy_name": "everpull-dev",
        "pull_secret_name": "ecr-pull",
        "registries": HOSTS,
        "namespaces": ["team-a", "team-b"],
        "labels": LABELS,
    }
    return PodAttachment("everpull-dev-attach", PodAttachmentArgs(**{**args, **more}))


def settled(made: PodAttachment) -> pulumi.Output[Any]:
    return pulumi.Output.all(made.policy, made.bindings)


def selectors(recorder: Recorder) -> dict[str, Any]:
    """Namespace selectors by the names of their bindings."""
    return {
        item.inputs["metadata"]["name"]: item.inputs["spec"]["matchResources"]["namespaceSelector"]
        for item in recorder.all(":MutatingAdmissionPolicyBinding")
    }


@pulumi.runtime.test
def test_the_policy_is_asked_about_new_pods_only(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        policy = recorder.one(":MutatingAdmissionPolicy").inputs
        assert policy["apiVersion"] == "admissionregistration.k8s.io/v1"
        assert policy["metadata"] == {"name": "everpull-dev", "labels": LABELS}
        assert policy["spec"]["matchConstraints"] == {
            "resourceRules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
            ]
        }

    return settled(attach()).apply(check)


@pulumi.runtime.test
def test_a_policy_that_fails_stops_no_pod_unless_told_to(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        assert recorder.one(":MutatingAdmissionPolicy").inputs["spec"]["failurePolicy"] == "Ignore"

    return settled(attach()).apply(check)


@pulumi.runtime.test
def test_a_policy_may_be_told_to_stop_pods_where_it_fails(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        assert recorder.one(":MutatingAdmissionPolicy").inputs["spec"]["failurePolicy"] == "Fail"

    return settled(attach(failure_policy="Fail")).apply(check)


@pulumi.runtime.test
def test_images_that_are_rewritten_later_are_looked_at_again(recorder: Recorder) -> Any:
    """With a match condition a pod that was passed over at first would not come back."""

    def check(_: Any) -> None:
        spec = recorder.one(":MutatingAdmissionPolicy").inputs["spec"]
        assert spec["reinvocationPolicy"] == "IfNeeded"
        assert "matchConditions" not in spec

    return settled(attach()).apply(check)


@pulumi.runtime.test
def test_the_mutation_is_a_json_patch_without_types(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        (mutation,) = recorder.one(":MutatingAdmissionPolicy").inputs["spec"]["mutations"]
        assert mutation["patchType"] == "JSONPatch"
        assert "Object" not in mutation["jsonPatch"]["expression"]

    return settled(attach()).apply(check)


@pulumi.runtime.test
def test_what_goes_into_expressions_is_quoted(recorder: Recorder) -> Any:
    hostile = 'a"] == [] || true || ["\\\n'

    def check(_: Any) -> None:
        spec = recorder.one(":MutatingAdmissionPolicy").inputs["spec"]
        expressions = {item["name"]: item["expression"] for item in spec["variables"]}
        assert json.dumps([f"{hostile}/", "x😀/"], ensure_ascii=False) in expressions["wanted"]
        assert spec["mutations"][0]["jsonPatch"]["expression"].count('"{s}\\"\\n"') == 3

    return settled(attach(registries=[hostile, "x😀"], pull_secret_name='{s}"\n')).apply(check)


@pulumi.runtime.test
def test_a_registry_is_not_taken_for_one_whose_name_goes_on(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        variables = recorder.one(":MutatingAdmissionPolicy").inputs["spec"]["variables"]
        wanted = next(item["expression"] for item in variables if item["name"] == "wanted")
        assert json.dumps([f"{host}/" for host in HOSTS]) in wanted

    return settled(attach()).apply(check)


@pulumi.runtime.test
def test_listed_namespaces_are_bound_by_name(recorder: Recorder) -> Any:
    def check(outputs: list[Any]) -> None:
        assert outputs == ["everpull-dev", ["everpull-dev.listed"]]
        assert selectors(recorder) == {
            "everpull-dev.listed": {
                "matchExpressions": [{"key": NAME, "operator": "In", "values": ["team-a", "team-b"]}]
            }
        }
        (binding,) = recorder.all(":MutatingAdmissionPolicyBinding")
        assert binding.inputs["spec"]["policyName"] == "everpull-dev"
        assert binding.inputs["metadata"]["labels"] == LABELS

    return settled(attach()).apply(check)


SELECTOR = {"matchLabels": {"team": "a"}, "matchExpressions": [{"key": "env", "operator": "Exists"}]}


@pulumi.runtime.test
def test_namespaces_chosen_by_label_are_bound_by_it_without_the_excluded_and_the_listed(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        assert selectors(recorder)["everpull-dev.labelled"] == {
            "matchLabels": {"team": "a"},
            "matchExpressions": [
                {"key": "env", "operator": "Exists"},
                {"key": NAME, "operator": "NotIn", "values": ["team-a", "team-b", "kube-system"]},
            ],
        }
        assert list(selectors(recorder)) == ["everpull-dev.listed", "everpull-dev.labelled"]

    return settled(attach(namespace_selector=SELECTOR, excluded_namespaces=["kube-system"])).apply(check)


@pulumi.runtime.test
def test_a_selector_alone_binds_nothing_else(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        assert selectors(recorder) == {
            "everpull-dev.labelled": {"matchLabels": {}, "matchExpressions": [{"key": "env", "operator": "Exists"}]}
        }

    return settled(attach(namespaces=[], namespace_selector={"matchExpressions": SELECTOR["matchExpressions"]})).apply(
        check
    )


@pulumi.runtime.test
def test_an_empty_list_and_no_selector_bind_nothing(recorder: Recorder) -> Any:
    """An empty `In` would be refused, and no selector at all would mean every namespace."""

    def check(outputs: list[Any]) -> None:
        assert outputs == ["everpull-dev", []]

    return settled(attach(namespaces=[])).apply(check)
