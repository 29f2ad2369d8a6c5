"""AWS clients with the timeouts, retries and name that all entries share. Importing this takes most of a cold start's time.

They are botocore's own, as boto3's are: boto3 adds ways to use them that are not used here, and 3 MB.
"""

import functools
from typing import cast

from botocore.config import Config
from botocore.session import Session, get_session

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


@functools.cache
def _session() -> Session:
    return get_session()


def forget() -> None:
    """Makes the next clients with what the environment says by then."""
    client.cache_clear()
    _session.cache_clear()
