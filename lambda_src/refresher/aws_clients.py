"""AWS clients with the timeouts, retries and name that all entries share. Importing this takes most of a cold start's time."""

import functools
from typing import cast

import boto3  # pyright: ignore[reportMissingTypeStubs]
from botocore.config import Config

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
    return cast(object, boto3.client(service, region_name=region, config=CONFIG))  # pyright: ignore
