"""Rotation by Secrets Manager, with the refresher as its rotation function: what it takes, and how it is switched on."""

from collections.abc import Mapping
from typing import TypedDict

import pulumi
import pulumi_aws as aws

from .policy import account_of, statement

SERVICE = "secretsmanager.amazonaws.com"

# Hours in which a rotation begins at any time: the fewest that there are (Secrets Manager User Guide, Rotation schedules).
WINDOW_HOURS = 1

# How the function is told that the secret is rotated (lambda_src/refresher/job.py).
ENVIRONMENT = {"EVERPULL_TRIGGER": "rotation"}


class RotationArgs(TypedDict):
    """Arguments of by_rotation."""

    schedule: pulumi.Input[str]
    """Rate expression of Secrets Manager: hours, 4 at least."""

    login_secret_arn: pulumi.Input[str]
    """ARN of the secret that is rotated."""

    function: aws.lambda_.Function
    """What takes the steps of a rotation."""

    first_run: pulumi.Resource
    """The run by which the secret has a live login, and no version that an earlier rotation left pending."""


def by_rotation(name: str, args: RotationArgs, parent: pulumi.Resource) -> pulumi.Output[str]:
    """Has Secrets Manager rotate the secret. Its rate expression, once it does.

    Not at once: the first run has just renewed the login. Secrets Manager takes the step testSecret instead, and an error of
    that shows in the function's log only (API reference, RotateSecret, RotateImmediately).
    """
    secret = pulumi.Output.from_input(args["login_secret_arn"])
    permission = aws.lambda_.Permission(
        f"{name}-rotation-may-invoke",
        function=args["function"].name,
        action="lambda:InvokeFunction",
        principal=SERVICE,
        # Of this secret and no other (User Guide, Permissions for rotation).
        source_arn=secret,
        source_account=secret.apply(account_of),
        opts=pulumi.ResourceOptions(parent=parent),
    )
    rotation = aws.secretsmanager.SecretRotation(
        f"{name}-rotation",
        secret_id=secret,
        rotation_lambda_arn=args["function"].arn,
        rotate_immediately=False,
        # Said although it is the default, so that an up switches on again what somebody switched off.
        rotation_enabled=True,
        rotation_rules={"schedule_expression": args["schedule"], "duration": f"{WINDOW_HOURS}h"},
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[permission, args["first_run"]]),
    )
    return pulumi.Output.all(args["schedule"], rotation.id).apply(lambda known: known[0])


def rotation_rights(secret_arn: str) -> Mapping[str, object]:
    """What the function needs for the steps of a rotation beside reading and writing the secret, and to clear up after one."""
    return statement(
        "Rotate", ["secretsmanager:DescribeSecret", "secretsmanager:UpdateSecretVersionStage"], [secret_arn]
    )
