"""Small Lambda functions for these tests."""

import io
import json
import zipfile
from typing import Any

from tests.local_aws.platform import ACCOUNT, REGION, Stand, allow, wait_until

LOGS = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")

SOURCE = """
import json, os
import boto3

def handle(event, context):
    print(json.dumps({"got": event}))
    if event.get("raise"):
        raise ValueError("on purpose")
    if event.get("ask") == "sts":
        return boto3.client("sts").get_caller_identity()["Arn"]
    if event.get("ask") == "environment":
        return {name: os.environ.get(name) for name in event["names"]}
    if event.get("ask") == "secret":
        return boto3.client("secretsmanager").get_secret_value(SecretId=event["id"])["SecretString"]
    return event
"""


def role(stand: Stand, name: str, policy: Any = None, service: str = "lambda.amazonaws.com") -> str:
    """An execution role; its ARN."""
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam = stand.client("iam")
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]
    if policy is not None:
        iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=json.dumps(policy))
    return made["Arn"]


def function(stand: Stand, name: str, role_arn: str, source: str = SOURCE, **options: Any) -> str:
    """A function that is ready to run; its ARN."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("main.py", source)
    client = stand.client("lambda")
    made = client.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="main.handle",
        Architectures=["arm64"],
        Role=role_arn,
        Code={"ZipFile": packed.getvalue()},
        Timeout=20,
        **options,
    )
    wait_until(
        "the function is active", lambda: client.get_function(FunctionName=name)["Configuration"]["State"] == "Active"
    )
    return made["FunctionArn"]


def logging_function(stand: Stand, name: str, **options: Any) -> str:
    """A function whose role may log and nothing else."""
    return function(stand, name, role(stand, name, allow(*LOGS)), **options)


def invoke(stand: Stand, name: str, event: Any) -> tuple[str | None, Any]:
    """Run it and wait: the kind of error, if any, and what it returned."""
    answer = stand.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
    return answer.get("FunctionError"), json.loads(answer["Payload"].read())


def log_lines(stand: Stand, name: str) -> list[str]:
    """All that CloudWatch Logs has of a function."""
    logs = stand.client("logs")
    try:
        found = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [event["message"] for event in found["events"]]


def rule_arn(name: str) -> str:
    return f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}"
