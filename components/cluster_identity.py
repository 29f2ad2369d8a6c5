"""A user of IAM whose access key lies in the cluster."""

from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws
from pulumi_kubernetes.core.v1 import EnvVarArgsDict, Secret

from .before_create import Ask, before_create
from .generations import of_generation
from .principals import PrincipalArgs, principal_options

# The credentials Secret is written with these keys and whoever reads it refers to them through the same names, because two
# spellings of one key are a store that never becomes ready, or a pod that never starts.
ACCESS_KEY_ID = "access-key-id"
SECRET_ACCESS_KEY = "secret-access-key"  # noqa: S105 - the name of a key, not a key

# By which a pod shows that it has a key, so that who looks at it knows.
ACCESS_KEY_VARIABLE = "AWS_ACCESS_KEY_ID"


class AccessKeyArgs(TypedDict):
    """Which access key the cluster has."""

    access_key_generation: NotRequired[int]
    """Number of the access key, 1 by default. Another number is another key."""

    before_key: NotRequired[Ask | None]
    """Called with the user's name before an access key is made, at preview too if the user exists; what it raises refuses the
    key. Nothing is asked by default."""


class ClusterIdentityArgs(AccessKeyArgs, PrincipalArgs):
    """Arguments of ClusterIdentity."""

    policy: pulumi.Input[str]
    """Policy document: all that the identity may do. A user's inline policy, so at most 2,048 characters."""

    namespace: str
    """Kubernetes namespace that gets the credentials Secret; nobody but everpull and ESO should be able to read there."""

    credentials_secret_name: str
    """Name of the credentials Secret of the first access key; those of later ones have the key's number behind it."""

    labels: pulumi.Input[dict[str, str]]
    """Labels of the credentials Secret."""


class ClusterIdentity(pulumi.ComponentResource):
    """An IAM user with one policy, its access key, and that key in the cluster.

    Another generation is another key of the same user, in another Secret: whatever uses the one before goes on with it until
    it has moved. The engine deletes the Secret and the key of before when all else is done.
    """

    user_arn: pulumi.Output[str]
    """ARN of the IAM user."""

    revision: pulumi.Output[str]
    """Changes whenever the credentials do, and is no secret."""

    key_created: pulumi.Output[str]
    """When the access key was made (RFC 3339)."""

    credentials: pulumi.Output[str]
    """`NAMESPACE/NAME` of the credentials Secret, once it is there."""

    store_auth: pulumi.Output[dict[str, object]]
    """The `auth` block of an ESO AWS store that uses this identity (ESO API reference, AWSAuth)."""

    environment: pulumi.Output[list[EnvVarArgsDict]]
    """The `env` entries of a container in the namespace whose AWS SDK is to use this identity."""

    def __init__(self, name: str, args: ClusterIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:ClusterIdentity", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        user = aws.iam.User(f"{name}-user", **principal_options(args), opts=child)
        rights = aws.iam.UserPolicy(
            f"{name}-rights",
            user=user.name,
            policy=args["policy"],
            opts=pulumi.ResourceOptions(parent=self, aliases=[pulumi.Alias(name=f"{name}-read-login")]),
        )
        generation = args.get("access_key_generation", 1)
        hooks = before_create(f"{name}-key", args.get("before_key"), lambda inputs: inputs.get("user"), at_preview=True)
        key = aws.iam.AccessKey(
            of_generation(f"{name}-key", generation),
            user=user.name,
            opts=pulumi.ResourceOptions(parent=self, hooks=hooks),
        )
        secret_name = of_generation(args["credentials_secret_name"], generation)
        secret = Secret(
            of_generation(f"{name}-credentials", generation),
            metadata={"name": secret_name, "namespace": args["namespace"], "labels": args["labels"]},
            type="Opaque",
            string_data={ACCESS_KEY_ID: key.id, SECRET_ACCESS_KEY: key.secret},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[rights]),
        )
        self.user_arn = user.arn
        self.revision = key.id
        self.key_created = key.create_date
        self.credentials = secret.id
        # By the Secret's id and not by its name alone, so that what reads it is made after it and deleted before it.
        self.store_auth = secret.id.apply(lambda _: _store_auth(secret_name))
        self.environment = secret.id.apply(lambda _: _environment(secret_name))
        self.register_outputs(
            {
                "user_arn": self.user_arn,
                "revision": self.revision,
                "key_created": self.key_created,
                "credentials": self.credentials,
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
    keys = {ACCESS_KEY_VARIABLE: ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY}
    return [
        {"name": variable, "value_from": {"secret_key_ref": {"name": secret_name, "key": key}}}
        for variable, key in keys.items()
    ]
