"""Lambda as everpull's refresher meets it: which roles it takes, what its logs and its dead letters need and look like."""

import json
import logging
import re
from contextvars import ContextVar
from typing import Any

from local.aws.consistency import deciding
from local.aws.emulator import Emulator, Reply, around

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
_RESERVED = {
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
}
_log = logging.getLogger("everpull.lambda")
# The emulator tells an invocation's id to its log only; the dead letter of the same invocation needs it too.
_request_id: ContextVar[str] = ContextVar("request_id", default="")


class Roles:
    """What execution roles may do, as authorisation sees them."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def assumable(self, role_arn: str, account: str) -> bool:
        """Whether the role exists and its trust policy names Lambda."""
        evaluator, iam = self._emulator.evaluator, self._emulator.iam
        with deciding():
            role = iam._roles.get_scoped(account, None, role_arn.rpartition("/")[2])
        if role is None or role["Arn"] != role_arn:
            return False
        context = self._context("sts:AssumeRole", role_arn, account, "")
        context.service_context["aws:sourceaccount"] = account
        trust = role["AssumeRolePolicyDocument"]
        return evaluator.evaluate_resource_policy(trust, context, service="lambda.amazonaws.com").decision == "Allow"

    def may(self, role_arn: str, action: str, resource: str) -> bool:
        """Whether the role's own policies allow it."""
        account, name = role_arn.split(":")[4], role_arn.rpartition("/")[2]
        evaluator = self._emulator.evaluator
        with deciding():
            policies = evaluator._gather_role_policies(name, account)
            limits = evaluator._permissions_boundary(self._emulator.iam._roles, name, account)
        context = self._context(action, resource, account, f"arn:aws:sts::{account}:assumed-role/{name}/lambda")
        return evaluator.evaluate(context, policies, *limits).decision == "Allow"

    def _context(self, action: str, resource: str, account: str, principal: str) -> Any:
        return self._emulator.evaluator.EvalContext(
            principal_arn=principal,
            principal_type="AssumedRole" if principal else "Service",
            principal_account=account if principal else "",
            action=action,
            resource_arn=resource,
            region=self._emulator.responses.get_region(),
        )


def may_invoke(emulator: Emulator, service: str, source_arn: str, function_arn: str) -> bool:
    """Whether the function's resource policy lets a service invoke it for one of its resources, in whose scope this runs.

    A function that does not exist lets anybody: invoking says that there is none.
    """
    found = emulator.functions.function_policy_for_arn(function_arn)
    if found is None:
        return True
    region, account = source_arn.split(":")[3:5]
    evaluator = emulator.evaluator
    context = evaluator.EvalContext(
        principal_arn="",
        principal_type="Service",
        principal_account="",
        action="lambda:InvokeFunction",
        resource_arn=function_arn,
        region=region,
        service_context={"aws:sourcearn": source_arn, "aws:sourceaccount": account},
    )
    return evaluator.evaluate_resource_policy(found[0], context, service=service).decision == "Allow"


def install(emulator: Emulator) -> None:
    """Put the rules around the emulator's own handling."""
    functions, responses, roles = emulator.functions, emulator.responses, Roles(emulator)

    def refused(message: str) -> Reply:
        return responses.error_response_json("InvalidParameterValueException", message, 400)

    def fault(data: dict[str, Any], role: str) -> Reply | None:
        if "Role" in data and not roles.assumable(role, responses.get_account_id()):
            return refused("The role defined for the function cannot be assumed by Lambda.")
        variables = (data.get("Environment") or {}).get("Variables") or {}
        if reserved := sorted(variables.keys() & _RESERVED):
            return refused(
                "Lambda was unable to configure your environment variables because the environment variables you have "
                "provided contains reserved keys that are currently not supported for modification. Reserved keys used "
                f"in this request: {', '.join(reserved)}"
            )
        queue = (data.get("DeadLetterConfig") or {}).get("TargetArn", "")
        if ":sqs:" in queue and not roles.may(role, "sqs:SendMessage", queue):
            return refused("The provided execution role does not have permissions to call SendMessage on SQS")
        return None

    def creating(create: Any) -> Any:
        def created(data: dict[str, Any]) -> Reply:
            return fault(data, data.get("Role", "")) or create(data)

        return created

    def configuring(configure: Any) -> Any:
        def configured(name: str, data: dict[str, Any]) -> Reply:
            known = (functions._functions.get(name) or {}).get("config", {})
            before = known.get("Role", "")
            refusal = fault(data, data.get("Role") or before)
            if refusal is None and data.get("Role", before) != before:
                # The emulator would go on in an environment with the credentials of the role before.
                account, region = responses.get_account_id(), responses.get_region()
                functions.invalidate_worker(name, qualifier="$LATEST", account=account, region=region)
            return refusal or configure(name, data)

        return configured

    around(functions, "_create_function", creating)
    around(functions, "_update_config", configuring)
    around(functions, "_emit_lambda_logs", lambda emit: _allowed_logs(emulator, roles, emit))
    around(functions, "_execute_function_warm", _named_errors)
    around(functions, "_route_async_failure", lambda route: _dead_letters(emulator, roles, route))


def _allowed_logs(emulator: Emulator, roles: Roles, emit: Any) -> Any:
    """A function's output reaches CloudWatch Logs only as far as its role may write there."""

    def emitted(function: dict[str, Any], request_id: str, *arguments: Any, **named: Any) -> None:
        _request_id.set(request_id)
        config = function.get("config") or function
        group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"
        _, _, _, region, account, _ = config["FunctionArn"].split(":", 5)
        arn = f"arn:aws:logs:{region}:{account}:log-group:{group}"
        needed = [("logs:CreateLogStream", f"{arn}:log-stream:s"), ("logs:PutLogEvents", f"{arn}:log-stream:s")]
        if not emulator.logs._log_groups.contains_scoped(account, region, group):
            needed.insert(0, ("logs:CreateLogGroup", f"{arn}:log-stream:"))
        for action, resource in needed:
            if not roles.may(config["Role"], action, resource):
                _log.warning("output of %s is not logged: its role lacks %s", config["FunctionName"], action)
                return
        emit(function, request_id, *arguments, **named)

    return emitted


def _named_errors(execute: Any) -> Any:
    """Lambda names the exception's own class in errorType; the emulator says Runtime.HandlerError for all."""

    def executed(*arguments: Any, **named: Any) -> dict[str, Any]:
        result = execute(*arguments, **named)
        body = result.get("body")
        if isinstance(body, dict) and body.get("errorType") == "Runtime.HandlerError":
            message = body["errorMessage"]
            ending = rf"^([\w.]+){': ' + re.escape(message) if message else ''}$"
            raised = re.findall(ending, result.get("log", ""), re.MULTILINE)
            if raised:
                body["errorType"] = raised[-1].rpartition(".")[2]
        return result

    return executed


def _dead_letters(emulator: Emulator, roles: Roles, route: Any) -> Any:
    """A dead letter is the event itself with the error in attributes; only destinations get the emulator's envelope.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """

    def routed(target: str, name: str, event: Any, result: dict[str, Any]) -> None:
        config = (emulator.functions._functions.get(name) or {}).get("config", {})
        if (config.get("DeadLetterConfig") or {}).get("TargetArn") != target or ":sqs:" not in target:
            route(target, name, event, result)
            return
        queue = emulator.queues._queue_by_arn(target)
        if queue is None or not roles.may(config["Role"], "sqs:SendMessage", target):
            _log.warning("a dead letter of %s is lost: no queue %s, or no sqs:SendMessage on it", name, target)
            return
        message = str((result.get("body") or {}).get("errorMessage", ""))[:1024]
        emulator.queues._act_send_message(
            {
                "QueueUrl": queue["url"],
                "MessageBody": json.dumps(event),
                "MessageAttributes": {
                    "RequestID": {"DataType": "String", "StringValue": _request_id.get()},
                    "ErrorCode": {"DataType": "Number", "StringValue": "200"},
                    "ErrorMessage": {"DataType": "String", "StringValue": message or "Unhandled"},
                },
            },
            queue["url"],
        )

    return routed
