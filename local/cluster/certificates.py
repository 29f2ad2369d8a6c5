"""The cluster's own certificate authority, its certificates and kubeconfigs.

Names and groups that Kubernetes gives a meaning to: "PKI certificates and requirements" and "Using RBAC
Authorization" in its documentation.
"""

import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local.certificates import builder, is_fresh, pem
from local.state import write_private


@dataclass(frozen=True)
class Subject:
    """A client of the API server: `file` is the stem of its files, `name` its user name, `group` its group."""

    file: str
    name: str
    group: str | None = None


def clients(node_name: str) -> tuple[Subject, ...]:
    """Everyone who speaks to the API server with a certificate."""
    return (
        Subject("admin", "everpull-admin", "system:masters"),
        Subject("controller-manager", "system:kube-controller-manager"),
        Subject("scheduler", "system:kube-scheduler"),
        # NodeRestriction and the Node authoriser know a kubelet by this form of name and group.
        Subject("kubelet", f"system:node:{node_name}", "system:nodes"),
        # The API server as a client of kubelet (logs, exec) and of etcd.
        Subject("apiserver-client", "kube-apiserver-kubelet-client", "system:masters"),
    )


@dataclass(frozen=True)
class Pki:
    """The files of the authority and of what it signed, in `folder`."""

    folder: Path

    @property
    def authority(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def service_account_key(self) -> Path:
        return self.folder / "service-accounts.key"

    def certificate(self, stem: str) -> Path:
        return self.folder / f"{stem}.crt"

    def key(self, stem: str) -> Path:
        return self.folder / f"{stem}.key"

    def kubeconfig(self, stem: str) -> Path:
        return self.folder / f"{stem}.kubeconfig"


def ensure(folder: Path, api_url: str, address: str) -> Pki:
    """Make what is missing, outdated or for another address; `address` is the API server's and the node's name.

    One serving certificate, for 127.0.0.1, `address` and the names of the `kubernetes` Service, serves all parts.
    """
    pki = Pki(folder)
    wanted = json.dumps({"version": 1, "api": api_url, "address": address})
    stamp = folder / "pki.json"
    if stamp.exists() and stamp.read_text() == wanted and is_fresh(pki.authority):
        return pki
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "everpull local authority")])
    authority = _sign(authority_name, authority_name, authority_key, authority_key, authority=True)
    write_private(pki.key("ca"), pem(authority_key))
    write_private(pki.authority, pem(authority))

    names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"]
    serving_names: list[x509.GeneralName] = [
        *(x509.DNSName(name) for name in [*names, "kubernetes.default.svc.cluster.local"]),
        *(x509.IPAddress(ipaddress.ip_address(ip)) for ip in ("127.0.0.1", address)),
    ]
    key = ec.generate_private_key(ec.SECP256R1())
    serving = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "everpull local server")])
    write_private(pki.key("serving"), pem(key))
    write_private(pki.certificate("serving"), pem(_sign(serving, authority_name, key, authority_key, serving_names)))

    for subject in clients(address):
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.COMMON_NAME, subject.name)]
        if subject.group:
            attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, subject.group))
        certificate = pem(_sign(x509.Name(attributes), authority_name, key, authority_key))
        write_private(pki.key(subject.file), pem(key))
        write_private(pki.certificate(subject.file), certificate)
        write_private(pki.kubeconfig(subject.file), _kubeconfig(pki, subject.file, api_url))

    # RSA, because every verifier of service account tokens knows RS256. It outlives the rest: a new one would make
    # the tokens of running pods worthless.
    if not pki.service_account_key.exists():
        write_private(pki.service_account_key, pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)))
    write_private(stamp, wanted)
    return pki


def _sign(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    names: Sequence[x509.GeneralName] = (),
    *,
    authority: bool = False,
) -> x509.Certificate:
    unsigned = builder(subject, issuer, key.public_key()).add_extension(
        x509.BasicConstraints(ca=authority, path_length=None), critical=True
    )
    if not authority:
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        unsigned = unsigned.add_extension(x509.ExtendedKeyUsage(usages if names else usages[1:]), critical=False)
    if names:
        unsigned = unsigned.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return unsigned.sign(issuer_key, hashes.SHA256())


def _kubeconfig(pki: Pki, stem: str, api_url: str) -> str:
    """A kubeconfig that names the files (JSON is YAML), except for its own folder it can't be moved."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "everpull-local",
            "clusters": [
                {
                    "name": "everpull-local",
                    "cluster": {"server": api_url, "certificate-authority": str(pki.authority)},
                }
            ],
            "users": [
                {
                    "name": stem,
                    "user": {
                        "client-certificate": str(pki.certificate(stem)),
                        "client-key": str(pki.key(stem)),
                    },
                }
            ],
            "contexts": [{"name": "everpull-local", "context": {"cluster": "everpull-local", "user": stem}}],
        },
        indent=2,
    )
