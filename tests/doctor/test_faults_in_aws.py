"""Mode `lambda`: faults in AWS."""

from datetime import timedelta

import pytest

from tests.doctor import worlds
from tests.doctor.breaking import HOUR, RENEW, UP, Row, answers, both, check, function_with, gone, keys, lacks, stored
from tests.doctor.fakes import NOW, Gone
from tests.doctor.worlds import HOST, KEY, ROLE_ARN, SYSTEM, lambda_world

CREDENTIALS = f"/api/v1/namespaces/{SYSTEM}/secrets/aws-credentials"
FAILED = worlds.log_line(timedelta(minutes=5), status="failed", error="ecr:GetAuthorizationToken was denied")

FAULTS: dict[str, Row] = {
    "the user is gone": (
        both(answers(iam__list_access_keys=Gone), answers(iam__list_user_policies=Gone)),
        "identity",
        "broken",
        "does not exist",
        UP,
    ),
    "the user has no key": (answers(iam__list_access_keys=keys()), "identity", "broken", "has no access key", UP),
    "the key is inactive": (
        answers(iam__list_access_keys=keys("Inactive")),
        "identity",
        "broken",
        f"{KEY} of the cluster is inactive",
        "update-access-key",
    ),
    "the key in use is inactive beside another one": (
        answers(iam__list_access_keys=keys("Inactive", "Active")),
        "identity",
        "broken",
        f"{KEY} of the cluster is inactive",
        "update-access-key",
    ),
    "the key in the cluster is not the user's": (
        lambda world: world.documents[CREDENTIALS].update(data={"access-key-id": "QUtJQVdIT1NF"}),
        "identity",
        "broken",
        "is not one of the IAM user",
        UP,
    ),
    "the credentials are gone": (gone(CREDENTIALS), "identity", "broken", "aws-credentials, do not exist", UP),
    "a second key": (
        answers(iam__list_access_keys=keys("Active", "Active")),
        "identity",
        "warning",
        "has two access keys",
        UP,
    ),
    "the key is old": (
        both(
            lambda world: worlds.with_keys(world, accessKeyMaxAgeDays=90),
            answers(iam__list_access_keys=keys("Active", created=timedelta(days=91))),
        ),
        "identity",
        "warning",
        "is 91 days old",
        "everpull:accessKeyGeneration 2",
    ),
    "the user's policy is gone": (
        answers(iam__list_user_policies={"PolicyNames": []}),
        "identity",
        "broken",
        "is not allowed secretsmanager:GetSecretValue",
        UP,
    ),
    "the secret is gone": (
        answers(secretsmanager__describe_secret=Gone, secretsmanager__get_secret_value=Gone),
        "secret",
        "broken",
        "does not exist",
        UP,
    ),
    "the secret is being deleted": (
        answers(secretsmanager__describe_secret={"DeletedDate": NOW}),
        "secret",
        "broken",
        "is being deleted",
        "restore-secret",
    ),
    "the secret is empty": (
        answers(secretsmanager__describe_secret={}, secretsmanager__get_secret_value=Gone),
        "secret",
        "broken",
        "has no current version",
        RENEW,
    ),
    "the secret is malformed": (
        answers(secretsmanager__get_secret_value={"SecretString": "{"}),
        "secret",
        "broken",
        "not JSON",
        RENEW,
    ),
    "the login has died": (stored(fetched=NOW - 13 * HOUR), "secret", "broken", "the login died at", RENEW),
    "the login dies before a new one can be there": (
        stored(fetched=NOW - 11 * HOUR),
        "secret",
        "breaking",
        "in 1 h, which is before the next run",
        RENEW,
    ),
    "the login is overdue": (stored(fetched=NOW - 9 * HOUR), "secret", "warning", "was due to be renewed", RENEW),
    "the login is of another registry": (
        answers(secretsmanager__get_secret_value=worlds.stored(worlds.login(host=HOST.replace("1234", "9999")))),
        "secret",
        "broken",
        f"no login for {HOST}",
        RENEW,
    ),
    "the function is gone": (
        both(
            answers(lambda__get_function_configuration=Gone, lambda__get_policy=Gone),
        ),
        "function",
        "broken",
        "everpull-dev-function does not exist",
        UP,
    ),
    "the function could not be updated": (
        function_with(LastUpdateStatus="Failed", LastUpdateStatusReason="bad"),
        "function",
        "broken",
        "update failed: bad",
        UP,
    ),
    "the function is told of another secret": (
        function_with(Environment={"Variables": {"EVERPULL_REGISTRIES": HOST}}),
        "function",
        "broken",
        "does not name the stack's secret",
        UP,
    ),
    "the function runs as another role": (
        function_with(Role=f"{ROLE_ARN}-other"),
        "function",
        "broken",
        "does not run as the stack's role",
        UP,
    ),
    "the function may not run": (
        answers(lambda__get_function_concurrency={"ReservedConcurrentExecutions": 0}),
        "function",
        "broken",
        "reserved concurrency is 0",
        "delete-function-concurrency",
    ),
    "the function's role is gone": (
        answers(iam__list_role_policies=Gone),
        "function",
        "broken",
        "does not exist",
        UP,
    ),
    "the function may fetch no login": (
        lacks("ecr:GetAuthorizationToken"),
        "function",
        "broken",
        "is not allowed ecr:GetAuthorizationToken",
        UP,
    ),
    "the function may not write its log": (
        lacks("logs:PutLogEvents"),
        "function",
        "broken",
        "is not allowed logs:PutLogEvents",
        UP,
    ),
    "the rule is disabled": (
        lambda world: world.answers["events describe_rule"].update(State="DISABLED"),
        "function",
        "breaking",
        "is disabled",
        "enable-rule --name everpull-dev-rule",
    ),
    "the rule is gone": (answers(events__describe_rule=Gone), "function", "breaking", "nothing runs the function", UP),
    "the rule has no target": (
        answers(events__list_targets_by_rule={"Targets": []}),
        "function",
        "breaking",
        "does not have the function for its target",
        UP,
    ),
    "the rule may not run it": (answers(lambda__get_policy=Gone), "function", "breaking", "does not let", UP),
    "the last run failed": (
        answers(logs__filter_log_events={"events": [worlds.log_line(HOUR), FAILED]}),
        "function",
        "broken",
        "ecr:GetAuthorizationToken was denied",
        "logs tail everpull-dev-log",
    ),
    "no run": (answers(logs__filter_log_events={"events": []}), "function", "broken", "tells of no run", RENEW),
    "the log is gone": (answers(logs__filter_log_events=Gone), "function", "warning", "does not exist", UP),
    "a dead letter": (
        answers(sqs__get_queue_attributes={"Attributes": {"ApproximateNumberOfMessages": "1"}}),
        "function",
        "warning",
        "holds 1 of them",
        "receive-message",
    ),
    "the dead-letter queue is gone": (answers(sqs__get_queue_attributes=Gone), "function", "warning", "no trace", UP),
}


@pytest.mark.parametrize("row", FAULTS.values(), ids=FAULTS.keys())
def test_the_broken_link_is_named(row: Row) -> None:
    check(lambda_world(), row)
