"""What a stack asks of AWS in a month, and what that costs, by the list prices of us-east-1.

`python -m checks.costs --stack NAME` tells it of the stack that Pulumi.NAME.yaml describes, as Markdown.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import yaml

from settings import ConfigurationError, CronJobSettings, GeneratorSettings, LambdaSettings, Settings, parse, schema
from settings.schedules import rate_minutes

HOURS = 730
_MINUTES = HOURS * 60

# USD. AWS Secrets Manager pricing; AWS Lambda pricing (Arm); Amazon CloudWatch pricing (logs). Calls of ECR, STS and IAM, rules
# of EventBridge that are schedules, and SQS within its free million, cost nothing.
SECRET = 0.40
SECRET_CALL = 0.05 / 10_000
INVOCATION = 0.20 / 1_000_000
GB_SECOND = 0.0000133334
LOG_GB = 0.50
# Amazon CloudWatch pricing. An account's first ten metrics of its own and ten alarms are free; three dashboards are.
METRIC, ALARM = 0.30, 0.10
_METRICS, _ALARMS = 2, 4
_ALL_ALARMS = _METRICS * METRIC + _ALARMS * ALARM
# Of a rotation, each of which renews: steps, and calls of Secrets Manager in all of them (lambda_src/refresher/rotation.py).
_STEPS, _ROTATION_CALLS = 4, 13
# A run of the function takes some two seconds of its quarter of a GB, and logs some two kilobytes.
_RUN_GB_SECONDS = 2 * 0.25
_RUN_LOG_GB = 2 / 1024**2
_RUN = INVOCATION + _RUN_GB_SECONDS * GB_SECOND + _RUN_LOG_GB * LOG_GB


@dataclass(frozen=True)
class Month:
    """Calls in a month by what is asked, and USD. What the function does is one, whoever many clusters read it."""

    runs: float = 0
    """Runs of the function."""

    tokens: float = 0
    """Calls of ecr:GetAuthorizationToken and its like."""

    secret_calls: float = 0
    """Calls of Secrets Manager."""

    secrets: int = 0
    """Secrets in Secrets Manager."""

    has_alarms: bool = False
    """Whether there are alarms."""

    @property
    def calls(self) -> int:
        """All of them."""
        return round(self.runs + self.tokens + self.secret_calls)

    @property
    def usd(self) -> float:
        """What they cost."""
        alarms = _ALL_ALARMS if self.has_alarms else 0
        return self.secrets * SECRET + self.secret_calls * SECRET_CALL + self.runs * _RUN + alarms


def month(settings: Settings, clusters: int = 1) -> Month:
    """A month of so many clusters that are served as the stack is: in mode `lambda` by the one function, else each by itself.

    The settings must name every registry (see Settings.of_account).
    """
    logins = len(settings.login_groups)
    match settings.delivery:
        case LambdaSettings() as chosen:
            period = rate_minutes(chosen.schedule)
            alarms = chosen.alarms is not None
            reads = clusters * HOURS * 3600 / chosen.sync_interval
            if chosen.trigger == "rotation":
                renewals = _MINUTES / period
                return Month(_STEPS * renewals, logins * renewals, _ROTATION_CALLS * renewals + reads, 1, alarms)
            runs, renewals = _MINUTES / period, _MINUTES / _renewed_after(period)
            return Month(runs, logins * renewals, runs + renewals + reads, 1, alarms)
        case CronJobSettings() as chosen:
            return Month(tokens=clusters * logins * _MINUTES / _renewed_after(chosen.period // 60))
        case GeneratorSettings() as chosen:
            return Month(tokens=clusters * logins * HOURS * 3600 / chosen.renew_interval)
        case _:
            return Month()


def read(file: Path, stack: str) -> Settings:
    """The settings of a stack's file; its own account's registry stands for any account's. Raises ConfigurationError, OSError.

    Values that are encrypted are not read: none of them changes what is asked of AWS.
    """
    document = cast(Mapping[str, object] | None, yaml.safe_load(file.read_text(encoding="utf-8"))) or {}
    config = cast(Mapping[str, object] | None, document.get("config")) or {}
    secrets = [key for key, value in config.items() if isinstance(value, Mapping)]
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    return parse(texts, stack, secrets).of_account("123456789012", "amazonaws.com")


def markdown(found: Month, mode: str) -> str:
    """The month as a table, and the sum."""
    rows = [
        ("Secrets Manager: secrets", found.secrets, found.secrets * SECRET),
        ("Secrets Manager: calls", round(found.secret_calls), found.secret_calls * SECRET_CALL),
        ("Lambda: runs, and their log", round(found.runs), found.runs * _RUN),
        ("ECR: logins", round(found.tokens), 0.0),
        ("CloudWatch: alarms, and their metrics", _ALARMS if found.has_alarms else 0, _ALL_ALARMS),
    ]
    table = "".join(f"| {what} | {count:,} | ${usd:.2f} |\n" for what, count, usd in rows if count)
    head = "| what | a month | cost |\n|---|---|---|\n" if table else ""
    total = f"About ${found.usd:.2f} a month in mode `{mode}`, for one cluster, by the list prices of us-east-1."
    return f"{head}{table}\n{total}\n".lstrip()


def main() -> int:
    """Gives the exit status: 2 where the stack's file can't be read as one."""
    parser = argparse.ArgumentParser(prog="python -m checks.costs", description="What a stack costs on AWS in a month.")
    parser.add_argument("--stack", required=True, help="NAME of Pulumi.NAME.yaml in the current folder")
    stack = cast(str, parser.parse_args().stack)
    file = Path(f"Pulumi.{stack}.yaml")
    try:
        settings = read(file, stack)
    except (ConfigurationError, OSError, yaml.YAMLError) as error:
        # A parser's error quotes the file.
        told = "it is no YAML" if isinstance(error, yaml.YAMLError) else getattr(error, "strerror", None) or error
        print(f"costs: {file}: {told}", file=sys.stderr)
        return 2
    print(markdown(month(settings), settings.mode), end="")
    return 0


def _renewed_after(period: int) -> int:
    """Minutes from one renewal to the next: the first run from which half of the login's life is gone."""
    half = schema.LOGIN_LIFE_MINUTES - schema.RENEW_AT_MINUTES_LEFT
    return -(-half // period) * period


if __name__ == "__main__":
    sys.exit(main())
