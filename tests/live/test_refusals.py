"""What is refused at preview, by the real engine, before anything is made."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lightkube import Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, Secret

from local.driver.stack import PulumiError, Stack
from local.driver.workloads import ensure_namespace
from local.state import PlatformState

StackWith = Callable[..., Stack]


@pytest.fixture
def stack_with(platform: PlatformState) -> Iterator[StackWith]:
    made: list[Stack] = []

    def make(**more: object) -> Stack:
        config = {"aws:region": platform.region, **{f"everpull:{key}": value for key, value in more.items()}}
        stack = Stack(platform, "refused", config)
        stack.init()
        made.append(stack)
        return stack

    yield make
    for stack in made[:1]:
        stack.remove()


def refusal(stack: Stack) -> str:
    with pytest.raises(PulumiError) as caught:
        stack.preview()
    assert stack.resource_count() == 0
    assert "Traceback" not in str(caught.value)
    return str(caught.value)


def test_every_fault_is_told_in_one_message_without_a_traceback(stack_with: StackWith) -> None:
    text = refusal(stack_with(mode="lamda", namespaces=["Team-A"], schedule="hourly", nmespaces=["a"]))
    assert "the configuration of stack refused has 4 faults" in text
    for key in ("everpull:mode", "everpull:namespaces", "everpull:schedule", "everpull:nmespaces"):
        assert f"{key} = " in text


def test_a_value_of_the_wrong_type_is_the_engines_own_error(stack_with: StackWith) -> None:
    assert "logRetentionDays" in refusal(stack_with(logRetentionDays="a month"))


@contextmanager
def somebody_elses_secret(kube: Client, namespace: str, name: str) -> Iterator[None]:
    ensure_namespace(kube, namespace)
    kube.apply(
        Secret(metadata=ObjectMeta(name=name, namespace=namespace), stringData={"theirs": "kept"}),
        field_manager="somebody-else",
    )
    yield
    assert "theirs" in (kube.get(Secret, name, namespace=namespace).data or {})
    kube.delete(Secret, name, namespace=namespace)


def test_a_secret_that_somebody_else_made_is_not_overwritten(stack_with: StackWith, kube: Client) -> None:
    with somebody_elses_secret(kube, "taken", "ecr-pull"):
        text = refusal(stack_with(namespaces=["taken"], pullSecretName="ecr-pull"))
    assert "everpull:pullSecretName = ecr-pull" in text


def test_a_system_namespace_that_somebody_else_made_is_not_taken_over(stack_with: StackWith, kube: Client) -> None:
    ensure_namespace(kube, "theirs")
    assert "everpull:systemNamespace = theirs" in refusal(stack_with(systemNamespace="theirs"))
    assert kube.get(Namespace, "theirs").metadata.labels == {"kubernetes.io/metadata.name": "theirs"}


def test_a_cluster_out_of_reach_is_said(platform: PlatformState, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    cluster = {"name": "gone", "cluster": {"server": "https://127.0.0.1:1"}}
    context = {"name": "gone", "context": {"cluster": "gone", "user": "gone"}}
    content = {
        "current-context": "gone",
        "clusters": [cluster],
        "contexts": [context],
        "users": [{"name": "gone", "user": {"token": "canary-kube-token"}}],
    }
    kubeconfig.write_text(json.dumps(content), encoding="utf-8")
    stack = Stack(platform, "gone", {"aws:region": platform.region}, environment={"KUBECONFIG": str(kubeconfig)})
    stack.init()
    with pytest.raises(PulumiError) as caught:
        stack.up()
    text = str(caught.value)
    assert "the cluster was not checked for what everpull needs: ConnectError" in text
    assert "canary-kube-token" not in text
    stack.destroy()
    stack.remove()
