"""The LoginSource of both entries, on real clients."""

from typing import cast

from .assumed_roles import AssumedRoles, Credentials, StsClient
from .aws_clients import client, client_as
from .ecr import EcrClient, EcrLogins


def aws_logins(region: str | None) -> EcrLogins:
    """A source for one run. `region` is the refresher's own, if it is known."""
    return EcrLogins(_ecr, AssumedRoles(lambda where: cast(StsClient, client("sts", where)), region))


def _ecr(service: str, region: str, credentials: Credentials | None) -> EcrClient:
    return cast(EcrClient, client_as(credentials, service, region) if credentials else client(service, region))
