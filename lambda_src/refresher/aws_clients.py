"""AWS clients with the timeouts, retries and name that all entries share. Importing this takes most of a cold start's time.

They are botocore's own, as boto3's are: boto3 adds ways to use them that are not used here, and 3 MB.
"""

import functools
import os
from typing import cast

from botocore.config import Config
from botocore.session import Session, get_session

from .assumed_roles import Credentials

# Four attempts of at most 2 + 5 s with backoff between: a call that never gets through takes about 40 s.
CONFIG = Config(
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 4},
    user_agent_extra="everpull",
)


@functools.cache
def client(service: str, region: str) -> object:
    """A client, kept with its connections for later refreshes in the same process."""
    return cast(object, _session().create_client(service, region_name=region, config=CONFIG))


def client_as(credentials: Credentials, service: str, region: str) -> object:
    """A client with those credentials. Kept nowhere, because they end and whoever keeps clients doesn't."""
    made = _session().create_client(
        service,
        region_name=region,
        config=CONFIG,
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        aws_session_token=credentials.session_token,
    )
    return cast(object, made)


@functools.cache
def _session() -> Session:
    session = get_session()
    # Older versions ask the one STS of the whole partition (AWS SDKs and Tools Reference Guide, AWS STS Regional endpoints).
    session.set_config_variable("sts_regional_endpoints", "regional")
    own = os.environ.get("AWS_REGION")
    if own:
        # Whose STS exchanges a pod's token: not that of the registry which happens to be first. The session keeps to the region
        # that it has when it is first asked who finds credentials, and doesn't know this variable, which other SDKs do.
        session.set_config_variable("region", own)
        session.get_component("credential_provider")
    return session


def forget() -> None:
    """Makes the next clients with what the environment says by then."""
    client.cache_clear()
    _session.cache_clear()
