"""What AWS was found to be, told by the configuration key that it comes from."""

from components.aws_reads import Finding
from settings import Fault

_KEYS = {
    "role": "everpull:nodeRoles",
    "cluster": "everpull:nodeClusters",
    "repository": "everpull:sharedRepositories",
    "principal": "everpull:sharedWith",
    "generation": "everpull:accessKeyGeneration",
    "identity cluster": "everpull:eksCluster",
    "issuer": "everpull:oidcIssuer",
    "provider": "everpull:createOidcProvider",
    "boundary": "everpull:permissionsBoundary",
}


def fault(finding: Finding) -> Fault:
    """The finding as a fault of the configuration."""
    return Fault(_KEYS[finding.about], finding.name, finding.problem, finding.allowed, finding.example)
