"""What the platform's authorities have in common: how long they live, and when they are made anew."""

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

LIFE = datetime.timedelta(days=3650)
# New certificates are made when less than this is left.
_MARGIN = datetime.timedelta(days=30)


def is_fresh(certificate: Path) -> bool:
    """Whether there is a certificate in the file that does not end soon."""
    try:
        loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError):
        return False
    return loaded.not_valid_after_utc - datetime.datetime.now(datetime.UTC) > _MARGIN


def builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, life: datetime.timedelta = LIFE
) -> x509.CertificateBuilder:
    """The beginning of every certificate here."""
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        # An hour back, for clocks that are set while the platform starts.
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + life)
    )


def pem(content: x509.Certificate | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    """A certificate, or a key without a passphrase, as PEM."""
    if isinstance(content, x509.Certificate):
        return content.public_bytes(serialization.Encoding.PEM).decode()
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return content.private_bytes(encoding, form, serialization.NoEncryption()).decode()
