"""Namespaces that are chosen by label, and pods that the API server gives the pull secret, in mode `lambda`."""

from typing import Any

import pytest

from tests.doctor import worlds
from tests.doctor.breaking import UP
from tests.doctor.fakes import NOW
from tests.doctor.worlds import ESO, World, lambda_world, login

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
KINDS = ("mutatingadmissionpolicies", "mutatingadmissionpolicybindings")
SERVES = f"{ESO}/clusterexternalsecrets/everpull-dev"
MARK = "externalsecrets.external-secrets.io/ces-everpull-dev"


def labelled(**more: object) -> World:
    world = lambda_world(namespaceSelector="team=yes", **more)
    world.outputs["namespaceSelector"] = "team=yes"
    world.documents[ESO]["resources"].append({"kind": "ClusterExternalSecret"})
    world.cluster.documents |= {
        SERVES: {"status": worlds.ready()},
        "/api/v1/namespaces": {},
        "/api/v1/namespaces/team-c": {"metadata": {"labels": {"team": "yes"}}},
        f"{ESO}/namespaces/team-c/externalsecrets/everpull-dev.labelled": {"status": worlds.ready()},
        "/api/v1/namespaces/team-c/secrets/everpull-dev": worlds.docker_secret(login()),
    }
    return world


def test_they_are_counted() -> None:
    link = labelled().link("fan-out")
    assert (link.state, link.detail) == ("ok", "3 namespaces of 3 served, 1 of them chosen by label")


@pytest.mark.parametrize(
    ("documents", "sentence"),
    [
        (
            {SERVES: None},
            "the ClusterExternalSecret everpull-dev, which serves namespaces chosen by label, does not exist",
        ),
        (
            {SERVES: {"status": {"failedNamespaces": [{"namespace": "team-c", "reason": "taken"}]}}},
            "the ClusterExternalSecret everpull-dev is not ready in team-c",
        ),
        (
            {f"{ESO}/namespaces/team-c/externalsecrets/everpull-dev.labelled": None},
            "namespace team-c: has no ExternalSecret everpull-dev.labelled",
        ),
    ],
)
def test_what_serves_them_is_looked_at(documents: dict[str, Any], sentence: str) -> None:
    world = labelled()
    world.cluster.documents |= documents
    link = world.link("fan-out")
    assert (link.state, link.detail) == ("broken", sentence)


def test_a_namespace_that_is_leaving_is_not_missed_and_one_that_cannot_leave_is_told_of() -> None:
    world = labelled()
    metadata = world.documents["/api/v1/namespaces/team-c"]["metadata"]
    metadata["deletionTimestamp"] = str(NOW)
    del world.documents["/api/v1/namespaces/team-c/secrets/everpull-dev"]
    assert world.link("fan-out").state == "ok"
    metadata["finalizers"] = [MARK]
    link = world.link("fan-out")
    assert (link.state, link.detail) == ("warning", "ESO's finalizer keeps the namespaces team-c from going")
    assert MARK in link.fix


def attached() -> World:
    world = labelled()
    world.outputs["attachedBy"] = "everpull-dev"
    world.cluster.documents |= {
        ADMISSION: {"resources": [{"name": kind} for kind in KINDS]},
        f"{ADMISSION}/{KINDS[0]}/everpull-dev": {"metadata": {}},
        f"{ADMISSION}/{KINDS[1]}/everpull-dev.listed": {"metadata": {}},
        f"{ADMISSION}/{KINDS[1]}/everpull-dev.labelled": {"metadata": {}},
    }
    return world


def test_a_policy_that_is_there_is_well() -> None:
    assert attached().link("attachments").detail == "by the policy everpull-dev"


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        (f"{KINDS[0]}/everpull-dev", "the MutatingAdmissionPolicy everpull-dev"),
        (f"{KINDS[1]}/everpull-dev.listed", "the MutatingAdmissionPolicyBinding everpull-dev.listed"),
        (f"{KINDS[1]}/everpull-dev.labelled", "the MutatingAdmissionPolicyBinding everpull-dev.labelled"),
    ],
)
def test_a_part_of_the_policy_that_is_gone_is_broken(path: str, sentence: str) -> None:
    world = attached()
    del world.documents[f"{ADMISSION}/{path}"]
    link = world.link("attachments")
    assert (link.state, link.fix) == ("broken", UP)
    assert link.detail == f"{sentence}, which gives new pods the pull secret, does not exist"


def test_a_cluster_that_no_longer_knows_such_policies_is_broken() -> None:
    world = attached()
    world.documents[ADMISSION] = {"resources": []}
    assert "does not know MutatingAdmissionPolicy" in world.link("attachments").detail
