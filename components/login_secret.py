"""The Secrets Manager secret that holds the current ECR login."""

from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws


class LoginSecretArgs(TypedDict):
    """Arguments of LoginSecret."""

    description: pulumi.Input[str]
    """What the secret is for, as the console shows it."""

    recovery_days: NotRequired[int]
    """Days in which it can be restored once it is deleted, 7 to 30. By default it can't."""

    kms_key_arn: NotRequired[str]
    """ARN of the KMS key that encrypts it. By default it is AWS's own."""


class LoginSecret(pulumi.ComponentResource):
    """An empty secret. The refresher writes its value, which Pulumi never tracks: no token in state, no drift.

    Its name is auto-named: a name stays taken as long as the secret can be restored, and another `up` is not to wait for that
    (Secrets Manager User Guide, Delete a secret). It can't be restored by default, since a login can always be fetched again.
    """

    arn: pulumi.Output[str]
    """ARN of the secret."""

    def __init__(self, name: str, args: LoginSecretArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:LoginSecret", name, None, opts)
        secret = aws.secretsmanager.Secret(
            f"{name}-secret",
            description=args["description"],
            recovery_window_in_days=args.get("recovery_days", 0),
            kms_key_id=args.get("kms_key_arn"),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = secret.arn
        self.register_outputs({"arn": self.arn})
