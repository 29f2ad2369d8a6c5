"""How the cluster proves itself, as the settings say: looked at in AWS before anything is planned, and told to the delivery."""

from collections.abc import Callable

import pulumi

from cluster.issuer import issuer_of
from components.aws_reads import Access, Finding
from components.before_create import Ask
from components.boundaries import IamPolicies, check_boundary
from components.cluster_issuer import ClusterIssuer
from components.eks_clusters import AwsEksClusters, check_unassociated, cluster_arn, find_cluster
from components.identities import IdentityArgs
from components.issuers import IamIssuers, check_known, check_unknown, provider_arn
from components.principals import PrincipalArgs
from components.service_account_role import TrustArgs
from settings import ConfigurationError, Settings

from .findings import fault
from .keys import key_args


def identity_args(settings: Settings, partition: str, account: str) -> IdentityArgs:
    """What every delivery is told of the identity. Raises ConfigurationError for what AWS or the cluster would refuse later.

    `account` is the deploying one.
    """
    if not settings.in_cluster:
        return {}
    looking = _Looking(settings, partition, account)
    args: IdentityArgs = {**looking.principals()}
    match settings.identity:
        case "irsa":
            args = {**args, **looking.by_token()}
        case "pod-identity":
            args = {**args, **looking.by_association()}
        case _:
            args = {**args, **key_args(settings)}
    if looking.findings:
        raise ConfigurationError(settings.stack, [fault(finding) for finding in looking.findings])
    return args


def make_issuer(settings: Settings, args: IdentityArgs) -> list[pulumi.Resource]:
    """Makes the cluster's issuer known to IAM, if the stack says so. Gives what is to wait for that."""
    if not settings.trust.create_provider or "oidc_issuer" not in args:
        return []
    arn = args.get("oidc_provider_arn", "")

    def check(url: str) -> Finding | None:
        return check_unknown(url, arn, settings.owner, IamIssuers(_access(settings)))

    url = args["oidc_issuer"]
    return [
        ClusterIssuer(
            f"{settings.owner}-issuer", {"url": url, "owner": settings.owner, "before": _asking(settings, check)}
        )
    ]


class _Looking:
    """Looks at AWS and the cluster, and takes note of what is wrong."""

    def __init__(self, settings: Settings, partition: str, account: str) -> None:
        self._settings, self._partition, self._account = settings, partition, account
        self._access = _access(settings)
        self._clusters = AwsEksClusters(self._access)
        self.findings: list[Finding] = []

    def principals(self) -> PrincipalArgs:
        iam = self._settings.iam
        args: PrincipalArgs = {}
        if iam.path != "/":
            args["iam_path"] = iam.path
        if iam.boundary:
            args["permissions_boundary"] = iam.boundary
            self._note(check_boundary(iam.boundary, self._account, IamPolicies(self._access)))
        return args

    def by_token(self) -> TrustArgs:
        trust = self._settings.trust
        issuer = trust.issuer
        if trust.cluster:
            cluster = find_cluster(trust.cluster, self._clusters, needs_issuer=True)
            if isinstance(cluster, Finding):
                self._note(cluster)
                return {}
            issuer = cluster.issuer or ""
        self._note(self._another_cluster(issuer))
        arn = provider_arn(self._partition, self._account, issuer)
        if not trust.create_provider:
            self._note(check_known(issuer, arn, self._settings.owner, IamIssuers(self._access)))
        return {"oidc_issuer": issuer, "oidc_provider_arn": arn}

    def by_association(self) -> TrustArgs:
        name = self._settings.trust.cluster
        cluster = find_cluster(name, self._clusters, needs_issuer=False)
        if isinstance(cluster, Finding):
            self._note(cluster)
            return {}
        if cluster.issuer:
            self._note(self._another_cluster(cluster.issuer))

        def check(place: str) -> Finding | None:
            namespace, _, account = place.partition("/")
            return check_unassociated(name, namespace, account, self._clusters)

        return {
            "eks_cluster_arn": cluster_arn(self._partition, self._settings.region, self._account, name),
            "before_association": _asking(self._settings, check),
        }

    def _note(self, found: Finding | None) -> None:
        if found:
            self.findings.append(found)

    def _another_cluster(self, issuer: str) -> Finding | None:
        """The kubeconfig means another cluster than AWS would trust."""
        actual, cluster = issuer_of(self._settings.cluster), self._settings.trust.cluster
        if actual in (None, issuer):
            return None
        return Finding(
            "identity cluster" if cluster else "issuer",
            cluster or issuer,
            f"means a cluster whose issuer is {issuer}, and that of the kubeconfig's cluster is {actual}: none of its service "
            "accounts could have the role",
            "the cluster of the kubeconfig",
            "kubectl get --raw /.well-known/openid-configuration",
        )


def _access(settings: Settings) -> Access:
    return Access(settings.region, profile=settings.aws_profile)


def _asking(settings: Settings, check: Callable[[str], Finding | None]) -> Ask:
    """For the engine to ask before it makes something: what the check finds refuses it."""

    def ask(about: str) -> None:
        if found := check(about):
            raise ConfigurationError(settings.stack, [fault(found)])

    return ask
