"""What is told where AWS can't be asked for want of credentials, by how they should have come. Pure.

A pod of the CronJob may have an access key; or a role by its service account's token, which AWS SDKs exchange by themselves
(AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE); or a role that EKS gives its service account (EVERPULL_POD_ROLE says which).
"""

from collections.abc import Mapping

from .errors import AwsCallError, CredentialsMissingError, DeniedError, RefreshError

# The call by which AWS SDKs exchange a token, as they and as IAM name it.
EXCHANGE = "AssumeRoleWithWebIdentity"
_ACTION = f"sts:{EXCHANGE}"
_POD_ROLE = "EVERPULL_POD_ROLE"

# What STS says of a token that it does not take, and what that means (AWS Knowledge Center, "InvalidIdentityToken").
_REASONS = {
    "No OpenIDConnect provider found": "IAM does not know the issuer of this pod's token",
    "Incorrect token audience": "IAM knows the issuer of this pod's token for other audiences only",
    "verification key": "AWS could not get the keys of this pod's issuer, which takes a public address",
}


def missing(environment: Mapping[str, str], asked: str) -> RefreshError:
    """There are none at all. `asked` is what was to be asked for."""
    role = environment.get(_POD_ROLE)
    if role is None:
        return CredentialsMissingError(
            f"{asked} was not asked for: there are no AWS credentials, neither an access key nor a role"
        )
    # EKS tells a pod where they are when it is made, so waiting is of no use (EKS User Guide, How EKS Pod Identity works).
    return CredentialsMissingError(
        f"{asked} was not asked for: EKS gave this pod no credentials of {role}. If its service account was associated with "
        "the role a moment ago, that came too late for this pod, and the next one has them; else this is not the cluster of "
        "everpull:eksCluster"
    )


def withheld(environment: Mapping[str, str], asked: str, kind: str) -> RefreshError:
    """Who should have given them did not. `kind` is the SDK's name for the failure."""
    role = environment.get(_POD_ROLE)
    if role is None:
        return AwsCallError(f"{asked} failed before AWS answered ({kind})")
    return DeniedError(
        f"{asked} was not asked for: EKS's Pod Identity Agent gave no credentials of {role}. It does not run on this node (EKS "
        "add-on eks-pod-identity-agent), or AWS does not know yet that the role is this service account's"
    )


def unreadable(asked: str, kind: str) -> RefreshError:
    """A file in which they should have been can't be read. `kind` is Python's name for the failure."""
    return AwsCallError(f"{asked} was not asked for: this pod's token can't be read ({kind})")


def refused(environment: Mapping[str, str], code: str, text: str, reference: str) -> RefreshError:
    """STS did not exchange the token. `code` and `text` are its own; of the text nothing is told, for it may quote anything."""
    on = f"{_ACTION} on {environment.get('AWS_ROLE_ARN', 'the role')}"
    if code == "AccessDenied":
        return DeniedError(
            f"{on} was denied to this pod's service account: the role must trust it, by issuer, subject and audience; a role "
            f"that does not exist is refused alike ({reference})"
        )
    if code == "InvalidIdentityToken":
        why = next(
            (reason for words, reason in _REASONS.items() if words in text), "AWS does not take this pod's token"
        )
        return DeniedError(f"{on} was refused: {why} ({reference})")
    hint = ": this pod's token has ended by AWS's clock" if code == "ExpiredTokenException" else ""
    return AwsCallError(f"{on} failed ({reference}){hint}")
