"""Whether a role trusts one service account of the cluster, and AWS knows whoever vouches for it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from cluster.issuer import find_issuer
from components.aws_reads import Missing
from components.service_account_role import AUDIENCE
from lambda_src.refresher.shapes import mapping

from .link import Findings
from .view import View

_POD_IDENTITY = "pods.eks.amazonaws.com"
_BY_TOKEN = ("sts:AssumeRoleWithWebIdentity",)
# EKS User Guide, Create IAM role with trust policy required by EKS Pod Identity.
_BY_ASSOCIATION = ("sts:AssumeRole", "sts:TagSession")

Trust = Mapping[str, Any]


def check_trust(view: View, role: str, trust: Trust, account: str, found: Findings) -> None:
    """Notes what keeps the service account of that name, in the system namespace, from having the role."""
    looking = _Looking(view, role, account)
    associating = [one for one in _allowing(trust) if mapping(one.get("Principal")).get("Service") == _POD_IDENTITY]
    if associating:
        looking.by_association(associating, found)
    else:
        looking.by_token(trust, found)


class _Looking:
    def __init__(self, view: View, role: str, account: str) -> None:
        self._view, self._role, self._account = view, role, account
        self._namespace = view.text("systemNamespace")
        self._subject = f"system:serviceaccount:{self._namespace}:{account}"

    def by_token(self, trust: Trust, found: Findings) -> None:
        view = self._view
        trusted = next(filter(self._is_trusted, _federated(trust)), None)
        if trusted is None:
            found.broken(f"the role {self._role} does not trust {self._subject}", view.up)
            return
        provider, conditions = trusted
        if AUDIENCE not in conditions.get(f"{_issuer_in(provider)}:aud", [AUDIENCE]):
            found.broken(f"the role {self._role} takes no token that is meant for {AUDIENCE}", view.up)
        self._known(provider, found)
        issuer = find_issuer(view.cluster)
        if issuer and _issuer_in(provider) != issuer.removeprefix("https://"):
            found.broken(f"the role trusts {provider}, and the cluster's issuer is {issuer}", view.up)

    def by_association(self, statements: Sequence[Trust], found: Findings) -> None:
        view, cluster = self._view, self._view.settings.trust.cluster
        if not any(self._is_meant(one, cluster) for one in statements):
            found.broken(
                f"the role {self._role} does not trust pods of {self._subject} in EKS cluster {cluster}", view.up
            )
        place = f"{self._namespace}/{self._account}"
        try:
            associations = view.aws.ask(
                "eks",
                "list_pod_identity_associations",
                clusterName=cluster,
                namespace=self._namespace,
                serviceAccount=self._account,
            )["associations"]
            if not associations:
                found.broken(f"EKS cluster {cluster} gives the service account {place} no role", view.up)
                return
            association = associations[0]["associationId"]
            described = view.aws.ask(
                "eks", "describe_pod_identity_association", clusterName=cluster, associationId=association
            )["association"]
        except Missing:
            found.broken(f"the EKS cluster {cluster} does not exist", view.aws_cli("eks list-clusters"))
            return
        if described["roleArn"] != view.text("identityArn"):
            found.broken(
                f"EKS cluster {cluster} gives the service account {place} another role ({described['roleArn']})",
                view.up,
            )

    def _is_trusted(self, federated: tuple[str, Mapping[str, Sequence[str]]]) -> bool:
        provider, conditions = federated
        return self._subject in conditions.get(f"{_issuer_in(provider)}:sub", ())

    def _is_meant(self, statement: Trust, cluster: str) -> bool:
        """Conditions that somebody took off let more in, and these pods still."""
        conditions = _equal(statement)
        wanted = {"kubernetes-namespace": self._namespace, "kubernetes-service-account": self._account}
        tags = all(value in conditions.get(f"aws:RequestTag/{tag}", [value]) for tag, value in wanted.items())
        clusters = conditions.get("aws:RequestTag/eks-cluster-arn")
        return (
            tags
            and (clusters is None or any(arn.endswith(f":cluster/{cluster}") for arn in clusters))
            and _lets(statement, _BY_ASSOCIATION)
        )

    def _known(self, provider: str, found: Findings) -> None:
        view = self._view
        try:
            known = view.aws.ask("iam", "get_open_id_connect_provider", OpenIDConnectProviderArn=provider)
        except Missing:
            found.broken(f"IAM does not know the cluster's issuer: {provider} does not exist", view.up)
            return
        if AUDIENCE not in known["ClientIDList"]:
            found.broken(
                f"IAM knows the cluster's issuer, {provider}, but not for the audience {AUDIENCE}",
                view.aws_cli(
                    f"iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {provider} "
                    f"--client-id {AUDIENCE}"
                ),
            )


def _federated(trust: Trust) -> Iterator[tuple[str, Mapping[str, Sequence[str]]]]:
    """The issuers (ARN) whose tokens open the role, and what must be equal in them."""
    for one in _allowing(trust):
        provider = mapping(one.get("Principal")).get("Federated")
        if provider and _lets(one, _BY_TOKEN):
            yield str(provider), _equal(one)


def _allowing(trust: Trust) -> list[Trust]:
    statements = cast(Sequence[Trust], trust.get("Statement") or ())
    return [one for one in statements if one.get("Effect") == "Allow"]


def _lets(statement: Trust, actions: Sequence[str]) -> bool:
    return set(actions) <= set(_many(statement.get("Action")))


def _equal(statement: Trust) -> Mapping[str, Sequence[str]]:
    equal = mapping(mapping(statement.get("Condition")).get("StringEquals"))
    return {key: _many(value) for key, value in equal.items()}


def _issuer_in(provider: str) -> str:
    """The issuer without its scheme, as IAM has it in ARNs and condition keys."""
    return provider.partition(":oidc-provider/")[2]


def _many(value: object) -> Sequence[str]:
    return [value] if isinstance(value, str) else list(cast(Sequence[str], value or ()))
