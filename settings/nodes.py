"""Nodes that pull by their own IAM role: which roles, by name and by cluster."""

import re

from .reader import Reader
from .refused import Refused
from .values import strings

# IAM API Reference, CreateRole; EKS API Reference, CreateCluster.
_ROLE = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
_CLUSTER = re.compile(r"[0-9A-Za-z][A-Za-z0-9_-]{0,99}")
_ROLE_ARN = re.compile(r"arn:[^:]*:iam::[0-9]*:role/(?:.*/)?([^/]+)")


def roles(raw: str) -> tuple[str, ...]:
    """Names of IAM roles."""
    return tuple(_role(name) for name in strings(raw))


def _role(name: str) -> str:
    if not _ROLE.fullmatch(name):
        arn = _ROLE_ARN.fullmatch(name)
        raise Refused(
            f"{name!r} is not the name of a role" + (f"; its name is {arn[1]}" if arn else ""),
            "names of IAM roles, 1 to 64 letters, digits and +=,.@_-, without path",
        )
    return name


def clusters(raw: str) -> tuple[str, ...]:
    """Names of EKS clusters."""
    return tuple(cluster(name) for name in strings(raw))


def cluster(name: str) -> str:
    """The name of an EKS cluster."""
    if not _CLUSTER.fullmatch(name):
        raise Refused(
            f"{name!r} cannot name an EKS cluster",
            "1 to 100 letters, digits, - and _, beginning with a letter or digit",
        )
    return name


def refuse_nobody(reader: Reader, named: bool) -> None:
    """Notes that mode `node-role` has nobody to give a right to."""
    if not named and reader.sound("nodeRoles", "nodeClusters"):
        reader.refuse(
            "nodeClusters",
            "names no node role, so nobody could pull",
            "everpull:nodeRoles, everpull:nodeClusters, or both",
        )
