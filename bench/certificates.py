"""A certificate for AWS's host names that whoever is told to trusts, and nobody else."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import botocore
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFE = datetime.timedelta(days=2)


@dataclass(frozen=True)
class Certificates:
    """Files: `bundle` for clients (AWS_CA_BUNDLE), `certificate` and `key` for the server."""

    bundle: Path
    certificate: Path
    key: Path


def make(folder: Path, hosts: Sequence[str]) -> Certificates:
    """Writes a certificate for `hosts`, signed by an authority whose own key is thrown away.

    The bundle holds the public authorities that botocore ships too: reading those is a part of what a client of AWS
    takes, in memory and in time, so nobody is spared it here.
    """
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = _name("everpull bench authority")
    authority = _sign(_builder(authority_name, authority_name, authority_key, authority=True), authority_key)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name("everpull bench proxy"), authority_name, key, authority=False).add_extension(
        x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False
    )
    made = Certificates(folder / "authorities.pem", folder / "proxy.crt", folder / "proxy.key")
    public = Path(botocore.__file__).parent / "cacert.pem"
    made.bundle.write_bytes(public.read_bytes() + b"\n" + authority.public_bytes(serialization.Encoding.PEM))
    made.certificate.write_bytes(_sign(builder, authority_key).public_bytes(serialization.Encoding.PEM))
    made.key.touch(mode=0o600)
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, authority: bool
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    usage = ExtendedKeyUsageOID.SERVER_AUTH
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + _LIFE)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    )


def _sign(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    return builder.sign(key, hashes.SHA256())
