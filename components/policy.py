"""IAM policy documents, and the statements, ARNs and actions that several components name."""

import json
from collections.abc import Mapping, Sequence

import pulumi

POLICY_VERSION = "2012-10-17"

# What a pull needs besides a token (Amazon ECR User Guide, Repository policy examples). ECR judges the pull by the rights of
# whoever fetched the token, so these belong to the refresher, not to who reads its login.
PULL_ACTIONS = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")

# What a registry asks for where somebody wants a repository's tags.
LIST_ACTION = "ecr:ListImages"

# What a pull through a cache needs besides, if the image, or the repository that caches it, isn't there yet (Amazon ECR User
# Guide, IAM permissions required to sync an upstream registry).
PULL_THROUGH_ACTIONS = ("ecr:BatchImportUpstreamImage", "ecr:CreateRepository")

# All inline policies of one principal together, white space not counted (IAM User Guide, IAM and AWS STS quotas).
USER_POLICY_CHARACTERS = 2048
ROLE_POLICY_CHARACTERS = 10240


# The configuration that makes a statement long, by its Sid.
_SHORTENED_BY = {
    "PullWithIt": "everpull:repositories",
    "PullThrough": "everpull:pullThroughCaches",
    "AssumeRoles": "everpull:assumeRoles",
}


class PolicyTooLong(pulumi.RunError):
    """IAM would refuse the policy for its length. A RunError, because the engine prints its text without a traceback."""


def account_of(arn: str) -> str:
    """The account in an ARN (IAM User Guide, Identify AWS resources with ARNs)."""
    return arn.split(":")[4]


def statement(sid: str, actions: Sequence[str], resources: Sequence[str]) -> dict[str, object]:
    """One statement that allows the actions on the resources."""
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


def fetch_login() -> dict[str, object]:
    """To get a token. The action knows no resource (Service Authorization Reference, Amazon ECR)."""
    return statement("FetchLogin", ["ecr:GetAuthorizationToken"], ["*"])


def pull_with_it(repository_arns: Sequence[str], *, and_list: bool = False) -> dict[str, object]:
    """What the token's owner must be allowed for pulls of others to succeed with it, and to see what there is to pull."""
    return statement("PullWithIt", (*PULL_ACTIONS, *((LIST_ACTION,) if and_list else ())), repository_arns)


def pull_through(repository_arns: Sequence[str]) -> dict[str, object]:
    """The same on repositories of pull-through caches, and to fill them."""
    return statement("PullThrough", (*PULL_ACTIONS, *PULL_THROUGH_ACTIONS), repository_arns)


def read_login(secret_arn: str) -> dict[str, object]:
    """To read the one secret that holds the login."""
    return statement("ReadLogin", ["secretsmanager:GetSecretValue"], [secret_arn])


def use_key(key_arn: str, region: str, actions: Sequence[str], services: Sequence[str]) -> dict[str, object]:
    """To have these services of the region use a KMS key, and nobody else.

    A service's name ends as the partition's domain does (AWS KMS Developer Guide, kms:ViaService).
    """
    names = [f"{service}.{region}.amazonaws.com*" for service in services]
    return {**statement("UseKey", actions, [key_arn]), "Condition": {"StringLike": {"kms:ViaService": names}}}


def document(*statements: Mapping[str, object]) -> str:
    """A policy document as the JSON text that IAM takes."""
    return json.dumps(_content(statements))


def inline_document(most: int, *statements: Mapping[str, object]) -> str:
    """A policy document of at most that many characters, as IAM counts them. Raises PolicyTooLong."""
    length = len(json.dumps(_content(statements), separators=(",", ":")))
    if length > most:
        keys = [_SHORTENED_BY[str(found["Sid"])] for found in statements if found["Sid"] in _SHORTENED_BY]
        raise PolicyTooLong(
            f"the rights on {' and '.join(keys)}, in all registries together, take {length} characters of a "
            f"policy that IAM limits to {most}. Name fewer, by patterns such as team-a/* for instance, or divide them between "
            "stacks."
        )
    return document(*statements)


def service_trust(service: str) -> str:
    """The trust policy of a role that one AWS service may assume."""
    return document({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"})


def token_trust(provider_arn: str, issuer: str, audience: str, namespace: str, service_account: str) -> str:
    """The trust policy of a role that one service account's tokens open, if the issuer made them for the audience.

    Both conditions are needed, or any service account of the cluster, or a token for anybody else, would do (IAM User Guide,
    Available keys for AWS OIDC federation).
    """
    # Condition keys have the issuer without its scheme, as IAM shows it.
    key = issuer.removeprefix("https://")
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Federated": provider_arn},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {
                    f"{key}:aud": audience,
                    f"{key}:sub": f"system:serviceaccount:{namespace}:{service_account}",
                }
            },
        }
    )


def pod_trust(cluster_arn: str, namespace: str, service_account: str) -> str:
    """The trust policy of a role that one EKS cluster gives to pods of one service account.

    The service names cluster, namespace and service account in tags of each session, and the cluster as the source (EKS User
    Guide, Create IAM role with trust policy required by EKS Pod Identity; Cross-service confused deputy prevention).
    """
    tags = {
        "eks-cluster-arn": cluster_arn,
        "kubernetes-namespace": namespace,
        "kubernetes-service-account": service_account,
    }
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Service": "pods.eks.amazonaws.com"},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Condition": {
                "StringEquals": {
                    "aws:SourceAccount": account_of(cluster_arn),
                    **{f"aws:RequestTag/{tag}": value for tag, value in tags.items()},
                },
                "ArnEquals": {"aws:SourceArn": cluster_arn},
            },
        }
    )


def repository_arn(partition: str, region: str, account: str, repository: str) -> str:
    """ARN of an ECR repository; a `*` in its name is a pattern."""
    return f"arn:{partition}:ecr:{region}:{account}:repository/{repository}"


def _content(statements: Sequence[Mapping[str, object]]) -> dict[str, object]:
    return {"Version": POLICY_VERSION, "Statement": list(statements)}
