"""All rows by type token; a new type is a new row in the module of its service."""

from local.providers.aws import (
    rows_cloudwatch,
    rows_ecr,
    rows_eks,
    rows_events,
    rows_iam,
    rows_lambda,
    rows_logs,
    rows_secretsmanager,
    rows_sns,
    rows_sqs,
)
from local.providers.aws.model import Row

_MODULES = (
    *(rows_iam, rows_secretsmanager, rows_lambda, rows_logs, rows_events, rows_sqs, rows_ecr, rows_eks),
    *(rows_cloudwatch, rows_sns),
)
ROWS: dict[str, Row] = {row.type: row for module in _MODULES for row in module.ROWS}
