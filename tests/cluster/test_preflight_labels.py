"""Namespaces that are chosen by label: what is looked at before anything is planned."""

import pulumi
import pytest

from cluster import preflight
from cluster.operator import ESO_KINDS
from cluster.preflight import find_faults
from cluster.surroundings import Surroundings
from tests.cluster.fakes import FakeCluster
from tests.cluster.test_preflight import (
    ESO,
    IN_CLUSTER,
    NAMESPACE,
    OURS,
    SECRET,
    SOMEBODY_ELSES,
    cluster,
    configured,
    told,
)
from tests.settings.bad_configurations import CRONJOB

BY_TEAM_B = {"everpull:namespaceSelector": "team=b"}


@pytest.mark.parametrize("mode", IN_CLUSTER)
def test_namespaces_chosen_by_label_are_looked_at_too(mode: str) -> None:
    by_label = {
        "everpull:mode": mode,
        "everpull:namespaceSelector": "team=b",
        "everpull:excludedNamespaces": '["team-b2"]',
    }
    reader = cluster()
    for name, labels in (("team-b1", {"team": "b"}), ("team-b2", {"team": "b"}), ("team-c", {"team": "c"})):
        reader.objects[f"/api/v1/namespaces/{name}"] = {"labels": labels}
        reader.objects[f"/api/v1/namespaces/{name}/secrets/everpull-dev"] = SOMEBODY_ELSES
    (fault,) = find_faults(configured(**by_label), reader)
    assert "is taken in namespace team-b1 by a Secret" in fault.problem


def test_an_operator_without_what_a_selector_needs_is_refused_with_a_selector_only() -> None:
    reader = cluster(kinds=ESO_KINDS)
    assert told(configured(), reader) == []
    (fault,) = find_faults(configured(**BY_TEAM_B), reader)
    assert str(fault) == (
        "everpull:namespaceSelector = team=b\n"
        "     needs ClusterExternalSecret, which the cluster's ESO was installed without\n"
        "     allowed: an ESO that serves it, listed namespaces alone, or mode cronjob, which needs no ESO\n"
        "     example: pulumi config set everpull:mode cronjob"
    )


POLICIES = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolic"


@pytest.mark.parametrize(
    ("path", "what"),
    [
        (f"{ESO}/v1/clusterexternalsecrets/everpull-dev", "ClusterExternalSecret everpull-dev"),
        (f"{POLICIES}ies/everpull-dev.namespaces", "MutatingAdmissionPolicy everpull-dev.namespaces"),
        (f"{POLICIES}ybindings/everpull-dev.namespaces", "MutatingAdmissionPolicyBinding everpull-dev.namespaces"),
    ],
)
def test_what_a_selector_makes_besides_takes_no_name_of_somebody_elses(path: str, what: str) -> None:
    reader = cluster()
    reader.objects[path] = SOMEBODY_ELSES
    assert told(configured(), reader) == []
    assert told(configured(**BY_TEAM_B), reader) == [f"stack: would need the {what}, which something else made"]
    reader.objects[path] = OURS
    assert told(configured(**BY_TEAM_B), reader) == []


def test_an_external_secret_that_eso_would_leave_to_somebody_else_is_refused_in_chosen_namespaces() -> None:
    reader = cluster()
    reader.objects["/api/v1/namespaces/team-b1"] = {"labels": {"team": "b"}}
    for name in ("team-a", "team-b1"):
        reader.objects[f"{ESO}/v1/namespaces/{name}/externalsecrets/everpull-dev.labelled"] = SOMEBODY_ELSES
    assert told(configured(**CRONJOB, **BY_TEAM_B), reader) == []
    (fault,) = find_faults(configured(**BY_TEAM_B), reader)
    assert fault.problem == (
        "would need the ExternalSecret everpull-dev.labelled in namespace team-b1, which something else made"
    )
    reader.objects[f"{ESO}/v1/namespaces/team-b1/externalsecrets/everpull-dev.labelled"] = OURS
    assert told(configured(**BY_TEAM_B), reader) == []


def test_a_namespace_that_is_listed_and_chosen_is_one_fault_and_the_system_namespace_is_never_chosen() -> None:
    reader = cluster()
    reader.objects[NAMESPACE] = {"labels": {"team": "b"}}
    reader.objects[SECRET] = SOMEBODY_ELSES
    system = "/api/v1/namespaces/everpull-dev"
    reader.objects[system] = {"labels": {**OURS["labels"], "team": "b"}}
    reader.objects[f"{system}/secrets/everpull-dev"] = SOMEBODY_ELSES
    (fault,) = find_faults(configured(**CRONJOB, **{"everpull:namespaceSelector": "team=b"}), reader)
    assert "is taken in namespace team-a by a Secret" in fault.problem


def test_labels_that_no_namespace_has_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", said.append)
    assert told(configured(**CRONJOB, **{"everpull:namespaceSelector": "team=nobody"}), cluster()) == []
    assert said == ["no namespace has the labels team=nobody now"]


def with_policies(*plurals: str) -> FakeCluster:
    reader = cluster()
    reader.objects["/apis/admissionregistration.k8s.io/v1"] = {"resources": [{"name": plural} for plural in plurals]}
    return reader


BOTH = ("mutatingadmissionpolicies", "mutatingadmissionpolicybindings")


@pytest.mark.parametrize(("plurals", "known"), [(BOTH, True), (BOTH[:1], False), ((), False)])
@pytest.mark.parametrize(("config", "concerned"), [({}, False), (BY_TEAM_B, True), ({**CRONJOB, **BY_TEAM_B}, False)])
def test_who_gets_namespaces_that_cannot_be_deleted_at_once_is_told(
    monkeypatch: pytest.MonkeyPatch, plurals: tuple[str, ...], known: bool, config: dict[str, str], concerned: bool
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    monkeypatch.setattr(preflight.HttpClusterReader, "of", lambda access: with_policies(*plurals))
    assert preflight.check_cluster(configured(**config)) == Surroundings(policies=known)
    assert len(warnings) == (concerned and not known)
    if warnings:
        assert (
            "kubectl edit namespace NAMESPACE   (take externalsecrets.external-secrets.io/ces-everpull-dev"
            in warnings[0]
        )


def test_whoever_may_not_look_at_policies_is_taken_to_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    reader = cluster()
    reader.forbidden = ("/apis/admissionregistration.k8s.io/v1",)
    monkeypatch.setattr(preflight.HttpClusterReader, "of", lambda access: reader)
    assert preflight.check_cluster(configured(**BY_TEAM_B)).policies
    assert warnings == ["not checked, because the kubeconfig's user may not read /apis/admissionregistration.k8s.io/v1"]
