"""What pods are given here, as far as it shows without a cluster; tests/live/test_pods_here.py has the rest."""

from typing import Any

import pytest

from local.cluster import pod_policy
from local.cluster.api import Api, ApiError, path_of
from local.cluster.operator import OperatorError
from local.state import PlatformState


class FakeApi(Api):
    """An API server that refuses the first pods, then leaves some as they are, and mutates the others.

    `mutated` is what becomes of those: whether on the host's network, and the variables of their two containers.
    """

    def __init__(
        self,
        state: PlatformState,
        *,
        refuses: int = 0,
        ignores: int = 0,
        mutated: tuple[bool, dict[str, str], dict[str, str]] | None = None,
    ) -> None:
        self.objects: dict[str, Any] = {}
        self._answers = [None] * refuses + [(False, {}, {})] * ignores
        self._last = mutated or (True, pod_policy.environment(state), pod_policy.environment(state))

    def get(self, path: str) -> Any:
        return self.objects.get(path)

    def apply(self, path: str, body: dict[str, Any]) -> Any:
        self.objects[path] = body
        return body

    def request(self, method: str, path: str, body: object = None, content_type: str = "application/json") -> Any:
        assert (method, path) == ("POST", "/api/v1/namespaces/default/pods?dryRun=All")
        answer = self._answers.pop(0) if self._answers else self._last
        if answer is None:
            raise ApiError(403, "service account not found")
        first, main = (
            {"env": [{"name": name, "value": value} for name, value in variables.items()]} for variables in answer[1:]
        )
        return {"spec": {"hostNetwork": answer[0], "initContainers": [first], "containers": [main]}}


def test_pods_are_told_the_ways_to_aws_and_not_to_ask_the_machine_for_a_role(state: PlatformState) -> None:
    assert pod_policy.environment(state) == {
        "AWS_ENDPOINT_URL": state.aws_endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "HTTPS_PROXY": state.https_proxy,
        "NO_PROXY": "127.0.0.1,127.70.0.1,127.0.0.0/8,localhost,kubernetes.default,.svc,.cluster.local",
    }
    policy, binding = pod_policy.manifests(state)
    (variable,) = policy["spec"]["variables"]
    assert f"{{'name': 'AWS_ENDPOINT_URL', 'value': '{state.aws_endpoint}'}}" in variable["expression"]
    assert binding["spec"]["policyName"] == policy["metadata"]["name"]


def test_an_error_in_it_is_not_passed_over_and_judged_namespaces_are(state: PlatformState) -> None:
    spec = pod_policy.manifests(state)[0]["spec"]
    assert spec["failurePolicy"] == "Fail"
    (expression,) = spec["matchConstraints"]["namespaceSelector"]["matchExpressions"]
    assert expression["operator"] == "NotIn"
    assert set(expression["values"]) == {"baseline", "restricted"}


def test_it_is_applied_and_waited_for(state: PlatformState) -> None:
    api = FakeApi(state, refuses=1, ignores=1)
    assert pod_policy.ensure(api, state) == "applied"
    assert list(api.objects) == [path_of(manifest) for manifest in pod_policy.manifests(state)]


def test_it_is_kept_where_pods_get_it_already(state: PlatformState) -> None:
    api = FakeApi(state)
    pod_policy.ensure(api, state)
    assert pod_policy.ensure(api, state) == "kept"


@pytest.mark.parametrize("lacking", ["network", "variable", "right value", "variable of the first container"])
def test_what_pods_get_instead_is_told(state: PlatformState, monkeypatch: pytest.MonkeyPatch, lacking: str) -> None:
    monkeypatch.setattr("local.cluster.operator._READY_SECONDS", 0)
    first, main = pod_policy.environment(state), pod_policy.environment(state)
    if lacking == "variable":
        del main["AWS_ENDPOINT_URL"]
    elif lacking == "right value":
        main["AWS_ENDPOINT_URL"] = "http://127.0.0.1:1"
    elif lacking == "variable of the first container":
        first = {}
    network = lacking != "network"
    with pytest.raises(OperatorError) as caught:
        pod_policy.ensure(FakeApi(state, mutated=(network, first, main)), state)
    assert str(caught.value) == f"pods get hostNetwork {network} and their containers the variables {first} and {main}"
