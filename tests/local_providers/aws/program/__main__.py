"""Every type of the stand-in once, written as for the real provider. VARIANT changes single things between two ups."""

import json
import os

import pulumi
import pulumi_aws as aws

variant = json.loads(os.environ.get("VARIANT", "{}"))


def policy(action, resource, **more):
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trust(service):
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


tags = {"app": "everpull", **variant.get("tags", {})}

secret = aws.secretsmanager.Secret(
    "login", recovery_window_in_days=0, description=pulumi.Output.secret("canary-description"), tags=tags
)
user = aws.iam.User("cluster", tags=tags)
aws.iam.UserPolicy(
    "cluster", user=user.name, policy=secret.arn.apply(lambda arn: policy("secretsmanager:GetSecretValue", arn))
)
shared = aws.iam.Policy("shared", policy=policy(variant.get("action", "ecr:GetAuthorizationToken"), "*"))
aws.iam.UserPolicyAttachment("shared", user=user.name, policy_arn=shared.arn)
key = aws.iam.AccessKey("cluster", user=user.name)
aws.secretsmanager.SecretPolicy(
    "login",
    secret_arn=secret.arn,
    policy=user.arn.apply(lambda arn: policy("secretsmanager:DescribeSecret", "*", Principal={"AWS": arn})),
)

role = aws.iam.Role(
    "run", assume_role_policy=trust("lambda.amazonaws.com"), description=variant.get("description", "runs")
)
aws.iam.RolePolicyAttachment("shared", role=role.name, policy_arn=shared.arn)
queue = aws.sqs.Queue(
    "lost", message_retention_seconds=1209600, visibility_timeout_seconds=variant.get("visibility", 30)
)
rights = aws.iam.RolePolicy("run", role=role.name, policy=queue.arn.apply(lambda arn: policy("sqs:SendMessage", arn)))
logs = aws.cloudwatch.LogGroup("run", retention_in_days=variant.get("retention", 14), tags=tags)
function = aws.lambda_.Function(
    "run",
    role=role.arn,
    runtime="python3.11",
    handler="main.handler",
    code=pulumi.AssetArchive(
        {".": pulumi.FileArchive("code"), "extra.txt": pulumi.StringAsset(variant.get("extra", "1"))}
    ),
    timeout=variant.get("timeout", 30),
    environment={"variables": {"PLAIN": "1", "HIDDEN": pulumi.Output.secret("canary-variable")}},
    dead_letter_config={"target_arn": queue.arn},
    logging_config={"log_format": "JSON", "log_group": logs.name},
    opts=pulumi.ResourceOptions(depends_on=[rights]),
)
aws.lambda_.FunctionEventInvokeConfig(
    "run", function_name=function.name, maximum_retry_attempts=variant.get("retries", 1)
)
rule = aws.cloudwatch.EventRule("tick", schedule_expression=variant.get("schedule", "rate(1 hour)"))
aws.cloudwatch.EventTarget(
    "tick",
    rule=rule.name,
    arn=function.arn,
    input=json.dumps({"reason": "schedule"}),
    dead_letter_config={"arn": queue.arn},
    retry_policy={"maximum_retry_attempts": 3},
)
aws.lambda_.Permission(
    "tick",
    action="lambda:InvokeFunction",
    function=function.name,
    principal="events.amazonaws.com",
    source_arn=rule.arn,
)
aws.sqs.QueuePolicy(
    "lost",
    queue_url=queue.url,
    policy=queue.arn.apply(lambda arn: policy("sqs:SendMessage", arn, Principal={"Service": "events.amazonaws.com"})),
)
first = aws.lambda_.Invocation(
    "first",
    function_name=function.name,
    input=json.dumps({"reason": "deploy", "raise": variant.get("raise", False)}),
    triggers={"code": function.code_sha256},
)
repository = aws.ecr.Repository("app", image_tag_mutability=variant.get("mutability", "MUTABLE"), force_delete=True)
aws.ecr.RepositoryPolicy(
    "app",
    repository=repository.name,
    policy=user.arn.apply(
        lambda arn: json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": ["ecr:BatchGetImage"]},
                ],
            }
        )
    ),
)

pulumi.export("user", user.name)
pulumi.export("secretArn", secret.arn)
pulumi.export("key", key.secret)
pulumi.export("keyId", key.id)
pulumi.export("role", role.name)
pulumi.export("logs", logs.name)
pulumi.export("queueUrl", queue.url)
pulumi.export("function", function.name)
pulumi.export("rule", rule.name)
pulumi.export("repository", repository.name)
pulumi.export("policyArn", shared.arn)
pulumi.export("result", first.result)
pulumi.export("account", aws.get_caller_identity_output().account_id)
pulumi.export("region", aws.get_region_output().region)
pulumi.export("url", aws.ecr.get_repository_output(name=repository.name).repository_url)
