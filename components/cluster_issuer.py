"""The cluster's OpenID Connect issuer, made known to IAM."""

from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from .before_create import Ask, before_create
from .issuers import OWNER_TAG
from .service_account_role import AUDIENCE


class ClusterIssuerArgs(TypedDict):
    """Arguments of ClusterIssuer."""

    url: str
    """URL of the issuer."""

    owner: str
    """Name that is unique in the cluster, to tell whose it is."""

    before: NotRequired[Ask | None]
    """Called with the URL before IAM is told of it, at preview too; what it raises refuses that. By default nothing is."""


class ClusterIssuer(pulumi.ComponentResource):
    """An account knows an issuer once, so this belongs to no delivery: a change of the mode leaves it as it is."""

    arn: pulumi.Output[str]
    """ARN by which IAM knows it."""

    def __init__(self, name: str, args: ClusterIssuerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:ClusterIssuer", name, None, opts)
        provider = aws.iam.OpenIdConnectProvider(
            f"{name}-provider",
            url=args["url"],
            client_id_lists=[AUDIENCE],
            tags={OWNER_TAG: args["owner"]},
            opts=pulumi.ResourceOptions(
                parent=self,
                hooks=before_create(
                    f"{name}-provider", args.get("before"), lambda inputs: inputs.get("url"), at_preview=True
                ),
            ),
        )
        self.arn = provider.arn
        self.register_outputs({"arn": self.arn})
