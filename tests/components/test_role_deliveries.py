"""Deliveries whose cluster has a role: what there is instead of a key, what it may, and that nothing else is another."""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from components.identities import identity_mark
from components.policy import PolicyTooLong
from tests.components import cron_job, test_lambda_delivery
from tests.components.recording import ACCOUNT, Recorder, Registered
from tests.components.roles import IRSA, ISSUER, POD_IDENTITY

NAME = cron_job.NAME
BUILT: dict[str, Callable[..., Recorder]] = {"lambda": test_lambda_delivery.built, "cronjob": cron_job.built}
ROWS = pytest.mark.parametrize(
    ("mode", "identity"), [("lambda", IRSA), ("cronjob", IRSA), ("cronjob", POD_IDENTITY)], ids=str
)
BOUND = {"iam_path": "/pods/", "permissions_boundary": f"arn:aws:iam::{ACCOUNT}:policy/bound"}
ROLE = f"arn:aws:iam:eu-central-1:{ACCOUNT}:{NAME}-cluster-role"
PODS_ROLE = f"arn:aws:iam:eu-central-1:{ACCOUNT}:{NAME}-pods-role"


def by_name(recorder: Recorder) -> dict[str, Registered]:
    return {item.name: item for item in recorder.resources}


def role_of(recorder: Recorder) -> Registered:
    return recorder.one(":Role", "-cluster-role")


def subject(recorder: Recorder) -> str:
    (statement,) = json.loads(role_of(recorder).inputs["assumeRolePolicy"])["Statement"]
    conditions = statement["Condition"]["StringEquals"]
    return conditions[f"{ISSUER.removeprefix('https://')}:sub"]


@ROWS
def test_there_is_neither_user_nor_key_nor_a_secret_with_one(mode: str, identity: dict[str, Any]) -> None:
    recorder = BUILT[mode](**identity)
    kinds = {item.type.rpartition(":")[2] for item in recorder.resources}
    assert not {"User", "UserPolicy", "AccessKey"} & kinds
    assert not [item.name for item in recorder.resources if item.type.endswith("v1:Secret")]
    assert "secretKeyRef" not in repr([item.inputs for item in recorder.resources])


@ROWS
def test_the_role_may_exactly_what_the_user_could(mode: str, identity: dict[str, Any]) -> None:
    (by_role,) = [
        item.inputs["policy"] for item in BUILT[mode](**identity).all(":RolePolicy") if "-refresh-" not in item.name
    ]
    assert json.loads(by_role) == json.loads(BUILT[mode]().one(":UserPolicy").inputs["policy"])


def test_a_role_holds_more_rights_than_a_user_and_no_more_than_iam_lets_it() -> None:
    names = [f"arn:aws:ecr:eu-central-1:{ACCOUNT}:repository/team-{number:03}/app" for number in range(160)]
    with pytest.raises(PolicyTooLong, match="IAM limits to 2048"):
        cron_job.built(repository_arns=names[:60])
    assert cron_job.built(**IRSA, repository_arns=names[:60])
    with pytest.raises(PolicyTooLong, match="IAM limits to 10240"):
        cron_job.built(**IRSA, repository_arns=names)


# Mode `lambda`.


def test_eso_reads_as_a_service_account_of_its_own_that_is_of_no_other_use() -> None:
    recorder = test_lambda_delivery.built(**IRSA)
    account = recorder.one(":ServiceAccount", "-store-account").inputs
    assert account["metadata"] == {
        "name": "login-reader",
        "namespace": "everpull-dev",
        "labels": cron_job.LABELS,
        "annotations": {"eks.amazonaws.com/role-arn": ROLE},
    }
    assert account["automountServiceAccountToken"] is False
    assert subject(recorder) == "system:serviceaccount:everpull-dev:login-reader"


def test_the_store_names_the_service_account_and_no_audience_beside_that_of_sts() -> None:
    store = test_lambda_delivery.built(**IRSA).one(":SecretStore").inputs
    assert store["metadata"]["namespace"] == "everpull-dev"
    assert store["spec"]["provider"]["aws"] == {
        "service": "SecretsManager",
        "region": "eu-central-1",
        "auth": {"jwt": {"serviceAccountRef": {"name": "login-reader"}}},
    }


def test_another_identity_makes_anew_what_reads_with_it_and_the_namespaces_move_when_it_has() -> None:
    before, recorder = test_lambda_delivery.built(), test_lambda_delivery.built(**IRSA)
    old, new = by_name(before), by_name(recorder)
    anew = {"sync-store", "sync-hub", "sync-hub-reader-role", "sync-hub-reader-binding"}
    gone = {
        f"{NAME}-{what}" for what in (*anew, "cluster-user", "cluster-rights", "cluster-key", "cluster-credentials")
    }
    assert old.keys() - new.keys() == gone - {f"{NAME}-cluster-rights"}
    assert new.keys() - old.keys() == {
        *(f"{NAME}-{what}-irsa" for what in anew),
        *(f"{NAME}-cluster-{what}" for what in ("role", "store", "store-account")),
    }
    store, hub = new[f"{NAME}-sync-store-irsa"], new[f"{NAME}-sync-hub-irsa"]
    assert store.inputs["metadata"]["name"] == "login-irsa"
    assert hub.inputs["spec"]["secretStoreRef"] == {"kind": "SecretStore", "name": "login-irsa"}
    hub_name = hub.inputs["metadata"]["name"]
    assert hub_name.startswith("login-")
    assert hub_name.endswith("-irsa")
    assert hub.inputs["metadata"]["annotations"]["pulumi.com/waitFor"] == "condition=Ready"
    team = f"{NAME}-sync-pull-secret-team-a"
    assert new[team].inputs["spec"]["data"][0]["remoteRef"]["key"] == hub_name
    made = {f"{NAME}-cluster-{what}" for what in ("role", "rights", "store-account")}
    assert {store.name, hub.name, *made} <= recorder.waits_for(team)
    # Whatever stays has its name in the cluster too, so that nothing is replaced.
    for name in old.keys() & new.keys():
        if "metadata" in old[name].inputs:
            assert old[name].inputs["metadata"] == new[name].inputs["metadata"], name


def test_what_reads_as_the_service_account_is_deleted_before_it_and_that_before_its_role() -> None:
    recorder = test_lambda_delivery.built(**IRSA)
    chain = [f"{NAME}-{what}" for what in ("sync-hub-irsa", "sync-store-irsa", "cluster-store-account", "cluster-role")]
    for first, then in pairwise(chain):
        assert then in {recorder.requests[urn].name for urn in recorder.request(first).dependencies}


def test_identities_are_told_apart_by_their_marks() -> None:
    keys = [identity_mark({"access_key_generation": number}) for number in (1, 2, 3)]
    assert [identity_mark({}), *keys, identity_mark({"oidc_issuer": "a"})] == ["", "", "2", "3", "irsa"]


# Mode `cronjob`.


def job_of(recorder: Recorder, name: str) -> dict[str, Any]:
    return recorder.one(":Job", name).inputs["spec"]


def pods(recorder: Recorder) -> list[dict[str, Any]]:
    jobs = [
        recorder.one(":CronJob").inputs["spec"]["jobTemplate"]["spec"],
        *(job_of(recorder, name) for name in RUNS),
    ]
    return [job["template"]["spec"] for job in jobs]


RUNS = ("-first-run", "-hand-over")
TOKEN = {
    "name": "aws-token",
    "projected": {
        "sources": [
            {"serviceAccountToken": {"audience": "sts.amazonaws.com", "expirationSeconds": 600, "path": "token"}}
        ]
    },
}


def test_a_pod_with_a_role_by_its_token_has_the_token_where_its_sdk_looks_for_it() -> None:
    recorder = cron_job.built(**IRSA)
    for pod, before in zip(pods(recorder), pods(cron_job.built()), strict=True):
        (container,), (other,) = pod["containers"], before["containers"]
        added = [item for item in container["env"] if item not in other["env"]]
        assert added == [
            {"name": "AWS_ROLE_ARN", "value": ROLE},
            {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/var/run/secrets/everpull/token"},
            {"name": "AWS_ROLE_SESSION_NAME", "value": NAME},
        ]
        assert [item for item in container["volumeMounts"] if item not in other["volumeMounts"]] == [
            {"name": "aws-token", "mountPath": "/var/run/secrets/everpull", "readOnly": True}
        ]
        assert [volume for volume in pod["volumes"] if volume not in before["volumes"]][-1] == TOKEN
        # By which kubelet gives it the token, and nothing else of it differs.
        assert pod["securityContext"] == before["securityContext"]
        assert pod["securityContext"]["runAsUser"] == 65532
        same = {"env", "volumeMounts"}
        assert {k: v for k, v in container.items() if k not in same} == {
            k: v for k, v in other.items() if k not in same
        }
    assert subject(recorder) == "system:serviceaccount:everpull-system:refresher"
    # EKS's webhook would add a token of its own.
    assert "annotations" not in recorder.one(":ServiceAccount").inputs["metadata"]


def test_a_pod_of_an_associated_service_account_is_left_to_eks() -> None:
    for pod in pods(cron_job.built(**POD_IDENTITY)):
        assert [volume["name"] for volume in pod["volumes"]] == ["code", "targets"]
        (container,) = pod["containers"]
        names = {item["name"] for item in container["env"]}
        assert "AWS_EC2_METADATA_DISABLED" in names
        assert names & {"AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ACCESS_KEY_ID"} == set()
        assert {"name": "EVERPULL_POD_ROLE", "value": PODS_ROLE} in container["env"]


def test_a_first_run_is_tried_in_new_pods_for_longer_than_an_association_takes() -> None:
    tries = {
        "access key": [job_of(cron_job.built(), run)["backoffLimit"] for run in RUNS],
        "irsa": [job_of(cron_job.built(**IRSA), run)["backoffLimit"] for run in RUNS],
        "pod identity": [job_of(cron_job.built(**POD_IDENTITY), run)["backoffLimit"] for run in RUNS],
    }
    assert tries == {"access key": [1, 1], "irsa": [1, 1], "pod identity": [3, 3]}


@pytest.mark.parametrize(
    ("identity", "made"),
    [
        (IRSA, {"cluster-role", "cluster-rights"}),
        (POD_IDENTITY, {"pods-role", "pods-rights", "pods-association"}),
    ],
    ids=["irsa", "pod-identity"],
)
def test_the_first_run_begins_when_its_role_may_be_had(identity: dict[str, Any], made: set[str]) -> None:
    recorder = cron_job.built(**identity)
    assert {f"{NAME}-{what}" for what in made} <= recorder.waits_for(cron_job.FIRST_RUN)


def test_another_identity_and_another_trust_are_another_first_run_and_the_cron_job_follows() -> None:
    chosen = {
        "key": {},
        "irsa": IRSA,
        "another issuer": {**IRSA, "oidc_issuer": "https://other.example"},
        "pod identity": POD_IDENTITY,
        "another cluster": {"eks_cluster_arn": f"{POD_IDENTITY['eks_cluster_arn']}2"},
        "a boundary": {**IRSA, **BOUND},
    }
    built = {what: cron_job.built(**more) for what, more in chosen.items()}
    names = [cron_job.physical(recorder, "Job", "-first-run") for recorder in built.values()]
    assert len(set(names)) == len(names)
    for recorder in built.values():
        assert cron_job.FIRST_RUN in recorder.waits_for(cron_job.CRON_JOB)
        assert cron_job.physical(recorder, "CronJob") == "everpull-system/refresher"


def test_the_role_of_before_trusts_whom_it_did_until_the_other_one_is_proven() -> None:
    """One role for both would shut out the runs that there are."""
    by_token, by_cluster = (
        {item.name for item in cron_job.built(**identity).resources if item.type.startswith("aws:")}
        for identity in (IRSA, POD_IDENTITY)
    )
    assert by_token & by_cluster == set()


# Both.


@pytest.mark.parametrize("mode", BUILT)
@pytest.mark.parametrize("identity", [{}, IRSA], ids=["key", "irsa"])
def test_path_and_boundary_are_those_of_every_user_and_role(mode: str, identity: dict[str, Any]) -> None:
    recorder = BUILT[mode](**identity, **BOUND)
    principals = [item for item in recorder.resources if item.type.endswith((":User", "iam/role:Role"))]
    assert len(principals) == (2 if mode == "lambda" else 1)
    for item in principals:
        assert (item.inputs["path"], item.inputs["permissionsBoundary"]) == tuple(BOUND.values()), item.name
    for item in BUILT[mode](**identity).resources:
        assert not {"path", "permissionsBoundary"} & item.inputs.keys(), item.name


@pytest.mark.parametrize(
    "change", [{"iam_path": "/a/"}, {"permissions_boundary": "arn:aws:iam::aws:policy/a"}], ids=str
)
@pytest.mark.parametrize("identity", [{}, IRSA], ids=["key", "irsa"])
def test_another_path_or_boundary_is_proven_anew(identity: dict[str, Any], change: dict[str, str]) -> None:
    """Another path is another role, and the logins of the one before go with it."""
    before, after = (test_lambda_delivery.built(**identity, **more) for more in ({}, change))
    assert before.one("Invocation").inputs["triggers"] != after.one("Invocation").inputs["triggers"]
    assert test_lambda_delivery.hub_name(before) != test_lambda_delivery.hub_name(after)
    first_runs = {cron_job.physical(cron_job.built(**identity, **more), "Job", "-first-run") for more in ({}, change)}
    assert len(first_runs) == 2


def test_another_issuer_is_proven_by_another_hub() -> None:
    hubs = {
        test_lambda_delivery.hub_name(test_lambda_delivery.built(**{**IRSA, "oidc_issuer": issuer}))
        for issuer in (ISSUER, "https://other.example")
    }
    assert len(hubs) == 2


def test_a_hub_tells_whose_login_it_holds() -> None:
    hub = test_lambda_delivery.built().one(":ExternalSecret", "-hub").inputs["metadata"]
    role = f"arn:aws:iam:eu-central-1:{ACCOUNT}:{NAME}-refresh-role"
    assert hub["annotations"] == {"everpull/refresher": role, "pulumi.com/waitFor": "condition=Ready"}


def test_no_object_of_the_cluster_is_in_both_modes() -> None:
    """Else the second mode would take over what the first then deletes."""
    same = {"owner": NAME, "system_namespace": "everpull-system", **IRSA}
    by_lambda, by_cronjob = (cron_job.in_cluster(build(**same)) for build in BUILT.values())
    assert ("ServiceAccount", "everpull-system/login-reader") in by_lambda
    assert by_lambda & by_cronjob == set()
