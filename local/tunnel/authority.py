"""Certificates for AWS's host names, made when they are first needed, that whoever is told to trusts, and nobody else."""

import datetime
import ssl
import tempfile
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local.certificates import builder, is_fresh, pem
from local.state import write_private

# Of a name's certificate, which lives no longer than the proxy's process.
_NAME_LIFE = datetime.timedelta(days=365)


class Authority:
    """Its certificate is in `certificate`, for clients' bundles; its key stays in the same folder."""

    def __init__(self, folder: Path) -> None:
        """What is in `folder`, which is made, as is the authority where there is none or it ends soon."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        if not is_fresh(self.certificate):
            _make(folder)
        self._issuer = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{folder / 'ca.key'} is not a key of ours")
        self._issuer_key = key
        # One for all names: who has it can be each of them anyway.
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()

    @property
    def certificate(self) -> Path:
        """The authority's own, PEM."""
        return self._folder / "ca.crt"

    def context(self, host: str) -> ssl.SSLContext:
        """What a server needs to be `host`."""
        with self._lock:
            if host not in self._contexts:
                self._contexts[host] = self._context(host)
            return self._contexts[host]

    def _context(self, host: str) -> ssl.SSLContext:
        issuer = self._issuer
        certificate = (
            # Common names are short, hosts needn't be; who verifies looks at the alternative name.
            builder(_name("everpull local name"), issuer.subject, self._key.public_key(), _NAME_LIFE)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._issuer_key.public_key()), critical=False
            )
            .sign(self._issuer_key, hashes.SHA256())
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # OpenSSL takes them from files only; this one is its owner's alone, and gone at once.
        with tempfile.NamedTemporaryFile("wb", dir=self._folder, prefix=".name-") as chain:
            chain.write((pem(self._key) + pem(certificate)).encode())
            chain.flush()
            context.load_cert_chain(chain.name)
        return context


def _make(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("everpull local names' authority")
    certificate = (
        builder(name, name, key.public_key())
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        # Strict verifiers want it (RFC 5280, section 4.2.1.3; Python's default since 3.13).
        .add_extension(
            x509.KeyUsage(
                key_cert_sign=True,
                crl_sign=True,
                **dict.fromkeys(
                    (
                        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
                        *("key_agreement", "encipher_only", "decipher_only"),
                    ),
                    False,
                ),
            ),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )
    write_private(folder / "ca.key", pem(key))
    write_private(folder / "ca.crt", pem(certificate))


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
