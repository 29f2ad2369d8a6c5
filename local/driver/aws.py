"""The platform's AWS side, as its administrator sees it."""

import contextlib
import json
import urllib.request
from collections import Counter
from typing import Any

import boto3

from local.aws import registry_hosts
from local.registry import busybox, hosts
from local.state import PlatformState


def session(state: PlatformState, region: str | None = None, account: str | None = None) -> boto3.Session:
    """A session with the administrator's key, of another account too. Give clients `endpoint_url=state.aws_endpoint`."""
    return boto3.Session(
        # The emulator takes an account's number for its administrator's key.
        aws_access_key_id=account or state.aws_access_key_id,
        aws_secret_access_key=state.aws_secret_access_key,
        region_name=region or state.region,
    )


def client(state: PlatformState, service: str, region: str | None = None, account: str | None = None) -> Any:
    return session(state, region, account).client(service, endpoint_url=state.aws_endpoint)


def seed_image(
    state: PlatformState,
    repository: str,
    tag: str,
    words: str,
    *,
    region: str | None = None,
    account: str | None = None,
) -> str:
    """Makes the ECR repository if need be and puts an image there that says `words`. Returns the image's name for pods.

    Without `region` and `account`, in the platform's own.
    """
    ecr = client(state, "ecr", region, account)
    with contextlib.suppress(ecr.exceptions.RepositoryAlreadyExistsException):
        ecr.create_repository(repositoryName=repository)
    owner, place = account or state.account, region or state.region
    busybox.push_hello(state.backend_registry, f"{owner}/{place}/{repository}", tag, words)
    host = hosts.ecr_host(owner, place)
    hosts.route_registry_host(host)
    return f"{host}/{repository}:{tag}"


def seed_public_image(state: PlatformState, repository: str, tag: str, words: str) -> str:
    """As `seed_image`, for ECR Public; `repository` begins with an alias."""
    busybox.push_hello(state.backend_registry, f"public/{repository}", tag, words)
    hosts.route_registry_host(registry_hosts.PUBLIC)
    return f"{registry_hosts.PUBLIC}/{repository}:{tag}"


def admin(
    state: PlatformState, what: str, content: dict[str, object] | None = None, *, method: str | None = None
) -> Any:
    """The admin API of the AWS front: `config`, `calls`, `health`. Giving `content` posts it."""
    body = json.dumps(content).encode() if content is not None else None
    request = urllib.request.Request(  # noqa: S310 - the endpoint is the platform's own, on loopback
        f"{state.aws_endpoint}/_everpull/{what}",
        data=body,
        method=method or ("POST" if body else "GET"),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.loads(answer.read() or b"null")


def calls_of(state: PlatformState, arn: str) -> Counter[str]:
    """How often a user or role has called each `service:Action` since the AWS side started, or its counts were deleted."""
    return Counter(admin(state, "calls")["by_caller"].get(arn, {}))
