"""What a run of the Lambda function is measured by: one line on standard output in CloudWatch's embedded metric format.

CloudWatch Logs takes the metrics out of such a line, so no call is made and no right is needed for them (CloudWatch User
Guide, Specification: Embedded metric format; Using the embedded metric format with Lambda). `_aws` must stand at the root of
the line. It does under the log format JSON too: what is JSON already Lambda passes on as it is (Lambda Developer Guide,
Configuring JSON and plain text log formats: logs are not encoded twice).

Each metric costs, once an account has more than ten of its own (Amazon CloudWatch pricing, Metrics). So it is told only where
the environment's EVERPULL_METRICS says so: `on`.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from .logs import stamp

NAMESPACE = "everpull"
DIMENSION = "FunctionName"
# 1 if every login that was due is in place, 0 if not.
REFRESHED = "Refreshed"
# Seconds that the first to die of the secret's logins lives on. Not told where the secret could not be read or holds none.
LIFE = "RemainingLoginLife"


@dataclass
class Measured:
    """What is known of a run by now. `expires_at` is when the first of the logins dies that the secret holds.

    `is_over` says whether the run is one that counts: of a rotation, the last step and those that fail do.
    """

    is_refreshed: bool = False
    expires_at: datetime | None = None
    is_over: bool = True


def tell(environment: Mapping[str, str], function_name: str, measured: Measured, now: datetime) -> None:
    """Writes the line of a run that is over, where it is wanted."""
    if environment.get("EVERPULL_METRICS") != "on" or not measured.is_over:
        return
    values: dict[str, tuple[str, int]] = {REFRESHED: ("Count", int(measured.is_refreshed))}
    if measured.expires_at is not None:
        values[LIFE] = ("Seconds", max(0, int((measured.expires_at - now).total_seconds())))
    metrics = [{"Name": name, "Unit": unit} for name, (unit, _) in values.items()]
    line: dict[str, object] = {
        # As in the other lines: by these two Lambda filters logs.
        "timestamp": stamp(now),
        "level": "INFO",
        "event": "metrics",
        "_aws": {
            "Timestamp": int(now.timestamp() * 1000),
            "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": metrics}],
        },
        DIMENSION: function_name,
        **{name: value for name, (_, value) in values.items()},
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
