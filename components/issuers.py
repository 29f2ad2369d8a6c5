"""OpenID Connect issuers as IAM knows them, looked at before a role trusts one, or IAM is told of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import pulumi

from .aws_reads import Access, Denied, Finding, Missing, Unanswered, client, read
from .service_account_role import AUDIENCE

# Tells whose an issuer in IAM is.
OWNER_TAG = "everpull:owner"
_MAKE = "pulumi config set everpull:createOidcProvider true"


@dataclass(frozen=True)
class KnownIssuer:
    """What IAM knows of an issuer: for whom its tokens may be, and the tags."""

    audiences: tuple[str, ...]
    tags: Mapping[str, str]


class Issuers(Protocol):
    """The little of IAM that the checks need."""

    def known(self, arn: str) -> KnownIssuer:
        """The issuer by its ARN. Raises Missing, Denied, Unanswered."""
        ...


def provider_arn(partition: str, account: str, issuer: str) -> str:
    """The ARN by which the account knows the issuer (IAM User Guide, IAM identifiers)."""
    return f"arn:{partition}:iam::{account}:oidc-provider/{issuer.removeprefix('https://')}"


def check_known(issuer: str, arn: str, owner: str, issuers: Issuers) -> Finding | None:
    """What keeps a role from trusting the issuer, which somebody else made known to IAM. What can't be looked at is a warning.

    If it was this stack, the engine would delete it in the end, because the stack says no longer that it makes it.
    """
    try:
        found = issuers.known(arn)
    except Missing:
        return Finding(
            "provider",
            "false",
            f"leaves it to others to tell IAM of the issuer {issuer}, and IAM does not know it, so no role could trust it",
            "true, or an issuer that IAM knows",
            _MAKE,
        )
    except (Denied, Unanswered) as reason:
        pulumi.log.warn(f"whether IAM knows the issuer {issuer} was not checked: {reason} was not possible")
        return None
    if found.tags.get(OWNER_TAG) == owner:
        return Finding(
            "provider",
            "false",
            f"would take the issuer {issuer} out of IAM, because this stack made it known, and the role would trust nobody",
            "true, as it was; or that IAM keeps it without this stack (docs/identities.md)",
            _MAKE,
        )
    if AUDIENCE not in found.audiences:
        return Finding(
            "provider",
            "false",
            f"finds the issuer {issuer} in IAM, but not for the audience {AUDIENCE}, so no token would be taken",
            f"an issuer that IAM knows for {AUDIENCE}",
            f"aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {arn} --client-id {AUDIENCE}",
        )
    return None


def check_unknown(issuer: str, arn: str, owner: str, issuers: Issuers) -> Finding | None:
    """What keeps IAM from being told of the issuer: an account knows each one once. What can't be looked at is a warning."""
    try:
        found = issuers.known(arn)
    except Missing:
        return None
    except (Denied, Unanswered) as reason:
        pulumi.log.warn(f"whether IAM knows the issuer {issuer} already was not checked: {reason} was not possible")
        return None
    ours = found.tags.get(OWNER_TAG) == owner
    forget = f"aws iam delete-open-id-connect-provider --open-id-connect-provider-arn {arn}"
    return Finding(
        "provider",
        "true",
        f"would tell IAM of the issuer {issuer}, which it knows already"
        + (" from a run of this stack that was cut off" if ours else ""),
        "false, which uses what IAM knows",
        f"{forget}   (then pulumi up again)" if ours else "pulumi config rm everpull:createOidcProvider",
    )


class _Iam(Protocol):
    """What is used of boto3's IAM client."""

    def get_open_id_connect_provider(
        self,
        *,
        OpenIDConnectProviderArn: str,  # noqa: N803 - boto3's name
    ) -> Mapping[str, object]: ...


class IamIssuers:
    """Issuers in IAM, by boto3; `access` must mean the account of the provider that will act."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def known(self, arn: str) -> KnownIssuer:
        """The issuer by its ARN. Raises Missing, Denied, Unanswered."""
        iam = cast(_Iam, client(self._access, "iam"))
        found = read(
            "iam:GetOpenIDConnectProvider", lambda: iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
        )
        tags = cast(Sequence[Mapping[str, str]], found.get("Tags") or ())
        audiences = cast(Sequence[str], found["ClientIDList"])
        return KnownIssuer(tuple(audiences), {tag["Key"]: tag["Value"] for tag in tags})
