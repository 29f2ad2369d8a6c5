from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pytest

from cluster import preflight
from cluster.preflight import ESO_KINDS, find_faults
from cluster.reader import Forbidden, Unreachable
from settings import ConfigurationError, Settings, parse
from tests.settings.bad_configurations import GOOD

OURS = {"labels": {"app.kubernetes.io/name": "everpull", "app.kubernetes.io/instance": "dev"}}
SOMEBODY_ELSES: Mapping[str, object] = {"labels": {"app.kubernetes.io/managed-by": "Helm"}}
ESO = "/apis/external-secrets.io"
NAMESPACE = "/api/v1/namespaces/team-a"
SECRET = f"{NAMESPACE}/secrets/everpull-dev"
EXTERNAL_SECRET = f"{ESO}/v1/namespaces/team-a/externalsecrets/everpull-dev"


@dataclass
class FakeCluster:
    """Paths and what is there; what isn't listed isn't there."""

    objects: dict[str, Mapping[str, object]] = field(default_factory=dict)
    forbidden: tuple[str, ...] = ()

    def document(self, path: str) -> Mapping[str, object] | None:
        return self.objects.get(path)

    def metadata(self, path: str) -> Mapping[str, object] | None:
        if path in self.forbidden:
            raise Forbidden(path)
        return self.objects.get(path)


def cluster(*, versions: tuple[str, ...] = ("v1", "v1beta1"), kinds: tuple[str, ...] = ESO_KINDS) -> FakeCluster:
    return FakeCluster(
        {
            ESO: {"versions": [{"version": version} for version in versions]},
            f"{ESO}/v1": {"resources": [{"kind": kind} for kind in kinds]},
            NAMESPACE: {},
        }
    )


@pytest.fixture
def settings() -> Settings:
    return parse({**GOOD, "everpull:namespaces": '["team-a"]'}, "dev")


def told(settings: Settings, reader: FakeCluster) -> list[str]:
    return [f"{fault.key}: {fault.problem}" for fault in find_faults(settings, reader)]


def test_a_cluster_with_eso_and_the_namespaces_has_no_fault(settings: Settings) -> None:
    assert told(settings, cluster()) == []


def test_a_cluster_that_already_holds_this_stack_has_no_fault(settings: Settings) -> None:
    reader = cluster()
    for path in (
        SECRET,
        EXTERNAL_SECRET,
        "/api/v1/namespaces/everpull-dev",
        f"{ESO}/v1/clustersecretstores/everpull-dev",
    ):
        reader.objects[path] = OURS
    assert told(settings, reader) == []


def test_a_missing_operator_is_named_with_the_way_to_install_it(settings: Settings) -> None:
    (fault,) = find_faults(settings, FakeCluster({NAMESPACE: {}}))
    assert fault.problem == "delivers through the External Secrets Operator (ESO), and the cluster has none"
    assert "helm upgrade --install external-secrets" in fault.example


def test_an_operator_too_old_is_told_which_versions_it_serves(settings: Settings) -> None:
    assert told(settings, cluster(versions=("v1beta1", "v1alpha1"))) == [
        "everpull:mode: needs external-secrets.io/v1, and the cluster's ESO serves only v1beta1, v1alpha1: upgrade it"
    ]


def test_an_operator_without_cluster_stores_is_told_what_it_lacks(settings: Settings) -> None:
    assert told(settings, cluster(kinds=("ExternalSecret", "SecretStore"))) == [
        "everpull:mode: needs ClusterSecretStore, which the cluster's ESO was installed without"
    ]


def test_a_namespace_that_is_not_there_is_named_with_the_way_to_make_it(settings: Settings) -> None:
    reader = cluster()
    del reader.objects[NAMESPACE]
    (fault,) = find_faults(settings, reader)
    assert (fault.key, fault.value) == ("everpull:namespaces", "team-a")
    assert fault.example == "kubectl create namespace team-a"


@pytest.mark.parametrize(("path", "kind"), [(SECRET, "a Secret"), (EXTERNAL_SECRET, "an ExternalSecret")])
def test_somebody_elses_object_is_not_overwritten(settings: Settings, path: str, kind: str) -> None:
    reader = cluster()
    reader.objects[path] = SOMEBODY_ELSES
    assert told(settings, reader) == [
        f"everpull:pullSecretName: is taken in namespace team-a by {kind} that something else made; "
        "everpull would overwrite it"
    ]


def test_another_stacks_secret_is_somebody_elses(settings: Settings) -> None:
    reader = cluster()
    reader.objects[SECRET] = {"labels": {**OURS["labels"], "app.kubernetes.io/instance": "prod"}}
    assert len(told(settings, reader)) == 1


def test_a_system_namespace_that_destroy_would_delete_for_somebody_else_is_refused(settings: Settings) -> None:
    reader = cluster()
    reader.objects["/api/v1/namespaces/everpull-dev"] = {}
    (fault,) = find_faults(settings, reader)
    assert fault.key == "everpull:systemNamespace"


def test_a_cluster_store_of_the_same_name_is_refused(settings: Settings) -> None:
    reader = cluster()
    reader.objects[f"{ESO}/v1/clustersecretstores/everpull-dev"] = SOMEBODY_ELSES
    (fault,) = find_faults(settings, reader)
    assert "ClusterSecretStore everpull-dev" in fault.problem


def test_all_faults_are_told_at_once(settings: Settings) -> None:
    reader = FakeCluster({"/api/v1/namespaces/everpull-dev": {}})
    assert len(told(settings, reader)) == 3


def test_what_may_not_be_seen_is_warned_of_and_the_rest_still_checked(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    reader = cluster(versions=("v1beta1",))
    reader.forbidden = (SECRET,)
    assert len(told(settings, reader)) == 1
    assert warnings == [f"not checked, because the kubeconfig's user may not read {SECRET}"]


def test_a_cluster_out_of_reach_is_a_warning(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)

    def unreachable(access: object) -> None:
        raise Unreachable("ConnectError on /apis/external-secrets.io")

    monkeypatch.setattr(preflight, "HttpClusterReader", unreachable)
    preflight.check_cluster(settings)
    assert warnings == [
        "the cluster was not checked for what everpull needs: ConnectError on /apis/external-secrets.io"
    ]


def test_faults_stop_the_program(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "HttpClusterReader", lambda access: FakeCluster())
    with pytest.raises(ConfigurationError, match="has 2 faults"):
        preflight.check_cluster(settings)
