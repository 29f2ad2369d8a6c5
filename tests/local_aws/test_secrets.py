"""Secrets Manager as the refresher and a stack's deployer meet it."""

import pytest

from tests.local_aws.platform import Stand, refused


def test_a_secret_made_without_a_value_cannot_be_read_until_one_is_put(stand: Stand, name: str) -> None:
    secrets = stand.client("secretsmanager")
    made = secrets.create_secret(Name=name)
    assert "VersionId" not in made
    with refused("ResourceNotFoundException", "staging label: AWSCURRENT"):
        secrets.get_secret_value(SecretId=name)
    secrets.put_secret_value(SecretId=made["ARN"], SecretString="first")
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "first"
    with refused("ResourceNotFoundException", "AWSPREVIOUS"):
        secrets.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")
    secrets.put_secret_value(SecretId=name, SecretString="second")
    assert secrets.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")["SecretString"] == "first"


def test_a_request_sent_twice_makes_one_version_and_its_token_serves_no_other_value(stand: Stand, name: str) -> None:
    secrets = stand.client("secretsmanager")
    secrets.create_secret(Name=name)
    token = "t" * 32
    for _ in range(2):
        assert secrets.put_secret_value(SecretId=name, SecretString="a", ClientRequestToken=token)["VersionId"] == token
    with refused("ResourceExistsException", token):
        secrets.put_secret_value(SecretId=name, SecretString="b", ClientRequestToken=token)
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "a"


def test_a_value_beyond_64_kib_is_refused(stand: Stand, name: str) -> None:
    secrets = stand.client("secretsmanager")
    secrets.create_secret(Name=name, SecretString="x" * 65536)
    with refused("ValidationException", "65536"):
        secrets.put_secret_value(SecretId=name, SecretString="x" * 65537)


def test_a_name_is_free_at_once_after_a_forced_delete_and_not_after_a_scheduled_one(stand: Stand, name: str) -> None:
    secrets = stand.client("secretsmanager")
    first = secrets.create_secret(Name=name, SecretString="a")["ARN"]
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    second = secrets.create_secret(Name=name, SecretString="b")["ARN"]
    assert second != first
    with refused("ResourceNotFoundException"):
        secrets.get_secret_value(SecretId=first)
    secrets.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    with refused("InvalidRequestException", "scheduled for deletion"):
        secrets.create_secret(Name=name, SecretString="c")
    with refused("InvalidRequestException"):
        secrets.put_secret_value(SecretId=name, SecretString="c")


@pytest.mark.parametrize("bad", ["with space", "star*"])
def test_a_name_that_secrets_manager_does_not_take_is_refused(stand: Stand, bad: str) -> None:
    with refused("ValidationException", "Invalid name"):
        stand.client("secretsmanager").create_secret(Name=bad, SecretString="a")
