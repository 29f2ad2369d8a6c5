"""The Secrets Manager secret that holds the current ECR login."""

from typing import TypedDict

import pulumi
import pulumi_aws as aws


class LoginSecretArgs(TypedDict):
    """Arguments of LoginSecret."""

    description: pulumi.Input[str]
    """What the secret is for, as the console shows it."""


class LoginSecret(pulumi.ComponentResource):
    """An empty secret. The refresher writes its value, which Pulumi never tracks: no token in state, no drift.

    Its name is auto-named, and it has no recovery window: a login can always be fetched again, and a window would keep
    paying for a dead secret (Secrets Manager User Guide, Delete a secret).
    """

    arn: pulumi.Output[str]
    """ARN of the secret."""

    def __init__(self, name: str, args: LoginSecretArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:LoginSecret", name, None, opts)
        secret = aws.secretsmanager.Secret(
            f"{name}-secret",
            description=args["description"],
            recovery_window_in_days=0,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = secret.arn
        self.register_outputs({"arn": self.arn})
