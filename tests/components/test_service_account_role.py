"""A role for one service account: whom it trusts, what there is around it, and in which order."""

import json
from typing import Any

import pulumi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.policy import pod_trust, token_trust
from components.service_account_role import ServiceAccountRole, ServiceAccountRoleArgs
from tests.components.recording import ACCOUNT, Recorder, record
from tests.components.roles import CLUSTER, IRSA, ISSUER, POD_IDENTITY, PROVIDER

KEY = ISSUER.removeprefix("https://")
ROLE = f"arn:aws:iam:eu-central-1:{ACCOUNT}:test-role"


def built(**more: Any) -> tuple[Recorder, dict[str, Any]]:
    """What the component registers, and what it gives."""
    recorder, given = record(), {}
    args: dict[str, Any] = {
        "owner": "everpull-dev",
        "policy": "{}",
        "namespace": "everpull-system",
        "service_account": "refresher",
    }

    @pulumi.runtime.test
    def build() -> Any:
        made = ServiceAccountRole("test", ServiceAccountRoleArgs(**{**args, **more}))
        outputs = {"arn": made.role_arn, "revision": made.revision, "environment": made.environment}
        return pulumi.Output.all(**outputs).apply(given.update)

    build()
    return recorder, given


def trust(recorder: Recorder) -> dict[str, Any]:
    document = json.loads(recorder.one(":Role").inputs["assumeRolePolicy"])
    assert document["Version"] == "2012-10-17"
    (statement,) = document["Statement"]
    return statement


def test_tokens_of_one_service_account_for_one_audience_open_the_role_and_nothing_else_does() -> None:
    assert trust(built(**IRSA)[0]) == {
        "Effect": "Allow",
        "Principal": {"Federated": PROVIDER},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                f"{KEY}:aud": "sts.amazonaws.com",
                f"{KEY}:sub": "system:serviceaccount:everpull-system:refresher",
            }
        },
    }


def test_one_cluster_may_give_the_role_to_pods_of_one_service_account_and_no_other_may() -> None:
    assert trust(built(**POD_IDENTITY)[0]) == {
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {
            "StringEquals": {
                "aws:SourceAccount": ACCOUNT,
                "aws:RequestTag/eks-cluster-arn": CLUSTER,
                "aws:RequestTag/kubernetes-namespace": "everpull-system",
                "aws:RequestTag/kubernetes-service-account": "refresher",
            },
            "ArnEquals": {"aws:SourceArn": CLUSTER},
        },
    }


NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)


@settings(max_examples=50)
@given(NAMES, NAMES, NAMES, NAMES)
def test_another_service_account_is_another_trust(namespace: str, name: str, other_namespace: str, other: str) -> None:
    same = (namespace, name) == (other_namespace, other)
    by_token = [token_trust(PROVIDER, ISSUER, "a", *place) for place in ((namespace, name), (other_namespace, other))]
    by_cluster = [pod_trust(CLUSTER, *place) for place in ((namespace, name), (other_namespace, other))]
    assert (by_token[0] == by_token[1]) == (by_cluster[0] == by_cluster[1]) == same


@pytest.mark.parametrize("identity", [IRSA, POD_IDENTITY])
def test_the_role_may_what_its_one_policy_says(identity: dict[str, Any]) -> None:
    recorder, _ = built(**identity, policy='{"Statement": []}')
    assert recorder.one(":RolePolicy").inputs["policy"] == '{"Statement": []}'
    assert not [item.name for item in recorder.resources if "ttachment" in item.type]


def test_path_and_boundary_are_those_of_the_role_and_nothing_is_said_of_what_is_not_set() -> None:
    assert not {"path", "permissionsBoundary"} & built(**IRSA)[0].one(":Role").inputs.keys()
    bound = {"iam_path": "/pods/", "permissions_boundary": "arn:aws:iam::aws:policy/a"}
    inputs = built(**IRSA, **bound)[0].one(":Role").inputs
    assert (inputs["path"], inputs["permissionsBoundary"]) == ("/pods/", "arn:aws:iam::aws:policy/a")


def test_a_pod_is_told_role_and_token_and_the_session_is_named_after_the_stack() -> None:
    _, given = built(**IRSA)
    assert given["arn"] == ROLE
    assert given["environment"] == [
        {"name": "AWS_ROLE_ARN", "value": ROLE},
        {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/var/run/secrets/everpull/token"},
        {"name": "AWS_ROLE_SESSION_NAME", "value": "everpull-dev"},
    ]


def test_a_pod_of_an_associated_service_account_is_told_nothing_that_an_aws_sdk_looks_at() -> None:
    _, given = built(**POD_IDENTITY)
    assert given["environment"] == [{"name": "EVERPULL_POD_ROLE", "value": ROLE}]


def refused(_: str) -> None:
    raise AssertionError


def test_a_cluster_is_told_of_the_role_once_that_may_all_that_it_is_to() -> None:
    recorder, _ = built(**POD_IDENTITY, before_association=refused)
    association = recorder.one(":PodIdentityAssociation")
    assert association.inputs == {
        "clusterName": "main",
        "namespace": "everpull-system",
        "serviceAccount": "refresher",
        "roleArn": ROLE,
    }
    assert recorder.waits_for(association.name) == {"test-role", "test-rights"}
    assert list(recorder.request(association.name).hooks.before_create) == ["test-association-before"]


OTHERS = {
    "issuer": {**IRSA, "oidc_issuer": "https://other.example"},
    "provider": {**IRSA, "oidc_provider_arn": f"{PROVIDER}2"},
    "namespace": {**IRSA, "namespace": "other"},
    "an association": POD_IDENTITY,
    "another cluster": {"eks_cluster_arn": f"{CLUSTER}2"},
}


def test_another_trust_is_another_revision() -> None:
    revisions = {what: built(**more)[1]["revision"] for what, more in {"none": IRSA, **OTHERS}.items()}
    assert len(set(revisions.values())) == len(revisions)
    assert built(**IRSA)[1]["revision"] == revisions["none"]


def test_an_association_that_is_made_again_is_another_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    before = built(**POD_IDENTITY)[1]["revision"]
    answer = Recorder.new_resource

    def another(self: Recorder, args: Any) -> tuple[str, dict[str, Any]]:
        made, outputs = answer(self, args)
        return made, {**outputs, "associationId": "a-2"} if "associationId" in outputs else outputs

    monkeypatch.setattr(Recorder, "new_resource", another)
    assert built(**POD_IDENTITY)[1]["revision"] != before


def test_a_role_that_would_trust_nobody_is_not_made() -> None:
    with pytest.raises(ValueError, match="needs an issuer or a cluster"):
        built()
