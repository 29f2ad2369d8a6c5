"""Structured logs: one JSON object a line on standard output, which is where the Lambda runtime collects logs."""

import json
import logging
import os
import sys
from datetime import UTC, datetime

_LOGGER = logging.getLogger("everpull.refresher")


class _JsonLines(logging.Handler):
    """Writes to what is standard output at that moment: the runtime may exchange it after this module was imported."""

    def emit(self, record: logging.LogRecord) -> None:
        fields: object = getattr(record, "fields", {})
        line = {
            # `timestamp` and `level` are the names by which Lambda's own log filtering knows them.
            "timestamp": stamp(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname,
            "event": record.getMessage(),
            **(fields if isinstance(fields, dict) else {}),
        }
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def stamp(moment: datetime) -> str:
    """`moment`, in UTC, as lines have it: RFC 3339 with milliseconds."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def configure() -> None:
    """Sets this package's logger up, and keeps the AWS libraries from logging bodies. Safe to repeat.

    The level is the function's "application log level", which Lambda hands over in AWS_LAMBDA_LOG_LEVEL, or INFO.
    """
    name = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "INFO")
    _LOGGER.setLevel(logging.getLevelNamesMapping().get(name, logging.INFO))
    _LOGGER.propagate = False
    if not _LOGGER.handlers:
        _LOGGER.addHandler(_JsonLines())
    for library in ("boto3", "botocore", "urllib3"):
        # Their debug logs hold whole requests and answers, and with them tokens.
        logger = logging.getLogger(library)
        logger.setLevel(max(logger.getEffectiveLevel(), logging.INFO))


def log(level: int, event: str, **fields: object) -> None:
    """One line. `fields` must be JSON values and free of secrets."""
    _LOGGER.log(level, event, extra={"fields": fields})
