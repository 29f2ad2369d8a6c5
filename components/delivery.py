"""What every delivery is told."""

from collections.abc import Mapping, Sequence
from typing import NotRequired

from .identities import IdentityArgs
from .logins import KeptLogin, LoginArgs


class ServingArgs(IdentityArgs):
    """What every delivery is told of the cluster that it serves."""

    owner: str
    """Name that is unique in the cluster, for what has none of its own, so that several stacks live side by side."""

    labels: Mapping[str, str]
    """Labels of every Kubernetes object."""

    region: str
    """AWS region of everything in AWS, and of the calls from the cluster."""

    namespaces: Sequence[str]
    """Namespaces whose pods pull. They must be there before."""

    missing_namespaces: NotRequired[Sequence[str]]
    """Further ones that nothing can be put into now, to be told of."""

    pull_secret_name: str
    """Name of the pull secret in each of them."""

    system_namespace: str
    """Namespace for everpull's own objects and the AWS credentials. It must be there before."""


class DeliveryArgs(LoginArgs, ServingArgs):
    """Arguments of every delivery."""

    kept_login: NotRequired[KeptLogin]
    """The login, where another stack keeps it. By default it is the delivery's own."""
