"""A killed stand-in comes back with everything that it had answered for."""

import json
import signal
from pathlib import Path

from tests.local_aws.functions import LOGS, function, invoke, log_lines, role, rule_arn
from tests.local_aws.images import PULL, ask, seed, token
from tests.local_aws.platform import ACCOUNT, Stand, allow, wait_until


def test_what_was_answered_survives_a_kill_in_the_same_moment(tmp_path: Path, backend: str, name: str) -> None:
    stand = Stand(tmp_path / "stand", backend)
    stand.start()
    try:
        ecr, secrets = stand.client("ecr"), stand.client("secretsmanager")
        ecr.create_repository(repositoryName=name)
        seed(backend, name, b"layer")
        key = stand.user(name, allow("ecr:GetAuthorizationToken", *PULL))
        password = token(stand, key)
        trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
        arn = stand.client("iam").create_role(
            RoleName=f"{name}-assumed",
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        )["Role"]["Arn"]
        stand.client("iam").put_user_policy(
            UserName=name, PolicyName="assume", PolicyDocument=json.dumps(allow("sts:AssumeRole"))
        )
        got = stand.client("sts", key).assume_role(RoleArn=arn, RoleSessionName="session")["Credentials"]
        session = (got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])
        function_arn = function(stand, name, role(stand, name, allow(*LOGS)))
        events = stand.client("events")
        events.put_rule(Name=name, ScheduleExpression="rate(1 hour)")
        target = {"Id": "one", "Arn": function_arn, "Input": json.dumps({"tick": name})}
        events.put_targets(Rule=name, Targets=[target])
        stand.client("lambda").add_permission(
            FunctionName=name,
            StatementId="s",
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=rule_arn(name),
        )
        queue = stand.client("sqs").create_queue(QueueName=name)["QueueUrl"]
        stand.client("sqs").send_message(QueueUrl=queue, MessageBody="kept")
        secrets.create_secret(Name=name, SecretString="value")
        eks, compute = stand.client("eks"), {"enabled": True, "nodePools": ["system"], "nodeRoleArn": arn}
        eks.create_cluster(name=name, roleArn=arn, resourcesVpcConfig={}, computeConfig=compute)
        eks.create_fargate_profile(clusterName=name, fargateProfileName="f", podExecutionRoleArn=arn)
        stand.stop(signal.SIGKILL)

        stand.start()
        assert stand.client("eks").describe_cluster(name=name)["cluster"]["computeConfig"] == compute
        assert stand.client("eks").list_fargate_profiles(clusterName=name)["fargateProfileNames"] == ["f"]
        assert stand.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"] == "value"
        assert ask(stand, password, f"/v2/{name}/manifests/v1").status == 200
        assert token(stand, key)
        assert stand.client("sts", session).get_caller_identity()["Arn"].endswith("/session")
        assert invoke(stand, name, {"a": 1}) == (None, {"a": 1})
        [message] = stand.client("sqs").receive_message(QueueUrl=queue)["Messages"]
        assert message["Body"] == "kept"
        stand.admin("POST", "config", {"schedule_speed": 3600})
        line = json.dumps({"got": {"tick": name}})
        wait_until("the rule fires", lambda: line in log_lines(stand, name))
        stand.stop(signal.SIGKILL)

        stand.start()
        wait_until("log lines are kept", lambda: line in log_lines(stand, name))
    finally:
        stand.stop()


def test_nothing_half_written_is_left_in_place_of_state(tmp_path: Path, backend: str) -> None:
    """Writes are whole files: killed at any moment in a row of changes, it starts and has a prefix of them."""
    stand = Stand(tmp_path / "stand", backend)
    stand.start()
    try:
        for number in range(20):
            stand.client("secretsmanager").create_secret(Name=f"n{number:02}", SecretString="x" * 1000)
        stand.stop(signal.SIGKILL)
        stand.start()
        found = stand.client("secretsmanager").list_secrets(MaxResults=100)["SecretList"]
        assert sorted(secret["Name"] for secret in found) == [f"n{number:02}" for number in range(20)]
    finally:
        stand.stop()
