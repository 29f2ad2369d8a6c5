"""How the cluster proves itself to AWS."""

from typing import TypedDict

import pulumi
import pulumi_aws as aws
from pulumi_kubernetes.core.v1 import Secret
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from .policy import document, statement

# The credentials Secret is written with these keys and the store refers to them through the same names, because two
# spellings of one key are a store that never becomes ready.
ACCESS_KEY_ID = "access-key-id"
SECRET_ACCESS_KEY = "secret-access-key"  # noqa: S105 - the name of a key, not a key


class ClusterIdentityArgs(TypedDict):
    """Arguments of ClusterIdentity."""

    login_secret_arn: pulumi.Input[str]
    """ARN of the one secret that the identity may read."""

    namespace: pulumi.Input[str]
    """Kubernetes namespace that gets the credentials Secret; nobody but everpull and ESO should be able to read there."""

    credentials_secret_name: pulumi.Input[str]
    """Name of the credentials Secret."""

    labels: pulumi.Input[dict[str, str]]
    """Labels of the credentials Secret."""


class ClusterIdentity(pulumi.ComponentResource):
    """An IAM user that may read the login secret and nothing else, its access key, and that key in the cluster.

    The user holds no ECR right: the login carries the refresher's.
    """

    user_arn: pulumi.Output[str]
    """ARN of the IAM user."""

    store_auth: pulumi.Output[dict[str, object]]
    """The `auth` block of an ESO AWS store that uses this identity (ESO API reference, AWSAuth)."""

    def __init__(self, name: str, args: ClusterIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:ClusterIdentity", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        user = aws.iam.User(f"{name}-user", opts=child)
        read = aws.iam.UserPolicy(
            f"{name}-read-login",
            user=user.name,
            policy=pulumi.Output.from_input(args["login_secret_arn"]).apply(_read_login),
            opts=child,
        )
        key = aws.iam.AccessKey(f"{name}-key", user=user.name, opts=child)
        Secret(
            f"{name}-credentials",
            metadata=ObjectMetaArgs(
                name=args["credentials_secret_name"], namespace=args["namespace"], labels=args["labels"]
            ),
            type="Opaque",
            string_data={ACCESS_KEY_ID: key.id, SECRET_ACCESS_KEY: key.secret},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[read]),
        )
        self.user_arn = user.arn
        self.store_auth = pulumi.Output.from_input(args["credentials_secret_name"]).apply(_store_auth)
        self.register_outputs({"user_arn": self.user_arn, "store_auth": self.store_auth})


def _read_login(secret_arn: str) -> str:
    return document(statement("ReadLogin", ["secretsmanager:GetSecretValue"], [secret_arn]))


def _store_auth(secret_name: str) -> dict[str, object]:
    return {
        "secretRef": {
            "accessKeyIDSecretRef": {"name": secret_name, "key": ACCESS_KEY_ID},
            "secretAccessKeySecretRef": {"name": secret_name, "key": SECRET_ACCESS_KEY},
        }
    }
