"""Lambda functions really run, as their role, and fail as on AWS."""

import json

import pytest

from tests.local_aws.functions import LOGS, function, invoke, log_lines, logging_function, role
from tests.local_aws.platform import ACCOUNT, REGION, Stand, allow, refused, wait_until


def test_a_function_runs_as_its_role_against_this_stand(stand: Stand, name: str) -> None:
    logging_function(stand, name)
    assert invoke(stand, name, {"ask": "sts"}) == (None, f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{name}")
    names = ["AWS_ENDPOINT_URL", "AWS_REGION", "PYTHONPATH"]
    _, environment = invoke(stand, name, {"ask": "environment", "names": names})
    assert environment == {"AWS_ENDPOINT_URL": stand.endpoint, "AWS_REGION": REGION, "PYTHONPATH": None}


def test_a_function_has_the_variables_of_every_function_unless_it_has_its_own(stand: Stand, name: str) -> None:
    asked = {"ask": "environment", "names": ["OF_EVERY_FUNCTION"]}
    logging_function(stand, name)
    assert invoke(stand, name, asked) == (None, {"OF_EVERY_FUNCTION": "a=b"})
    logging_function(stand, f"{name}-own", Environment={"Variables": {"OF_EVERY_FUNCTION": "mine"}})
    assert invoke(stand, f"{name}-own", asked) == (None, {"OF_EVERY_FUNCTION": "mine"})


def test_a_function_may_do_what_its_role_may(stand: Stand, name: str) -> None:
    arn = stand.client("secretsmanager").create_secret(Name=name, SecretString="value")["ARN"]
    logging_function(stand, name)
    failed, body = invoke(stand, name, {"ask": "secret", "id": arn})
    assert failed == "Unhandled"
    assert f"assumed-role/{name}/{name} is not authorized" in body["errorMessage"]
    policy = json.dumps(allow("secretsmanager:GetSecretValue", resource=arn))
    stand.client("iam").put_role_policy(RoleName=name, PolicyName="secret", PolicyDocument=policy)
    assert invoke(stand, name, {"ask": "secret", "id": arn}) == (None, "value")


def test_a_failure_names_the_exception(stand: Stand, name: str) -> None:
    logging_function(stand, name)
    failed, body = invoke(stand, name, {"raise": True})
    assert failed == "Unhandled"
    assert (body["errorType"], body["errorMessage"]) == ("ValueError", "on purpose")


@pytest.mark.parametrize("service", ["ec2.amazonaws.com", "events.amazonaws.com"])
def test_a_role_that_does_not_trust_lambda_is_refused(stand: Stand, name: str, service: str) -> None:
    with refused("InvalidParameterValueException", "cannot be assumed by Lambda"):
        function(stand, name, role(stand, name, allow(*LOGS), service=service))


def test_a_role_that_does_not_exist_is_refused_also_for_a_function_that_does(stand: Stand, name: str) -> None:
    missing = f"arn:aws:iam::{ACCOUNT}:role/{name}-none"
    with refused("InvalidParameterValueException", "cannot be assumed by Lambda"):
        function(stand, name, missing)
    logging_function(stand, name)
    with refused("InvalidParameterValueException", "cannot be assumed by Lambda"):
        stand.client("lambda").update_function_configuration(FunctionName=name, Role=missing)


def test_reserved_environment_variables_are_refused(stand: Stand, name: str) -> None:
    with refused("InvalidParameterValueException", "Reserved keys used in this request: AWS_REGION"):
        logging_function(stand, name, Environment={"Variables": {"AWS_REGION": "x", "FINE": "y"}})


def test_output_is_found_in_cloudwatch_logs(stand: Stand, name: str) -> None:
    logging_function(stand, name)
    invoke(stand, name, {"canary": name})
    lines = wait_until("logged", lambda: log_lines(stand, name))
    assert json.dumps({"got": {"canary": name}}) in lines
    assert lines[0].startswith("START RequestId: ")


def test_another_role_counts_from_the_next_run_on(stand: Stand, name: str) -> None:
    function(stand, name, role(stand, name))
    assert invoke(stand, name, {"ask": "sts"})[1].endswith(f"assumed-role/{name}/{name}")
    client, other = stand.client("lambda"), role(stand, f"{name}-other")
    client.update_function_configuration(FunctionName=name, Role=other)
    wait_until(
        "the function is updated",
        lambda: client.get_function(FunctionName=name)["Configuration"]["LastUpdateStatus"] == "Successful",
    )
    assert invoke(stand, name, {"ask": "sts"}) == (None, f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}-other/{name}")


def test_output_of_a_role_that_may_not_log_is_nowhere_in_cloudwatch_logs(stand: Stand, name: str) -> None:
    function(stand, name, role(stand, name))
    assert invoke(stand, name, {"a": 1}) == (None, {"a": 1})
    wait_until("noticed", lambda: f"output of {name} is not logged: its role lacks logs:CreateLogGroup" in stand.log)
    assert log_lines(stand, name) == []


def test_a_role_needs_no_right_to_make_a_group_that_is_there(stand: Stand, name: str) -> None:
    group = f"/aws/lambda/{name}"
    stand.client("logs").create_log_group(logGroupName=group)
    stand.client("logs").put_retention_policy(logGroupName=group, retentionInDays=14)
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:*"
    function(stand, name, role(stand, name, allow(*LOGS[1:], resource=arn)))
    invoke(stand, name, {})
    assert wait_until("logged", lambda: log_lines(stand, name))
    [found] = stand.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert found["retentionInDays"] == 14


def queue(stand: Stand, name: str) -> tuple[str, str]:
    sqs = stand.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def test_an_event_that_keeps_failing_ends_in_the_dead_letter_queue(stand: Stand, name: str) -> None:
    url, arn = queue(stand, name)
    policy = allow(*LOGS)
    policy["Statement"] += allow("sqs:SendMessage", resource=arn)["Statement"]
    function(stand, name, role(stand, name, policy), DeadLetterConfig={"TargetArn": arn})
    event = {"raise": True, "id": name}
    stand.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event).encode())

    def received() -> list[dict[str, object]]:
        return stand.client("sqs").receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages", [])

    [message] = wait_until("the dead letter", received)
    assert json.loads(str(message["Body"])) == event
    attributes = message["MessageAttributes"]
    assert isinstance(attributes, dict)
    assert attributes["ErrorMessage"]["StringValue"] == "on purpose"
    assert attributes["ErrorCode"]["StringValue"] == "200"
    tries = [line for line in log_lines(stand, name) if line.startswith("START")]
    assert len(tries) == 3
    assert attributes["RequestID"]["StringValue"] in tries[-1]


def test_a_dead_letter_queue_that_the_role_may_not_write_to_is_refused(stand: Stand, name: str) -> None:
    _, arn = queue(stand, name)
    with refused("InvalidParameterValueException", "does not have permissions to call SendMessage on SQS"):
        logging_function(stand, name, DeadLetterConfig={"TargetArn": arn})


def test_a_principal_needs_the_right_to_invoke(stand: Stand, name: str) -> None:
    arn = logging_function(stand, name)
    with refused("AccessDeniedException", "lambda:InvokeFunction"):
        stand.client("lambda", stand.user(name)).invoke(FunctionName=arn, Payload=b"{}")
