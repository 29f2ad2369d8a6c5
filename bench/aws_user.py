"""An IAM user that may fetch logins and do nothing else, while somebody needs it."""

import contextlib
import json
from collections.abc import Iterator
from contextlib import contextmanager

from local.driver import aws
from local.state import PlatformState

_NAME = "everpull-bench"
_POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"}],
}


@contextmanager
def aws_user(state: PlatformState) -> Iterator[tuple[str, str]]:
    """The user's access key id and secret; one that a killed measurement left behind makes way."""
    iam = aws.client(state, "iam")

    def remove() -> None:
        with contextlib.suppress(iam.exceptions.NoSuchEntityException):
            for key in iam.list_access_keys(UserName=_NAME)["AccessKeyMetadata"]:
                iam.delete_access_key(UserName=_NAME, AccessKeyId=key["AccessKeyId"])
            for policy in iam.list_user_policies(UserName=_NAME)["PolicyNames"]:
                iam.delete_user_policy(UserName=_NAME, PolicyName=policy)
            iam.delete_user(UserName=_NAME)

    remove()
    iam.create_user(UserName=_NAME)
    try:
        iam.put_user_policy(UserName=_NAME, PolicyName="logins", PolicyDocument=json.dumps(_POLICY))
        key = iam.create_access_key(UserName=_NAME)["AccessKey"]
        yield key["AccessKeyId"], key["SecretAccessKey"]
    finally:
        remove()
