import json
from collections.abc import Sequence

import pytest

from cluster.attachment import pod_policy_faults, service_account_faults
from cluster.preflight import find_faults
from settings import Settings, parse
from tests.cluster.fakes import FakeCluster
from tests.settings.bad_configurations import GOOD

API = "/apis/admissionregistration.k8s.io/v1"
POLICIES = ("mutatingadmissionpolicies", "mutatingadmissionpolicybindings")
OURS = {"labels": {"app.kubernetes.io/name": "everpull", "app.kubernetes.io/instance": "dev"}}
STRICT = "kubernetes.io/enforce-mountable-secrets"


def account(namespace: str, name: str) -> str:
    return f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}"


def cluster(*kinds: str, version: str = "v1.36.3") -> FakeCluster:
    served = {"resources": [{"name": kind} for kind in kinds or POLICIES]}
    return FakeCluster({API: served, "/version": {"gitVersion": version}})


@pytest.fixture
def settings() -> Settings:
    return parse({**GOOD, "everpull:namespaces": json.dumps(["team-a", "team-b"])}, "dev")


def told(settings: Settings, reader: FakeCluster) -> list[tuple[str, str]]:
    return [(fault.key, fault.problem) for fault in pod_policy_faults(settings, reader)]


def test_a_cluster_that_serves_the_policies_has_no_fault(settings: Settings) -> None:
    assert told(settings, cluster()) == []


@pytest.mark.parametrize("kinds", [("validatingadmissionpolicies",), POLICIES[:1], POLICIES[1:]])
def test_a_cluster_that_does_not_is_told_the_version_it_needs_and_the_other_way(
    settings: Settings, kinds: Sequence[str]
) -> None:
    (fault,) = pod_policy_faults(settings, cluster(*kinds, version="v1.34.1"))
    assert fault.problem == (
        "needs MutatingAdmissionPolicy in admissionregistration.k8s.io/v1, which Kubernetes serves from 1.36 on, and the "
        "cluster (Kubernetes v1.34.1) does not"
    )
    assert (fault.key, fault.value) == ("everpull:attach", "pods")
    assert fault.example == "pulumi config set everpull:attach service-accounts"


@pytest.mark.parametrize(
    ("plural", "name", "kind"),
    [
        (POLICIES[0], "everpull-dev", "MutatingAdmissionPolicy"),
        (POLICIES[1], "everpull-dev.listed", "MutatingAdmissionPolicyBinding"),
        (POLICIES[1], "everpull-dev.labelled", "MutatingAdmissionPolicyBinding"),
    ],
)
def test_a_name_that_something_else_took_is_refused(settings: Settings, plural: str, name: str, kind: str) -> None:
    reader = cluster()
    reader.objects[f"{API}/{plural}/{name}"] = {}
    assert told(settings, reader) == [("stack", f"would need the {kind} {name}, which something else made")]
    reader.objects[f"{API}/{plural}/{name}"] = OURS
    assert told(settings, reader) == []


def strict(value: str, *secrets: str) -> dict[str, object]:
    """Metadata and object in one, as the fake cluster gives them for either question."""
    return {"annotations": {STRICT: value}, "imagePullSecrets": [{"name": name} for name in secrets]}


@pytest.mark.parametrize("by_list", [True, False], ids=["by one list", "by one a namespace"])
def test_pods_that_would_be_refused_for_having_the_pull_secret_are_told(settings: Settings, by_list: bool) -> None:
    reader = cluster()
    reader.forbidden = () if by_list else ("/api/v1/serviceaccounts",)
    reader.objects[account("team-a", "free")] = {}
    reader.objects[account("team-a", "off")] = strict("false")
    reader.objects[account("team-a", "served")] = strict("true", "theirs", "everpull-dev")
    reader.objects[account("team-b", "builder")] = strict("True", "theirs")
    (fault,) = pod_policy_faults(settings, reader)
    assert fault.problem.startswith("would have the API server refuse pods of team-b/builder: by the annotation")
    assert fault.example == f"kubectl --namespace team-b annotate serviceaccount builder {STRICT}-"


def test_however_many_they_are_the_message_stays_short(settings: Settings) -> None:
    reader = cluster()
    for number in range(9):
        reader.objects[account("team-a", f"sa-{number}")] = strict("1")
    (fault,) = pod_policy_faults(settings, reader)
    assert "team-a/sa-0, team-a/sa-1, team-a/sa-2 and 6 more:" in fault.problem


def test_accounts_of_other_namespaces_are_not_looked_at(settings: Settings) -> None:
    reader = cluster()
    reader.objects[account("team-c", "builder")] = strict("true")
    assert told(settings, reader) == []
    assert account("team-c", "builder") not in reader.asked


def missing(reader: FakeCluster, *accounts: str, coming: Sequence[str] = ()) -> list[tuple[str | None, str, str]]:
    return [(fault.value, fault.problem, fault.example) for fault in service_account_faults(reader, accounts, coming)]


def test_accounts_that_exist_have_no_fault_and_take_one_question_a_name() -> None:
    reader = cluster()
    reader.objects[account("team-a", "builder")] = {}
    reader.objects[account("team-b", "builder")] = {}
    assert missing(reader, "team-a/builder", "team-b/builder") == []
    assert len(reader.asked) == 1


def test_accounts_that_do_not_are_told_with_the_command_that_makes_one() -> None:
    reader = cluster()
    reader.objects[account("team-b", "builder")] = {}
    reader.objects[account("team-a", "deployer")] = {}
    assert missing(reader, "team-a/builder", "team-b/builder", "team-c/builder", "team-a/deployer") == [
        (
            "builder",
            "does not exist in the namespaces team-a and team-c",
            "kubectl --namespace team-a create serviceaccount builder",
        )
    ]


def test_the_account_default_is_everywhere() -> None:
    reader = cluster()
    assert missing(reader, "team-a/default", "team-b/default", coming=["team-b"]) == []
    assert reader.asked == []


def test_an_account_in_a_namespace_that_the_stack_is_to_make_can_not_be_there() -> None:
    reader = cluster()
    reader.forbidden = ("/api/v1/serviceaccounts",)
    assert missing(reader, "team-new/builder", coming=["team-new"]) == [
        (
            "builder",
            "does not exist in namespace team-new",
            "kubectl create namespace team-new && kubectl --namespace team-new create serviceaccount builder",
        )
    ]
    assert reader.asked == ["/api/v1/serviceaccounts"]


@pytest.mark.parametrize(
    ("config", "keys"),
    [
        ({}, []),
        ({"everpull:attach": "pods"}, ["everpull:attach"]),
        ({"everpull:attach": "service-accounts"}, []),
        (
            {"everpull:attach": "service-accounts", "everpull:serviceAccounts": json.dumps(["default", "builder"])},
            ["everpull:serviceAccounts"],
        ),
    ],
)
@pytest.mark.parametrize("mode", ["lambda", "cronjob"])
def test_what_is_attached_is_looked_at_before_anything_is_planned(
    mode: str, config: dict[str, str], keys: Sequence[str]
) -> None:
    reader = FakeCluster({"/api/v1/namespaces/default": {}})
    found = find_faults(parse({**GOOD, "everpull:mode": mode, **config}, "dev"), reader)
    assert [fault.key for fault in found if fault.key != "everpull:mode"] == keys
