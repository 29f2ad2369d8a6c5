"""Looking at AWS before anything is planned: what is found wrong, and boto3 where the provider has no function for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

import boto3  # pyright: ignore[reportMissingTypeStubs] - it ships none
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

T = TypeVar("T")

_CLIENT_CONFIG = Config(
    connect_timeout=5,
    read_timeout=15,
    retries={"mode": "standard", "total_max_attempts": 4},
    user_agent_extra="everpull",
)
_SESSION_NAME = "everpull-preview"
_ABSENCES = frozenset(
    {
        "RepositoryNotFoundException",
        "RepositoryPolicyNotFoundException",
        "ResourceNotFoundException",
        "NoSuchEntity",
        # SQS in its two protocols.
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
    }
)
_DENIALS = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})


@dataclass(frozen=True)
class Finding:
    """One thing that deploying would break on, with the parts of a settings fault.

    `about` is what `name` names, or the setting whose value it is: see modes/findings.py. `problem` is a clause, `allowed` what
    would be accepted, `example` a command or text to copy.
    """

    about: str
    name: str
    problem: str
    allowed: str
    example: str


class Missing(Exception):
    """What was asked for does not exist. The text is AWS's error code, where boto3 asked."""


class Denied(Exception):
    """The caller has no right to look. The text is the IAM action that was refused."""


class Unanswered(Exception):
    """AWS gave no usable answer, as without credentials or a network. The text says why and holds no secret."""


@dataclass(frozen=True)
class Access:
    """How boto3 looks: `profile`, or else the environment's credentials, and then as `role_arn` where it is given.

    They must be those of the provider that will act, or the look is at another account.
    """

    region: str
    profile: str | None = None
    role_arn: str | None = None


class _Session(Protocol):
    """What is used of boto3's session."""

    def client(self, service_name: str, *, config: Config) -> object: ...


class _Sts(Protocol):
    def assume_role(self, *, RoleArn: str, RoleSessionName: str) -> Mapping[str, object]: ...  # noqa: N803 - boto3's names


def client(access: Access, service: str, config: Config = _CLIENT_CONFIG) -> object:
    """A boto3 client of `service`; `config` is for calls that take longer than looking does. Raises Denied, Unanswered."""
    session = read("a session", lambda: _session(access.region, profile_name=access.profile))
    if access.role_arn is not None:
        role = access.role_arn
        sts = cast(_Sts, session.client("sts", config=_CLIENT_CONFIG))
        answer = read(f"sts:AssumeRole on {role}", lambda: sts.assume_role(RoleArn=role, RoleSessionName=_SESSION_NAME))
        granted = cast(Mapping[str, str], answer["Credentials"])
        session = _session(
            access.region,
            aws_access_key_id=granted["AccessKeyId"],
            aws_secret_access_key=granted["SecretAccessKey"],
            aws_session_token=granted["SessionToken"],
        )
    return session.client(service, config=config)


def read(action: str, call: Callable[[], T]) -> T:
    """What a boto3 call returns. `action` is the IAM action that it needs. Raises Missing, Denied, Unanswered."""
    try:
        return call()
    except ClientError as error:
        code = str(cast(Mapping[str, Mapping[str, object]], error.response).get("Error", {}).get("Code", ""))
    except BotoCoreError as error:
        # The type alone: botocore quotes the parameters it was given, and endpoints with credentials in them.
        raise Unanswered(f"{action}: {type(error).__name__}") from None
    if code in _ABSENCES:
        raise Missing(code)
    if code in _DENIALS:
        raise Denied(action)
    raise Unanswered(f"{action}: {code or 'no reason given'}")


def _session(region: str, **credentials: str | None) -> _Session:
    return cast(_Session, boto3.Session(region_name=region, **credentials))
