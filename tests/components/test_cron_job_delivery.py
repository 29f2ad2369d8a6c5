"""Mode `cronjob`: the identity, the rights, the targets and the order, as they are registered."""

import json
from typing import Any

import pulumi
import pytest

from components.cluster_identity import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from components.policy import PolicyTooLong
from tests.components.cron_job import (
    BY_LABEL,
    CRON_JOB,
    FIRST_RUN,
    HAND_OVER,
    LABELS,
    NAME,
    REPOSITORIES,
    built,
    in_cluster,
    physical,
)
from tests.components.recording import ACCOUNT, Recorder, Registered

RULE_FIELDS = {"apiGroups", "resources", "resourceNames", "verbs"}


def place(item: Registered) -> str:
    return item.inputs["metadata"].get("namespace", "")


def targets(recorder: Recorder) -> Any:
    return json.loads(recorder.one(":ConfigMap", "-targets").inputs["data"]["targets.json"])


def test_namespaces_that_are_not_there_are_told_of_and_given_nothing() -> None:
    assert "missing" not in targets(built())
    recorder = built(missing_namespaces=["team-c"])
    assert targets(recorder)["missing"] == ["team-c"]
    assert [target["name"] for target in targets(recorder)["namespaces"]] == ["team-a", "team-b"]
    assert not [item for item in recorder.resources if "team-c" in item.name]


def test_the_identity_may_fetch_logins_and_pull_with_them_and_nothing_else() -> None:
    assert built().statements("UserPolicy") == {
        "FetchLogin": {
            "Sid": "FetchLogin",
            "Effect": "Allow",
            "Action": ["ecr:GetAuthorizationToken"],
            "Resource": ["*"],
        },
        "PullWithIt": {
            "Sid": "PullWithIt",
            "Effect": "Allow",
            "Action": ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            "Resource": REPOSITORIES,
        },
    }


def test_more_rights_than_iam_takes_are_refused_before_anything_is_planned() -> None:
    names = [f"arn:aws:ecr:eu-central-1:{ACCOUNT}:repository/team-{number:03}/app" for number in range(60)]
    with pytest.raises(PolicyTooLong, match=r"take 4\d{3} characters of a policy that IAM limits to 2048"):
        built(repository_arns=names)
    assert built(repository_arns=names[:24])


@pytest.mark.parametrize(
    ("more", "roles"),
    [
        (
            {},
            {
                "Role team-a/everpull-dev:ecr-pull": [("secrets", ["ecr-pull"], ["get", "create", "patch"])],
                "Role team-b/everpull-dev:ecr-pull": [("secrets", ["ecr-pull"], ["get", "create", "patch"])],
            },
        ),
        (
            {**BY_LABEL, "namespaces": ["team-a"]},
            {
                "Role team-a/everpull-dev:ecr-pull": [("secrets", ["ecr-pull"], ["get", "create", "patch"])],
                "ClusterRole everpull-dev:ecr-pull": [
                    ("secrets", ["ecr-pull"], ["get", "create", "patch", "list", "delete"]),
                    ("namespaces", None, ["list"]),
                ],
            },
        ),
        (
            {**BY_LABEL, "namespaces": []},
            {
                "ClusterRole everpull-dev:ecr-pull": [
                    ("secrets", ["ecr-pull"], ["get", "create", "patch", "list", "delete"]),
                    ("namespaces", None, ["list"]),
                ],
            },
        ),
    ],
    ids=["listed", "listed and by label", "by label"],
)
def test_every_right_in_the_cluster(more: dict[str, Any], roles: dict[str, Any]) -> None:
    recorder = built(**more)
    found = {}
    for item in [*recorder.all(":Role"), *recorder.all(":ClusterRole")]:
        kind = item.type.rpartition(":")[2]
        rules = item.inputs["rules"]
        assert all(rule["apiGroups"] == [""] and set(rule) <= RULE_FIELDS for rule in rules)
        found[f"{kind} {physical(recorder, kind, item.name)}"] = [
            (*rule["resources"], rule.get("resourceNames"), rule["verbs"]) for rule in rules
        ]
    assert found == roles


@pytest.mark.parametrize("more", [{}, BY_LABEL])
def test_every_right_is_given_to_the_refresher_alone(more: dict[str, Any]) -> None:
    recorder = built(**more)
    bindings = [*recorder.all(":RoleBinding"), *recorder.all(":ClusterRoleBinding")]
    roles = [*recorder.all(":Role"), *recorder.all(":ClusterRole")]
    assert len(bindings) == len(roles) == 2 + len(more) // 2
    for binding, role in zip(sorted(bindings, key=place), sorted(roles, key=place), strict=True):
        assert binding.inputs["metadata"] == role.inputs["metadata"]
        assert binding.inputs["roleRef"] == {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": role.type.rpartition(":")[2],
            "name": role.inputs["metadata"]["name"],
        }
        assert binding.inputs["subjects"] == [
            {"kind": "ServiceAccount", "name": "refresher", "namespace": "everpull-system"}
        ]
    account = recorder.one(":ServiceAccount").inputs
    assert account["metadata"] == {"name": "refresher", "namespace": "everpull-system", "labels": LABELS}
    assert account["automountServiceAccountToken"] is False


def test_what_a_selector_costs_is_said_and_without_one_nothing_is(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda message, resource: said.append(message))
    built()
    assert said == []
    built(**BY_LABEL)
    (message,) = said
    assert "may read, write and delete Secrets named ecr-pull anywhere in the cluster" in message


def test_the_pods_credentials_are_the_keys_that_the_secret_has() -> None:
    recorder = built()
    secret = recorder.one("v1:Secret", "-credentials")
    assert secret.inputs["metadata"] == {
        "name": "refresher-aws-credentials",
        "namespace": "everpull-system",
        "labels": LABELS,
    }
    assert secret.secrets == {"stringData"}
    assert set(secret.inputs["stringData"]) == {ACCESS_KEY_ID, SECRET_ACCESS_KEY}
    (container,) = recorder.one(":CronJob").inputs["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    taken = {item["name"]: item["valueFrom"]["secretKeyRef"] for item in container["env"] if "valueFrom" in item}
    assert taken == {
        "AWS_ACCESS_KEY_ID": {"name": "refresher-aws-credentials", "key": ACCESS_KEY_ID},
        "AWS_SECRET_ACCESS_KEY": {"name": "refresher-aws-credentials", "key": SECRET_ACCESS_KEY},
    }


def test_the_targets_are_the_listed_namespaces_with_their_roles_as_owners() -> None:
    def owner(kind: str, place: str) -> dict[str, str]:
        return {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": kind,
            "name": "everpull-dev:ecr-pull",
            "uid": f"uid of {kind} {place}everpull-dev:ecr-pull",
        }

    listed = {
        "secretName": "ecr-pull",
        "labels": LABELS,
        "adopt": False,
        "namespaces": [
            {"name": "team-a", "owner": owner("Role", "team-a/")},
            {"name": "team-b", "owner": owner("Role", "team-b/")},
        ],
        "selector": None,
    }
    assert targets(built()) == listed
    # The system namespace is never served: who may run pods there could read the credentials.
    by_label = {
        "labelSelector": "team=b",
        "excluded": ["everpull-system", "team-x"],
        "owner": owner("ClusterRole", ""),
    }
    assert targets(built(**BY_LABEL, adopt=True)) == {**listed, "adopt": True, "selector": by_label}


def test_every_kubernetes_object_says_whose_it_is() -> None:
    recorder = built(**BY_LABEL)
    objects = [item for item in recorder.resources if item.type.startswith("kubernetes:")]
    assert len(objects) == 13
    for item in objects:
        assert item.inputs["metadata"]["labels"].items() >= LABELS.items(), item.name


def test_everything_is_in_the_system_namespace_but_rights() -> None:
    for kind, place in in_cluster(built(**BY_LABEL)):
        if not kind.startswith(("Role", "ClusterRole")):
            assert place.startswith("everpull-system/"), kind


def names(*endings: str) -> set[str]:
    return {f"{NAME}-{ending}" for ending in endings}


IDENTITY = names("cluster-user", "cluster-rights", "cluster-key")
RIGHTS = names(*(f"refresh-rights-{what}-{where}" for what in ("role", "binding") for where in ("team-a", "team-b")))
INPUTS = names("cluster-credentials", "refresh-rights-account", "refresh-code", "refresh-targets")


def test_the_schedule_begins_after_a_first_run_and_that_after_all_it_needs() -> None:
    recorder = built()
    assert recorder.waits_for(f"{NAME}-cluster-credentials") == IDENTITY
    assert recorder.waits_for(FIRST_RUN) == IDENTITY | RIGHTS | INPUTS
    assert recorder.waits_for(CRON_JOB) == IDENTITY | RIGHTS | INPUTS | {FIRST_RUN, HAND_OVER}
