"""What a preview finds out, what it can't know yet, and what happens without a cluster."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.providers.common.provider import CheckRequest, CreateRequest, ProviderError, Subject
from local.providers.kubernetes.api import Api
from local.providers.kubernetes.provider import KubernetesProvider
from tests.local_providers.kubernetes.control_plane import ControlPlane
from tests.local_providers.kubernetes.definitions import install
from tests.local_providers.kubernetes.meddler import Meddler
from tests.local_providers.kubernetes.stack import PulumiError, Stack

BINDING = """
k8s.rbac.v1.RoleBinding("b", metadata={{"name": "b", "namespace": NAMESPACE}},
    role_ref={{"api_group": "rbac.authorization.k8s.io", "kind": {kind!r}, "name": "r"}}, subjects=[])
"""


def test_a_preview_shows_what_the_api_server_would_refuse_and_makes_nothing(stack: Stack, meddler: Meddler) -> None:
    with pytest.raises(PulumiError, match=r'roleRef\.kind: Unsupported value: "Rolle"'):
        stack.preview(BINDING.format(kind="Rolle"))
    assert "+ 2 to create" in stack.preview(BINDING.format(kind="Role"))
    assert not meddler.exists("rbac.authorization.k8s.io/v1", "RoleBinding", "b")


def test_a_preview_of_an_update_shows_what_the_api_server_would_refuse(stack: Stack) -> None:
    program = 'k8s.core.v1.ServiceAccount("a", metadata={{"name": "a", "namespace": NAMESPACE, "labels": {{"a": "{value}"}}}})'
    stack.up(program.format(value="fine"))
    with pytest.raises(PulumiError, match="a valid label must"):
        stack.preview(program.format(value="not fine"))
    assert "~ 1 to update" in stack.preview(program.format(value="better"))


def test_a_preview_goes_on_where_the_namespace_or_a_value_is_not_there_yet(stack: Stack) -> None:
    program = """
    own = k8s.core.v1.Namespace("own")
    k8s.core.v1.ConfigMap("in-it", metadata={"name": "c", "namespace": own.metadata.name}, data={"uid": own.metadata.uid})
    k8s.core.v1.ConfigMap("elsewhere", metadata={"name": "c", "namespace": "not-there-yet"}, data={"a": "b"})
    """
    assert "+ 4 to create" in stack.preview(program)


def test_a_field_that_the_api_server_does_not_know_is_warned_about(stack: Stack, api: Api) -> None:
    install(api, "Widget")
    program = """
    k8s.apiextensions.CustomResource("w", api_version="tests.example.com/v1", kind="Widget",
        metadata={"name": "w", "namespace": NAMESPACE}, spec={"sise": 1})
    """
    assert 'unknown field "spec.sise"' in stack.preview(program)


@pytest.fixture
def nowhere(tmp_path: Path, plane: ControlPlane) -> Path:
    """A kubeconfig of a cluster that doesn't answer."""
    document = json.loads(plane.kubeconfig.read_text())
    document["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    path = tmp_path / "nowhere.json"
    path.write_text(json.dumps(document))
    return path


def test_without_a_cluster_a_preview_works_and_up_says_why_it_cannot(stack: Stack, nowhere: Path) -> None:
    stack.program('k8s.core.v1.ServiceAccount("a", metadata={"name": "a", "namespace": NAMESPACE})')
    assert "+ 2 to create" in stack.run("preview", KUBECONFIG=str(nowhere))
    with pytest.raises(PulumiError, match="configured Kubernetes cluster is unreachable") as refused:
        stack.run("up", "--yes", "--skip-preview", KUBECONFIG=str(nowhere))
    assert "https://127.0.0.1:1" in str(refused.value)


def test_a_refresh_without_a_cluster_fails_and_can_be_told_to_forget(stack: Stack, nowhere: Path) -> None:
    stack.up('k8s.core.v1.ServiceAccount("a", metadata={"name": "a", "namespace": NAMESPACE})')
    with pytest.raises(PulumiError, match="PULUMI_K8S_DELETE_UNREACHABLE"):
        stack.run("refresh", "--yes", "--skip-preview", KUBECONFIG=str(nowhere))
    forgetting = {"KUBECONFIG": str(nowhere), "PULUMI_K8S_DELETE_UNREACHABLE": "true"}
    assert "- 1 deleted" in stack.run("refresh", "--yes", "--skip-preview", **forgetting)


def test_a_login_without_rights_is_refused_with_the_reason(stack: Stack, plane: ControlPlane) -> None:
    stack.program('k8s.core.v1.ServiceAccount("a", metadata={"name": "a", "namespace": NAMESPACE})')
    assert "+ 2 to create" in stack.run("preview", KUBECONFIG=str(plane.limited))
    with pytest.raises(PulumiError, match='User "limited" cannot create resource "serviceaccounts"'):
        stack.run("up", "--yes", "--skip-preview", KUBECONFIG=str(plane.limited))


@pytest.fixture
def provider(plane: ControlPlane) -> Iterator[KubernetesProvider]:
    made = KubernetesProvider(retry_delays=(0.01,))
    made.configure({"kubeconfig": str(plane.kubeconfig)})
    yield made
    made.close()


def subject(token: str) -> Subject:
    return Subject(f"urn:pulumi:s::p::{token}::x", token, "x")


def test_a_kind_that_the_cluster_does_not_serve_is_named_at_up_and_tolerated_at_preview(
    provider: KubernetesProvider,
) -> None:
    on = subject("kubernetes:nobody.example.com/v1:Nothing")
    given = {"apiVersion": "nobody.example.com/v1", "kind": "Nothing", "metadata": {"name": "n"}, "spec": {}}
    inputs = provider.check(CheckRequest(on, {}, given)).inputs
    assert provider.create(CreateRequest(on, inputs, preview=True)).outputs == inputs
    with pytest.raises(ProviderError, match="Verify that any required CRDs have been created") as refused:
        provider.create(CreateRequest(on, inputs))
    assert 'no matches for kind "Nothing" in version "nobody.example.com/v1"' in str(refused.value)


@pytest.mark.parametrize(
    "token",
    [
        "kubernetes:helm.sh/v3:Release",
        "kubernetes:kustomize/v2:Directory",
        "kubernetes:yaml:ConfigGroup",
        "kubernetes:yaml/v2:ConfigFile",
        "kubernetes:core/v1:SecretList",
    ],
)
def test_types_that_are_not_single_objects_are_refused_by_name(provider: KubernetesProvider, token: str) -> None:
    given = {"kind": token.rpartition(":")[2], "metadata": {"name": "n"}}
    with pytest.raises(ProviderError, match=token):
        provider.check(CheckRequest(subject(token), {}, given))


def test_a_component_of_many_objects_is_refused_by_name(stack: Stack) -> None:
    with pytest.raises(PulumiError, match="kubernetes:yaml/v2:ConfigGroup is not supported by the local stand-in"):
        stack.preview('k8s.yaml.v2.ConfigGroup("g", yaml="{}")')


def test_a_function_is_refused_by_name(provider: KubernetesProvider) -> None:
    with pytest.raises(ProviderError, match="kubernetes:yaml:decode"):
        provider.invoke("kubernetes:yaml:decode", {})


def test_settings_that_are_not_covered_are_refused_by_name(stack: Stack) -> None:
    stack.run("config", "set", "kubernetes:renderYamlToDirectory", "/nowhere")
    with pytest.raises(PulumiError, match="renderYamlToDirectory is not supported"):
        stack.preview('k8s.core.v1.ServiceAccount("a", metadata={"name": "a"})')


def test_an_explicit_provider_takes_a_kubeconfig_as_text_a_context_and_a_namespace(
    stack: Stack, plane: ControlPlane, meddler: Meddler
) -> None:
    text = plane.kubeconfig.read_text()
    stack.up(
        f"""
        there = k8s.Provider("there", kubeconfig=pulumi.Output.secret({text!r}), context="test", namespace=NAMESPACE)
        k8s.core.v1.ServiceAccount("a", metadata={{"name": "a"}}, opts=pulumi.ResourceOptions(provider=there))
        """
    )
    assert meddler.exists("v1", "ServiceAccount", "a")
    assert "3 unchanged" in stack.up()
