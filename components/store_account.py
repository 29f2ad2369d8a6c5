"""The service account by which the External Secrets Operator (ESO) gets a role of AWS."""

from typing import TypedDict

import pulumi
from pulumi_kubernetes.core.v1 import ServiceAccount

# Where ESO looks for the role (ESO AWS provider docs, Authentication).
ROLE_ANNOTATION = "eks.amazonaws.com/role-arn"


class StoreAccountArgs(TypedDict):
    """Arguments of StoreAccount."""

    account: str
    """Name of the service account."""

    namespace: str
    """Its Kubernetes namespace. Whoever may ask for tokens of service accounts there can have the role."""

    role_arn: pulumi.Input[str]
    """ARN of the role, which trusts this service account."""

    labels: pulumi.Input[dict[str, str]]
    """Labels of the service account."""


class StoreAccount(pulumi.ComponentResource):
    """A service account that nothing runs as: stores and generators of ESO in its namespace name it, and ESO asks for a token
    of it each time."""

    auth: pulumi.Output[dict[str, object]]
    """The `auth` block of an ESO AWS store or generator that uses it (ESO API reference, AWSAuth), once it is there."""

    def __init__(self, name: str, args: StoreAccountArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:StoreAccount", name, None, opts)
        account = ServiceAccount(
            f"{name}-account",
            metadata={
                "name": args["account"],
                "namespace": args["namespace"],
                "labels": args["labels"],
                "annotations": {ROLE_ANNOTATION: args["role_arn"]},
            },
            automount_service_account_token=False,
            opts=pulumi.ResourceOptions(parent=self),
        )
        # By its id and not by its name alone, so that what names it is made after it and deleted before it. Without audiences:
        # ESO asks for STS's by itself, and STS takes no token that is meant for two.
        self.auth = account.id.apply(lambda _: {"jwt": {"serviceAccountRef": {"name": args["account"]}}})
        self.register_outputs({"auth": self.auth})
