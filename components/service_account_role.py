"""A role of AWS for one service account of the cluster, in place of a key."""

import json
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws
from pulumi_kubernetes.core.v1 import EnvVarArgsDict

from .before_create import Ask, before_create
from .policy import pod_trust, token_trust
from .principals import PrincipalArgs, principal_options

# Whom tokens for STS are meant for, in every partition (EKS User Guide, Create an IAM OIDC provider for your cluster).
AUDIENCE = "sts.amazonaws.com"
# Where a pod has its token. Not where EKS's webhook puts it, which needs an annotation that the service account hasn't.
TOKEN_FOLDER = "/var/run/secrets/everpull"  # noqa: S105 - a folder
TOKEN_FILE = "token"  # noqa: S105 - a name

# By which of them a pod shows its role, so that who looks at it knows.
ROLE_VARIABLE = "AWS_ROLE_ARN"
POD_ROLE_VARIABLE = "EVERPULL_POD_ROLE"


class TrustArgs(TypedDict):
    """By what AWS knows the cluster's service accounts. Without issuer and cluster it doesn't, and the cluster has a key."""

    oidc_issuer: NotRequired[str]
    """URL of the cluster's OpenID Connect issuer, whose tokens the role trusts (EKS User Guide, IAM roles for service
    accounts)."""

    oidc_provider_arn: NotRequired[str]
    """ARN by which IAM knows that issuer, or will before the role is made."""

    eks_cluster_arn: NotRequired[str]
    """ARN of the EKS cluster that gives its pods the role (EKS User Guide, Learn how EKS Pod Identity grants pods access)."""

    before_association: NotRequired[Ask | None]
    """Called with the service account's `NAMESPACE/NAME` before the cluster is told to, at preview too; what it raises refuses
    that. Nothing is asked by default."""


class ServiceAccountRoleArgs(TrustArgs, PrincipalArgs):
    """Arguments of ServiceAccountRole, with an issuer or a cluster."""

    owner: str
    """Name that is unique in the cluster; sessions of the role are named so."""

    policy: pulumi.Input[str]
    """Policy document: all that the role may do. A role's inline policy, so at most 10,240 characters."""

    namespace: str
    """Kubernetes namespace of the service account."""

    service_account: str
    """Name of the service account; no other gets the role."""


class ServiceAccountRole(pulumi.ComponentResource):
    """A role with one policy that trusts exactly one service account, and what lets that have it.

    By its tokens, of one issuer and for one audience; or by an EKS Pod Identity association, in one cluster. Either may take
    some seconds to be known everywhere in AWS after it was made, which is for whoever uses the role to bear.
    """

    role_arn: pulumi.Output[str]
    """ARN of the role, once it may be had."""

    revision: pulumi.Output[str]
    """Changes whenever the role, or whom it trusts, does."""

    environment: pulumi.Output[list[EnvVarArgsDict]]
    """The `env` entries of a container in a pod of that service account, whose AWS SDK is to have the role. With an issuer it
    needs a token at TOKEN_FOLDER/TOKEN_FILE as well."""

    def __init__(self, name: str, args: ServiceAccountRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:ServiceAccountRole", name, None, opts)
        self._args = args
        trust = self._trust()
        role = aws.iam.Role(
            f"{name}-role",
            assume_role_policy=trust,
            **principal_options(args),
            opts=pulumi.ResourceOptions(parent=self),
        )
        rights = aws.iam.RolePolicy(
            f"{name}-rights", role=role.name, policy=args["policy"], opts=pulumi.ResourceOptions(parent=self)
        )
        usable = pulumi.Output.all(role.arn, rights.id, self._association(name, role, rights))
        self.role_arn = usable.apply(lambda known: known[0])
        self.revision = usable.apply(lambda known: json.dumps([known[0], known[2], trust]))
        self.environment = usable.apply(lambda known: self._environment(known[0]))
        self.register_outputs({"role_arn": self.role_arn, "revision": self.revision, "environment": self.environment})

    def _trust(self) -> str:
        args = self._args
        cluster, issuer = args.get("eks_cluster_arn"), args.get("oidc_issuer")
        if cluster is not None:
            return pod_trust(cluster, args["namespace"], args["service_account"])
        if issuer is None:
            raise ValueError("a role for a service account needs an issuer or a cluster")
        provider = args.get("oidc_provider_arn", "")
        return token_trust(provider, issuer, AUDIENCE, args["namespace"], args["service_account"])

    def _association(self, name: str, role: aws.iam.Role, rights: aws.iam.RolePolicy) -> pulumi.Output[str]:
        """The id of the EKS Pod Identity association; empty where there is none."""
        args = self._args
        cluster = args.get("eks_cluster_arn")
        if cluster is None:
            return pulumi.Output.from_input("")
        hooks = before_create(
            f"{name}-association",
            args.get("before_association"),
            lambda inputs: f"{inputs['namespace']}/{inputs['serviceAccount']}",
            at_preview=True,
        )
        return aws.eks.PodIdentityAssociation(
            f"{name}-association",
            cluster_name=cluster.rpartition("/")[2],
            namespace=args["namespace"],
            service_account=args["service_account"],
            role_arn=role.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[rights], hooks=hooks),
        ).association_id

    def _environment(self, role_arn: str) -> list[EnvVarArgsDict]:
        if "eks_cluster_arn" in self._args:
            # EKS adds the rest to each pod of the service account. This is for who looks at a pod or Job, or reads its report.
            return [{"name": POD_ROLE_VARIABLE, "value": role_arn}]
        variables = {
            ROLE_VARIABLE: role_arn,
            "AWS_WEB_IDENTITY_TOKEN_FILE": f"{TOKEN_FOLDER}/{TOKEN_FILE}",
            "AWS_ROLE_SESSION_NAME": self._args["owner"],
        }
        return [{"name": name, "value": value} for name, value in variables.items()]
