"""An ESO that was hardened: what it can't do any more is refused, with the chart's values that allow it again."""

import pulumi
import pytest

from cluster.preflight import find_faults
from cluster.restrictions import DEPLOYMENTS, restriction_faults
from settings import Settings
from tests.cluster.fakes import FakeCluster
from tests.cluster.test_preflight import cluster, configured
from tests.settings.bad_configurations import CRONJOB

STORES = "--enable-cluster-store-reconciler"
BY_LABEL = "--enable-cluster-external-secret-reconciler"
SELECTOR = {"everpull:namespaceSelector": "team=b"}


def operator(*args: str, namespace: str = "eso", command: tuple[str, ...] = ()) -> dict[str, object]:
    container: dict[str, object] = {"name": "external-secrets", "args": list(args), "command": list(command)}
    return {
        "metadata": {"name": "external-secrets", "namespace": namespace},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }


def with_operators(*operators: dict[str, object]) -> FakeCluster:
    reader = cluster()
    reader.objects[DEPLOYMENTS] = {"items": list(operators)}
    return reader


def keys(settings: Settings, *operators: dict[str, object]) -> list[str]:
    return [fault.key for fault in restriction_faults(settings, with_operators(*operators))]


def test_an_operator_with_the_charts_defaults_has_no_fault() -> None:
    assert keys(configured(**SELECTOR), operator("--concurrent=1", "--metrics-addr=:8080", "--loglevel=info")) == []


def test_one_that_leaves_cluster_stores_alone_is_told_the_value_and_the_mode_without_it() -> None:
    (fault,) = restriction_faults(configured(), with_operators(operator("--concurrent=1", f"{STORES}=false")))
    assert str(fault) == (
        "everpull:mode = lambda\n"
        "     needs cluster-wide stores, and the cluster's ESO (Deployment external-secrets in namespace eso) is started with "
        "--enable-cluster-store-reconciler=false\n"
        "     allowed: an ESO whose chart was given processClusterStore=true, or mode cronjob, which needs no ESO\n"
        "     example: helm upgrade external-secrets external-secrets/external-secrets --namespace eso --reuse-values "
        "--set processClusterStore=true"
    )


def test_one_that_leaves_cluster_external_secrets_alone_matters_with_a_selector_only() -> None:
    assert keys(configured(), operator(f"{BY_LABEL}=false")) == []
    (fault,) = restriction_faults(configured(**SELECTOR), with_operators(operator(f"{BY_LABEL}=false")))
    assert (fault.key, fault.value) == ("everpull:namespaceSelector", "team=b")
    assert fault.problem.startswith("needs cluster-wide ExternalSecrets in mode lambda, and the cluster's ESO")
    assert fault.example.endswith("--set processClusterExternalSecret=true")


def test_one_that_serves_a_single_namespace_is_one_fault_whatever_else_is_off() -> None:
    scoped = operator("--namespace=tools", f"{STORES}=false", f"{BY_LABEL}=false")
    (fault,) = restriction_faults(configured(**SELECTOR), with_operators(scoped))
    assert fault.problem == (
        "needs an ESO that serves all namespaces, and the cluster's ESO (Deployment external-secrets in namespace eso) is "
        "started with --namespace=tools, so it serves that one only"
    )
    assert fault.example.endswith("--set scopedNamespace= --set scopedRBAC=false")


@pytest.mark.parametrize(
    ("words", "restricted"),
    [
        ([f"{STORES}=false"], True),
        ([f"{STORES}=0"], True),
        ([f"{STORES}=F"], True),
        ([f"{STORES}=true"], False),
        # A switch's value is never a word of its own.
        ([STORES, "false"], False),
        ([f"{STORES}-more=false"], False),
        # The last one counts.
        ([f"{STORES}=false", f"{STORES}=true"], False),
        ([f"{STORES}=true", f"{STORES}=false"], True),
        (["--namespace=a"], True),
        (["--namespace", "a"], True),
        (["--namespace="], False),
        (["--concurrent=1", "--namespace"], False),
        (["--namespace=a", "--namespace="], False),
        (["--namespaces=a"], False),
        ([], False),
    ],
)
@pytest.mark.parametrize("by_command", [False, True])
def test_flags_are_read_as_the_operator_reads_them(words: list[str], restricted: bool, by_command: bool) -> None:
    made = operator(command=("/external-secrets", *words)) if by_command else operator(*words)
    assert bool(keys(configured(), made)) is restricted


def test_one_operator_that_serves_all_is_enough() -> None:
    scoped = operator("--namespace=tools")
    assert keys(configured(), scoped, operator(namespace="other")) == []
    assert keys(configured(), scoped, operator("--namespace=more", namespace="other")) == ["everpull:mode"]


@pytest.mark.parametrize("part", ["webhook", "certcontroller"])
def test_other_parts_of_the_operator_do_not_count(part: str) -> None:
    assert keys(configured(), operator(part, "--concurrent=1"), operator(f"{STORES}=false")) == ["everpull:mode"]


def test_an_operator_that_is_not_found_is_not_looked_at() -> None:
    assert list(restriction_faults(configured(), cluster())) == []
    assert keys(configured(), {"metadata": {}, "spec": {}}) == []


def test_it_is_refused_before_anything_is_planned_and_in_mode_lambda_only() -> None:
    reader = with_operators(operator(f"{STORES}=false"))
    assert [fault.key for fault in find_faults(configured(), reader)] == ["everpull:mode"]
    assert find_faults(configured(**CRONJOB), reader) == []


def test_whoever_may_not_look_at_deployments_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    reader = cluster()
    reader.forbidden = (DEPLOYMENTS,)
    assert find_faults(configured(), reader) == []
    assert warnings == [f"not checked, because the kubeconfig's user may not read {DEPLOYMENTS}"]
