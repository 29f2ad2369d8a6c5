"""Account and region of a registry, by every form of host that ECR has.

Amazon ECR User Guide, "Private registry" and "Making requests over IPv6"; kubelet's ecr-credential-provider and the ECR
docker credential helper know the same forms.
"""

import re

PUBLIC = "public.ecr.aws"
# By the beginning of a region's name: its partition, the domain of its registries, and that of the dual-stack ones if there
# are any.
_PARTITIONS = {
    "cn-": ("aws-cn", "amazonaws.com.cn", "on.amazonwebservices.com.cn"),
    "us-gov-": ("aws-us-gov", "amazonaws.com", "on.aws"),
    "eusc-": ("aws-eusc", "amazonaws.eu", ""),
    "us-iso-": ("aws-iso", "c2s.ic.gov", ""),
    "us-isob-": ("aws-iso-b", "sc2s.sgov.gov", ""),
    "eu-isoe-": ("aws-iso-e", "cloud.adc-e.uk", ""),
    "us-isof-": ("aws-iso-f", "csp.hci.ic.gov", ""),
    "": ("aws", "amazonaws.com", "on.aws"),
}
_HOST = re.compile(r"(\d{12})\.dkr([.-])ecr(?:-fips)?\.([a-z]{2,}(?:-[a-z]+)+-\d+)\.([a-z0-9.-]+)(?::\d+)?")


def parse(host: str) -> tuple[str, str] | None:
    """(account, region) of a private registry's host, which may have a port; None for any other name."""
    found = _HOST.fullmatch(host)
    if found is None:
        return None
    account, separator, region, domain = found.groups()
    _, single, dual = _partition(region)
    return (account, region) if domain == (dual if separator == "-" else single) else None


def partition(region: str) -> str:
    """The second part of ARNs of that region."""
    return _partition(region)[0]


def _partition(region: str) -> tuple[str, str, str]:
    return next(known for prefix, known in _PARTITIONS.items() if region.startswith(prefix))
