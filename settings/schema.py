"""The config keys and the one table of which mode goes with which options.

Pulumi.yaml repeats keys, types and defaults for the engine, with the descriptions; a test holds the two together.
Refusals, the README's tables and tests are made from what stands here.
"""

from dataclasses import dataclass

PROJECT = "everpull"


# As the AWS provider spells it for a function without reserved concurrency.
UNRESERVED = -1


@dataclass(frozen=True)
class Key:
    """One `everpull:` key: its type as Pulumi.yaml spells it, its default and an example.

    Every key has a default, because the engine takes one without for required. An empty text means that it is computed.
    """

    type: str
    default: object
    example: object


KEYS: dict[str, Key] = {
    "mode": Key("string", "lambda", "lambda"),
    "identity": Key("string", "access-key", "access-key"),
    "registries": Key("array", [], ["123456789012.dkr.ecr.eu-central-1.amazonaws.com"]),
    "repositories": Key("array", ["*"], ["team-a/*"]),
    "namespaces": Key("array", ["default"], ["team-a"]),
    "pullSecretName": Key("string", "", "ecr-pull"),
    "systemNamespace": Key("string", "", "everpull-system"),
    "schedule": Key("string", "rate(1 hour)", "rate(1 hour)"),
    "syncInterval": Key("string", "15m", "15m"),
    "fanOutInterval": Key("string", "5m", "5m"),
    "logRetentionDays": Key("integer", 30, 30),
    "reservedConcurrency": Key("integer", UNRESERVED, 1),
}


@dataclass(frozen=True)
class Mode:
    """A row of the validity table: what it is for, the identities it works with, and the keys only some modes know."""

    choose_when: str
    identities: tuple[str, ...]
    keys: tuple[str, ...]


MODES: dict[str, Mode] = {
    "lambda": Mode(
        choose_when="one account renews for many clusters, and the clusters hold no ECR right at all",
        identities=("access-key",),
        keys=(
            "systemNamespace",
            "schedule",
            "syncInterval",
            "fanOutInterval",
            "logRetentionDays",
            "reservedConcurrency",
        ),
    ),
}

# An ECR authorization token lives 12 hours (Amazon ECR API Reference, GetAuthorizationToken); the refresher renews at
# half of that, and an hour is kept for a run that is skipped or fails.
LOGIN_LIFE_MINUTES = 12 * 60
RENEW_AT_MINUTES_LEFT = LOGIN_LIFE_MINUTES // 2
GRACE_MINUTES = 60

# The values CloudWatch Logs accepts (CloudWatch Logs API Reference, PutRetentionPolicy).
LOG_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
