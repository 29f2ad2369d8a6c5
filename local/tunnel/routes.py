"""Which stand-in an AWS host name means, and what programs need to be told to get there."""

import re
from pathlib import Path

from local.aws import registry_hosts
from local.ports import LOOPBACK
from local.tunnel.proxy import Route

# The domains of API endpoints: those of all services, of dual-stack ones, and of the partitions (botocore's partitions.json).
_API = re.compile(
    r"(?:[a-z0-9-]+\.)+"
    r"(?:amazonaws\.com(?:\.cn)?|api\.aws|api\.amazonwebservices\.com\.cn|amazonaws\.eu|api\.amazonwebservices\.eu)"
)


def routes(aws: str, registry: str) -> Route:
    """By the endpoints of the AWS side and of the registry side."""

    def route(host: str) -> str | None:
        if host == registry_hosts.PUBLIC or registry_hosts.parse(host) is not None:
            return registry
        # What looks like a registry's and isn't is nobody's.
        return aws if _API.fullmatch(host) and ".dkr" not in host else None

    return route


def proxy_variables(proxy: str, *direct: str) -> dict[str, str]:
    """What leads to the proxy. `direct` are addresses reached without it; all of loopback is, where networks are understood."""
    # ESO calls the API server by the first of the names.
    names = (LOOPBACK, *direct, "127.0.0.0/8", "localhost", "kubernetes.default", ".svc", ".cluster.local")
    return {"HTTPS_PROXY": proxy, "NO_PROXY": ",".join(names)}


def trust_variables(certificate: Path) -> dict[str, str]:
    """What makes OpenSSL, Go and botocore trust the authority, and nobody but it."""
    return {"SSL_CERT_FILE": str(certificate), "AWS_CA_BUNDLE": str(certificate)}
