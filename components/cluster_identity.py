"""How the cluster proves itself to AWS."""

from typing import TypedDict

import pulumi
import pulumi_aws as aws
from pulumi_kubernetes.core.v1 import EnvVarArgsDict, Secret
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

# The credentials Secret is written with these keys and whoever reads it refers to them through the same names, because two
# spellings of one key are a store that never becomes ready, or a pod that never starts.
ACCESS_KEY_ID = "access-key-id"
SECRET_ACCESS_KEY = "secret-access-key"  # noqa: S105 - the name of a key, not a key


class ClusterIdentityArgs(TypedDict):
    """Arguments of ClusterIdentity."""

    policy: pulumi.Input[str]
    """Policy document: all that the identity may do. A user's inline policy, so at most 2,048 characters."""

    namespace: pulumi.Input[str]
    """Kubernetes namespace that gets the credentials Secret; nobody but everpull and ESO should be able to read there."""

    credentials_secret_name: pulumi.Input[str]
    """Name of the credentials Secret."""

    labels: pulumi.Input[dict[str, str]]
    """Labels of the credentials Secret."""


class ClusterIdentity(pulumi.ComponentResource):
    """An IAM user with one policy, its access key, and that key in the cluster."""

    user_arn: pulumi.Output[str]
    """ARN of the IAM user."""

    revision: pulumi.Output[str]
    """Changes whenever the credentials do, and is no secret."""

    store_auth: pulumi.Output[dict[str, object]]
    """The `auth` block of an ESO AWS store that uses this identity (ESO API reference, AWSAuth)."""

    environment: pulumi.Output[list[EnvVarArgsDict]]
    """The `env` entries of a container in the namespace whose AWS SDK is to use this identity."""

    def __init__(self, name: str, args: ClusterIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:ClusterIdentity", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        user = aws.iam.User(f"{name}-user", opts=child)
        rights = aws.iam.UserPolicy(
            f"{name}-rights",
            user=user.name,
            policy=args["policy"],
            opts=pulumi.ResourceOptions(parent=self, aliases=[pulumi.Alias(name=f"{name}-read-login")]),
        )
        key = aws.iam.AccessKey(f"{name}-key", user=user.name, opts=child)
        Secret(
            f"{name}-credentials",
            metadata=ObjectMetaArgs(
                name=args["credentials_secret_name"], namespace=args["namespace"], labels=args["labels"]
            ),
            type="Opaque",
            string_data={ACCESS_KEY_ID: key.id, SECRET_ACCESS_KEY: key.secret},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[rights]),
        )
        secret_name = pulumi.Output.from_input(args["credentials_secret_name"])
        self.user_arn = user.arn
        self.revision = key.id
        self.store_auth = secret_name.apply(_store_auth)
        self.environment = secret_name.apply(_environment)
        self.register_outputs(
            {
                "user_arn": self.user_arn,
                "revision": self.revision,
                "store_auth": self.store_auth,
                "environment": self.environment,
            }
        )


def _store_auth(secret_name: str) -> dict[str, object]:
    return {
        "secretRef": {
            "accessKeyIDSecretRef": {"name": secret_name, "key": ACCESS_KEY_ID},
            "secretAccessKeySecretRef": {"name": secret_name, "key": SECRET_ACCESS_KEY},
        }
    }


def _environment(secret_name: str) -> list[EnvVarArgsDict]:
    keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY}
    return [
        {"name": variable, "value_from": {"secret_key_ref": {"name": secret_name, "key": key}}}
        for variable, key in keys.items()
    ]
