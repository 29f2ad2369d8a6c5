import json
from collections.abc import Mapping

import pulumi
import pytest

from cluster import preflight
from cluster.operator import BY_LABEL, ESO_KINDS, GENERATOR, GENERATORS
from cluster.preflight import find_faults
from cluster.reader import Unreachable
from cluster.surroundings import Surroundings
from settings import ConfigurationError, Settings, parse, schema
from tests.cluster.fakes import FakeCluster
from tests.settings.bad_configurations import CRONJOB, GOOD

OURS = {"labels": {"app.kubernetes.io/name": "everpull", "app.kubernetes.io/instance": "dev"}}
SOMEBODY_ELSES: Mapping[str, object] = {"labels": {"app.kubernetes.io/managed-by": "Helm"}}
ESO = "/apis/external-secrets.io"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
NAMESPACE = "/api/v1/namespaces/team-a"
# Those that put something there.
IN_CLUSTER = schema.modes_with("namespaces")
SECRET = f"{NAMESPACE}/secrets/everpull-dev"
EXTERNAL_SECRET = f"{ESO}/v1/namespaces/team-a/externalsecrets/everpull-dev"


def cluster(
    *, versions: tuple[str, ...] = ("v1", "v1beta1"), kinds: tuple[str, ...] = (*ESO_KINDS, BY_LABEL)
) -> FakeCluster:
    return FakeCluster(
        {
            ESO: {"versions": [{"version": version} for version in versions]},
            f"{ESO}/v1": {"resources": [{"kind": kind} for kind in kinds]},
            GENERATORS: {"resources": [{"kind": GENERATOR}]},
            NAMESPACE: {},
        }
    )


@pytest.fixture
def settings() -> Settings:
    return configured()


@pytest.fixture
def cronjob() -> Settings:
    return configured(**CRONJOB)


def configured(*namespaces: str, **more: str) -> Settings:
    return parse({**GOOD, "everpull:namespaces": json.dumps(namespaces or ["team-a"]), **more}, "dev")


def kept_by(kind: str, name: str, api: str = "apps/v1") -> dict[str, object]:
    return {"ownerReferences": [{"kind": kind, "name": name, "apiVersion": api, "controller": True}]}


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


def test_an_operator_without_generators_of_logins_is_refused_for_those_alone(settings: Settings) -> None:
    reader = cluster()
    generator = configured(**{"everpull:mode": "generator"})
    assert told(generator, reader) == []
    del reader.objects[GENERATORS]
    assert told(settings, reader) == []
    assert told(generator, reader) == [
        "everpull:mode: needs ECRAuthorizationToken, which the cluster's ESO was installed without"
    ]
    # An operator that is not there at all lacks that too, and is one fault.
    assert len(told(generator, FakeCluster({NAMESPACE: {}}))) == 1


@pytest.mark.parametrize("mode", IN_CLUSTER)
def test_somebody_elses_secret_is_not_overwritten_unasked(mode: str) -> None:
    reader = cluster()
    reader.objects[SECRET] = SOMEBODY_ELSES
    (fault,) = find_faults(configured(**{"everpull:mode": mode}), reader)
    assert str(fault) == (
        "everpull:pullSecretName = everpull-dev\n"
        "     is taken in namespace team-a by a Secret that something else made; everpull would overwrite it, and remove it on "
        "destroy\n"
        "     allowed: a name that is free in every chosen namespace, or everpull:adopt to take the Secret over\n"
        "     example: pulumi config set everpull:adopt true   (what it holds now is lost, and destroy removes it)"
    )
    assert find_faults(configured(**{"everpull:mode": mode, "everpull:adopt": "true"}), reader) == []


@pytest.mark.parametrize("mode", IN_CLUSTER)
@pytest.mark.parametrize("adopt", ["false", "true"])
def test_somebody_elses_external_secret_is_a_second_writer_whatever_is_adopted(mode: str, adopt: str) -> None:
    reader = cluster()
    reader.objects[EXTERNAL_SECRET] = SOMEBODY_ELSES
    assert told(configured(**{"everpull:mode": mode, "everpull:adopt": adopt}), reader) == [
        "everpull:pullSecretName: is taken in namespace team-a by an ExternalSecret that something else made; it would write "
        "the same Secret"
    ]


@pytest.mark.parametrize("mode", IN_CLUSTER)
@pytest.mark.parametrize("adopt", ["false", "true"])
@pytest.mark.parametrize(
    "metadata",
    [
        kept_by("SealedSecret", "everpull-dev", "bitnami.example/v1"),
        {**OURS, **kept_by("SealedSecret", "everpull-dev", "bitnami.example/v1")},
        # An ExternalSecret that is not this stack's.
        {**SOMEBODY_ELSES, **kept_by("ExternalSecret", "everpull-dev.labelled", "external-secrets.io/v1")},
        kept_by("ExternalSecret", "everpull-dev", "external-secrets.io/v1"),
        {**OURS, **kept_by("ExternalSecret", "other", "external-secrets.io/v1")},
        {**OURS, **kept_by("ExternalSecret", "everpull-dev", "external-secrets.example/v1")},
        {**OURS, **kept_by("PushSecret", "everpull-dev", "external-secrets.io/v1")},
    ],
)
def test_a_secret_with_another_writer_is_refused_whatever_is_adopted(
    mode: str, adopt: str, metadata: Mapping[str, object]
) -> None:
    reader = cluster()
    reader.objects[SECRET] = metadata
    (fault,) = find_faults(configured(**{"everpull:mode": mode, "everpull:adopt": adopt}), reader)
    assert "is in namespace team-a a Secret that another controller writes" in fault.problem
    assert "everpull:adopt does not help" in fault.allowed


@pytest.mark.parametrize("mode", IN_CLUSTER)
def test_a_secret_and_the_external_secret_that_writes_it_are_one_fault(mode: str) -> None:
    reader = cluster()
    reader.objects[SECRET] = kept_by("ExternalSecret", "everpull-dev", "external-secrets.io/v1")
    reader.objects[EXTERNAL_SECRET] = SOMEBODY_ELSES
    (fault,) = find_faults(configured(**{"everpull:mode": mode}), reader)
    assert "(ExternalSecret everpull-dev)" in fault.problem


@pytest.mark.parametrize("mode", IN_CLUSTER)
def test_a_secret_that_this_stack_keeps_in_the_other_mode_is_no_fault(mode: str) -> None:
    reader = cluster()
    role = {"kind": "Role", "name": "everpull-dev", "apiVersion": "rbac.authorization.k8s.io/v1"}
    by_eso = kept_by("ExternalSecret", "everpull-dev", "external-secrets.io/v1")["ownerReferences"]
    assert isinstance(by_eso, list)
    labelled = [{**by_eso[0], "name": "everpull-dev.labelled"}]
    for owners in ([role], by_eso, [*by_eso, role], labelled):
        reader.objects[SECRET] = {**OURS, "ownerReferences": owners}
        assert told(configured(**{"everpull:mode": mode}), reader) == []


@pytest.mark.parametrize("mode", IN_CLUSTER)
@pytest.mark.parametrize("metadata", [OURS, SOMEBODY_ELSES])
def test_a_secret_of_another_type_is_refused_whatever_is_adopted(mode: str, metadata: Mapping[str, object]) -> None:
    reader = cluster()
    reader.objects[SECRET] = metadata
    reader.types[SECRET] = "Opaque"
    (fault,) = find_faults(configured(**{"everpull:mode": mode, "everpull:adopt": "true"}), reader)
    assert fault.problem == "is in namespace team-a a Secret of type Opaque, and a Secret's type cannot be changed"
    assert fault.example.startswith("kubectl --namespace team-a delete secret everpull-dev")


def test_many_namespaces_are_one_fault_and_few_questions() -> None:
    names = [f"team-{number}" for number in range(500)]
    reader = cluster()
    for name in names:
        reader.objects[f"/api/v1/namespaces/{name}"] = {}
        reader.objects[f"/api/v1/namespaces/{name}/secrets/everpull-dev"] = SOMEBODY_ELSES
    (fault,) = find_faults(configured(*names, **CRONJOB), reader)
    assert "in the namespaces team-0, team-1, team-2 and 497 more by a Secret" in fault.problem
    assert len(reader.asked) < 10


def test_who_may_not_list_is_asked_for_one_by_one(cronjob: Settings) -> None:
    reader = cluster()
    reader.forbidden = ("/api/v1/secrets", f"{RBAC}/roles", f"{RBAC}/rolebindings")
    reader.objects[SECRET] = SOMEBODY_ELSES
    assert len(told(cronjob, reader)) == 1


def test_the_cronjob_needs_no_operator(cronjob: Settings) -> None:
    assert told(cronjob, FakeCluster({NAMESPACE: {}})) == []


@pytest.mark.parametrize("kind", ["Role", "RoleBinding"])
def test_a_taken_role_is_not_overwritten(cronjob: Settings, kind: str) -> None:
    reader = cluster()
    reader.objects[f"{RBAC}/namespaces/team-a/{kind.lower()}s/everpull-dev"] = SOMEBODY_ELSES
    assert told(cronjob, reader) == [
        f"stack: would need the {kind} everpull-dev in namespace team-a, which something else made"
    ]


@pytest.mark.parametrize("kind", ["ClusterRole", "ClusterRoleBinding"])
def test_a_taken_cluster_role_is_not_overwritten(cronjob: Settings, kind: str) -> None:
    reader = cluster()
    reader.objects[f"{RBAC}/{kind.lower()}s/everpull-dev"] = SOMEBODY_ELSES
    assert told(cronjob, reader) == []
    by_label = configured(**CRONJOB, **{"everpull:namespaceSelector": "team=b"})
    assert told(by_label, reader) == [f"stack: would need the {kind} everpull-dev, which something else made"]


def test_every_mode_that_puts_something_into_the_cluster_has_its_checks() -> None:
    assert set(preflight.CHECKS) == set(IN_CLUSTER)


def test_another_stacks_secret_is_somebody_elses(settings: Settings) -> None:
    reader = cluster()
    reader.objects[SECRET] = {"labels": {**OURS["labels"], "app.kubernetes.io/instance": "prod"}}
    assert len(told(settings, reader)) == 1


@pytest.mark.parametrize("mode", IN_CLUSTER)
def test_a_system_namespace_that_destroy_would_delete_for_somebody_else_is_refused(mode: str) -> None:
    reader = cluster()
    reader.objects["/api/v1/namespaces/everpull-dev"] = {}
    (fault,) = find_faults(configured(**{"everpull:mode": mode}), reader)
    assert fault.key == "everpull:systemNamespace"


def test_a_cluster_store_of_the_same_name_is_refused(settings: Settings) -> None:
    reader = cluster()
    reader.objects[f"{ESO}/v1/clustersecretstores/everpull-dev"] = SOMEBODY_ELSES
    (fault,) = find_faults(settings, reader)
    assert "ClusterSecretStore everpull-dev" in fault.problem


def test_all_faults_are_told_at_once(settings: Settings) -> None:
    reader = FakeCluster({"/api/v1/namespaces/everpull-dev": {}, SECRET: SOMEBODY_ELSES})
    assert len(told(settings, reader)) == 3


def test_what_may_not_be_seen_is_warned_of_and_the_rest_still_checked(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    reader = cluster(versions=("v1beta1",))
    reader.forbidden = ("/api/v1/secrets", SECRET)
    reader.objects[EXTERNAL_SECRET] = OURS
    assert len(told(settings, reader)) == 1
    assert warnings == [f"not checked, because the kubeconfig's user may not read {SECRET}"]


def test_a_cluster_out_of_reach_is_a_warning(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)

    def unreachable(access: object) -> None:
        raise Unreachable("ConnectError on /apis/external-secrets.io")

    monkeypatch.setattr(preflight.HttpClusterReader, "of", unreachable)
    assert preflight.check_cluster(settings) == Surroundings(policies=True)
    assert warnings == [
        "the cluster was not checked for what everpull needs: ConnectError on /apis/external-secrets.io"
    ]


def test_faults_stop_the_program(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = FakeCluster({NAMESPACE: {}, "/api/v1/namespaces/everpull-dev": {}})
    monkeypatch.setattr(preflight.HttpClusterReader, "of", lambda access: reader)
    with pytest.raises(ConfigurationError, match="has 2 faults"):
        preflight.check_cluster(settings)
