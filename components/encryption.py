"""A KMS key of the customer's own, and the rights that using it takes (AWS KMS Developer Guide, kms:ViaService)."""

from collections.abc import Mapping
from typing import NotRequired, TypedDict

from .policy import use_key

# Lambda decrypts the environment, and puts events into the queue, as the function's role (AWS Lambda Developer Guide, Securing
# environment variables; Amazon SQS Developer Guide, Key management).
_OF_FUNCTION = ("secretsmanager", "sqs", "lambda")


class KmsKey(TypedDict):
    """A key that its owner's key policy lets the account's IAM policies give rights on."""

    arn: str
    """ARN of the key."""

    region: str
    """AWS region of the key, and of all that it encrypts."""


class EncryptionArgs(TypedDict):
    """What encrypts whatever is stored in AWS."""

    kms_key: NotRequired[KmsKey]
    """The customer's key. By default each service has one of AWS's own."""


def write_with_key(args: EncryptionArgs) -> list[Mapping[str, object]]:
    """What the function's role must be allowed besides; nothing without a key."""
    if "kms_key" not in args:
        return []
    key = args["kms_key"]
    return [use_key(key["arn"], key["region"], ("kms:Decrypt", "kms:GenerateDataKey"), _OF_FUNCTION)]


def read_with_key(args: EncryptionArgs) -> list[Mapping[str, object]]:
    """What the cluster's user or role must be allowed besides, to read the secret; nothing without a key."""
    if "kms_key" not in args:
        return []
    key = args["kms_key"]
    return [use_key(key["arn"], key["region"], ("kms:Decrypt",), ("secretsmanager",))]


def key_revision(args: EncryptionArgs) -> list[str]:
    """What must be proven anew when it changes: whoever reads needs a right on the key. Empty without one."""
    return [args["kms_key"]["arn"]] if "kms_key" in args else []
