"""AWS partitions: which one a region is of, and what is wrong where a stack would need two."""

from collections.abc import Mapping

from . import schema
from .reader import Reader

# By the beginning of the region's name (botocore, partitions.json). All others are of `aws`.
_PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "eusc-": "aws-eusc",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
}


def partition_of(region: str) -> str:
    """The partition of a region."""
    return next((name for beginning, name in _PARTITIONS.items() if region.startswith(beginning)), "aws")


def of_roles(roles: Mapping[str, str]) -> dict[str, str]:
    """The partition by ARN, for ARNs of roles by account."""
    return {arn: arn.split(":")[1] for arn in roles.values()}


def refuse_others(reader: Reader, region: str, found: Mapping[str, Mapping[str, str]]) -> None:
    """Notes what is of another partition than `region`, which is aws:region.

    `found` is, for each key, partitions by what the key means. An account is of one partition (IAM User Guide, Identify AWS
    resources with Amazon Resource Names), so nothing could be fetched or written there.
    """
    if not reader.sound("aws:region"):
        return
    ours = partition_of(region)
    for key, partitions in found.items():
        name, theirs = next(((name, other) for name, other in partitions.items() if other != ours), ("", ours))
        if theirs != ours and reader.sound(key):
            reader.refuse(
                key,
                f"means {name} of partition {theirs}, and aws:region {region} is of partition {ours}: credentials of the "
                "one mean nothing in the other",
                f"what is of partition {ours}; what is of {theirs} in a stack of its own, with an aws:region there",
                f"pulumi stack init OTHER   (then set aws:region and {schema.PROJECT}:{key} in it)",
            )
