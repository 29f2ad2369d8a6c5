"""A log group's KMS key, as a stack's deployer says it after the group was made."""

from typing import Any

from tests.local_aws.platform import Stand, refused

KEY = "arn:aws:kms:eu-central-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def test_a_log_group_gets_a_key_later_and_loses_it_again(stand: Stand, name: str) -> None:
    logs = stand.client("logs")
    logs.create_log_group(logGroupName=name)

    def key() -> Any:
        (group,) = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        return group.get("kmsKeyId")

    assert key() is None
    logs.associate_kms_key(logGroupName=name, kmsKeyId=KEY)
    assert key() == KEY
    logs.disassociate_kms_key(logGroupName=name)
    assert key() is None
    with refused("ResourceNotFoundException", "does not exist"):
        logs.associate_kms_key(logGroupName=f"{name}-2", kmsKeyId=KEY)
