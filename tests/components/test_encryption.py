"""A KMS key of the customer's own: what is encrypted by it, who may use it, and what is proven anew."""

from typing import Any

import pytest

from tests.components.recording import Recorder
from tests.components.roles import IRSA
from tests.components.test_lambda_delivery import deliver
from tests.components.test_login_halves import LOGIN, built, hub, reader, source

KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
WITH_KEY: dict[str, Any] = {"kms_key": {"arn": KEY, "region": "eu-central-1"}}


def uses(recorder: Recorder, type_ending: str, name_ending: str) -> dict[str, Any] | None:
    return recorder.statements(type_ending, name_ending).get("UseKey")


def test_everything_that_is_stored_in_aws_is_encrypted_by_the_key() -> None:
    recorder, _ = built(source, **WITH_KEY)
    assert recorder.one("secret:Secret").inputs["kmsKeyId"] == KEY
    assert recorder.one("LogGroup").inputs["kmsKeyId"] == KEY
    assert recorder.one("queue:Queue").inputs["kmsMasterKeyId"] == KEY
    assert "sqsManagedSseEnabled" not in recorder.one("queue:Queue").inputs, "SQS takes one or the other"
    assert recorder.one("function:Function").inputs["kmsKeyArn"] == KEY


def test_without_a_key_nothing_is_said_of_one() -> None:
    recorder, _ = built(deliver)
    for item in recorder.resources:
        assert not [key for key in item.inputs if key.lower().startswith("kms")], item.name
    assert recorder.one("queue:Queue").inputs["sqsManagedSseEnabled"] is True
    assert "key" not in recorder.one("Invocation").inputs["triggers"]
    assert uses(recorder, "RolePolicy", "-refresh-rights") is None
    assert uses(recorder, "UserPolicy", "-cluster-rights") is None


def test_the_function_reads_and_writes_with_the_key_through_the_services_that_need_it_alone() -> None:
    recorder, _ = built(source, **WITH_KEY)
    assert uses(recorder, "RolePolicy", "-refresh-rights") == {
        "Sid": "UseKey",
        "Effect": "Allow",
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": [KEY],
        "Condition": {
            "StringLike": {
                "kms:ViaService": [
                    f"{service}.eu-central-1.amazonaws.com*" for service in ("secretsmanager", "sqs", "lambda")
                ]
            }
        },
    }


@pytest.mark.parametrize(("more", "policy"), [({}, "UserPolicy"), (IRSA, "RolePolicy")])
def test_the_cluster_reads_with_the_key_through_secrets_manager_alone(more: dict[str, Any], policy: str) -> None:
    elsewhere = {"kms_key": {"arn": KEY.replace("central", "west"), "region": "eu-west-1"}}
    for recorder, region, key in (
        (built(deliver, **WITH_KEY, **more)[0], "eu-central-1", KEY),
        (built(reader, login={**LOGIN, **elsewhere}, **more)[0], "eu-west-1", elsewhere["kms_key"]["arn"]),
    ):
        found = uses(recorder, policy, "-cluster-rights")
        assert found
        assert (found["Action"], found["Resource"]) == (["kms:Decrypt"], [key])
        assert found["Condition"] == {"StringLike": {"kms:ViaService": [f"secretsmanager.{region}.amazonaws.com*"]}}


def test_another_key_is_proven_by_another_run_and_another_hub() -> None:
    (bare, before), (keyed, after) = built(deliver), built(deliver, **WITH_KEY)
    assert hub(bare)[0] != hub(keyed)[0]
    assert before != after
    triggers = [recorder.one("Invocation").inputs["triggers"] for recorder in (bare, keyed)]
    assert triggers[1] == {**triggers[0], "key": KEY}


@pytest.mark.parametrize("days", [7, 30])
def test_a_secret_that_is_deleted_can_be_restored_for_as_long_as_somebody_says(days: int) -> None:
    secret = built(source, recovery_days=days)[0].one("secret:Secret").inputs
    assert secret["recoveryWindowInDays"] == days
    assert "name" not in secret, "the next one must not need this one's name"
    assert built(source)[0].one("secret:Secret").inputs["recoveryWindowInDays"] == 0
