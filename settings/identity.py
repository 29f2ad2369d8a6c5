"""How the cluster proves itself to AWS, and what the users and roles are like that the stack makes for it."""

import re
from dataclasses import dataclass

from . import nodes, schema
from .reader import Reader
from .refused import Refused
from .values import boolean

# IAM API Reference, CreateOpenIDConnectProvider: no port, no query; "IAM and AWS STS quotas" for the length.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_ISSUER = re.compile(rf"https://(?P<host>(?:{_LABEL}\.)*{_LABEL})(?:/[^\s?#]*)?")
_ISSUER_CHARACTERS = 255
# What kubeadm and others call an issuer unless they are told otherwise (Kubernetes docs, kube-apiserver).
_INSIDE = re.compile(r"(?:.*\.)?(?:svc|cluster\.local|localhost)")
# IAM API Reference, CreateRole. Of what a path may hold only what names may, so that patterns of ARNs mean what they say.
_PATH = re.compile(r"/(?:[\w+=,.@-]+/)*", re.ASCII)
_PATH_CHARACTERS = 512
_POLICY = re.compile(r"arn:aws[a-z-]*:iam::(?:[0-9]{12}|aws):policy/[\w+=,.@/-]+", re.ASCII)


@dataclass(frozen=True)
class Trust:
    """By what AWS knows the cluster's service accounts; nothing of it is set with an access key.

    `cluster` is the name of an EKS cluster, `issuer` the URL of the OIDC issuer of one that is none. `create_provider` says
    that the issuer is to be made known to IAM.
    """

    cluster: str
    issuer: str
    create_provider: bool


@dataclass(frozen=True)
class Iam:
    """The path of every user and role of the stack, and the ARN of the policy that bounds their rights, empty for none."""

    path: str
    boundary: str


def choose(reader: Reader, mode: str) -> str:
    """The identity, which must be one that works with the mode; empty where the mode has none."""
    row = schema.MODES[mode]
    if not row.identities:
        return ""
    if why := row.unfit.get(reader.text("identity")):
        other = row.identities[-1]
        reader.refuse(
            "identity",
            f"does not work in mode {mode}: {why}",
            ", ".join(row.identities),
            f"pulumi config set {schema.PROJECT}:identity {other}",
        )
        return other
    return reader.one_of("identity", row.identities)


def read_trust(reader: Reader) -> Trust:
    """What the configuration says of it; faults are noted in the reader."""
    return Trust(
        cluster=reader.value("eksCluster", lambda raw: nodes.cluster(raw) if raw else ""),
        issuer=reader.value("oidcIssuer", lambda raw: issuer(raw) if raw else ""),
        create_provider=reader.value("createOidcProvider", boolean),
    )


def read_iam(reader: Reader) -> Iam:
    """What the configuration says of it; faults are noted in the reader."""
    return Iam(
        path=reader.value("iamPath", path),
        boundary=reader.value("permissionsBoundary", lambda raw: boundary(raw) if raw else ""),
    )


def issuer(url: str) -> str:
    """The URL of an OpenID Connect issuer that IAM can be told of."""
    _refuse_longer(url, _ISSUER_CHARACTERS)
    match = _ISSUER.fullmatch(url)
    if not match:
        raise Refused(
            f"{url!r} is not an issuer that IAM takes",
            "https://HOST/PATH as `iss` in the cluster's tokens says, without port, query and fragment",
        )
    if _INSIDE.fullmatch(match["host"]):
        raise Refused(
            f"names {match['host']}, which is known within the cluster only, and AWS asks the issuer for its keys",
            "an issuer with a public address, or identity access-key",
        )
    return url


def path(name: str) -> str:
    """A path of users and roles."""
    _refuse_longer(name, _PATH_CHARACTERS)
    if not _PATH.fullmatch(name):
        raise Refused(
            f"{name!r} is not a path of IAM", "/ or /NAME/ or /NAME/NAME/, names of letters, digits and +=,.@_-"
        )
    return name


def boundary(arn: str) -> str:
    """The ARN of a managed policy."""
    if not _POLICY.fullmatch(arn):
        raise Refused(f"{arn!r} is not the ARN of a managed policy", "arn:aws:iam::ACCOUNT:policy/NAME")
    return arn


def _refuse_longer(text: str, most: int) -> None:
    if len(text) > most:
        raise Refused(f"is {len(text)} characters long", f"at most {most} characters")


def partitions(iam: Iam) -> dict[str, dict[str, str]]:
    """For each key, the partition by what it means."""
    return {"permissionsBoundary": {iam.boundary: iam.boundary.split(":")[1]} if iam.boundary else {}}


def refuse_bad_identities(reader: Reader, identity: str, trust: Trust) -> None:
    """Notes what is wrong between the keys that say how the cluster proves itself."""
    if not reader.sound("mode", "identity", "eksCluster", "oidcIssuer"):
        return
    if identity == "irsa" and not (trust.cluster or trust.issuer):
        reader.refuse(
            "eksCluster",
            "names no cluster, and everpull:oidcIssuer no issuer, so there is nobody whose tokens a role could trust",
            "the name of the EKS cluster, or for any other cluster everpull:oidcIssuer",
        )
    if identity == "irsa" and trust.cluster and trust.issuer:
        reader.refuse(
            "oidcIssuer",
            f"names an issuer beside everpull:eksCluster {trust.cluster}, and an EKS cluster tells its issuer itself",
            "one of the two",
            f"pulumi config rm {schema.PROJECT}:oidcIssuer",
        )
    if identity == "pod-identity" and not trust.cluster:
        reader.refuse(
            "eksCluster",
            "names no cluster, and an EKS Pod Identity association is made in one",
            "the name of the EKS cluster",
        )
    if trust.cluster:
        reader.refuse_other_credentials("eksCluster", "looked up")
