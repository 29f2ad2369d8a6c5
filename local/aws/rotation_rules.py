"""What Secrets Manager's API does with rotations and the labels of versions, and the emulator doesn't."""

import json
import uuid
from typing import Any

from local.aws.emulator import Emulator, Reply, around
from local.aws.events_rules import Pace
from local.aws.lambda_rules import may_invoke
from local.aws.rotations import CURRENT, PENDING, SERVICE, Rotations, rate_hours, stage, unfinished

_FEWEST_HOURS = 4
_MOST_HOURS = 999 * 24
_MARKED = "You can't perform this operation on the secret because it was marked for deletion."


def install(emulator: Emulator, pace: Pace) -> None:
    """Put the rules around the emulator's own handling."""
    rules = _Rules(emulator, Rotations(emulator, pace))
    secrets = emulator.secrets
    around(secrets, "_rotate_secret", lambda _rotate: rules.rotate)
    around(secrets, "handle_request", rules.cancelling)
    around(secrets, "_describe_secret", rules.describing)
    around(secrets, "_get_secret_value", rules.getting)
    around(secrets, "_put_secret_value", rules.putting)


class _Rules:
    def __init__(self, emulator: Emulator, rotations: Rotations) -> None:
        self._emulator = emulator
        self._rotations = rotations

    def rotate(self, data: dict[str, Any]) -> Reply:
        """RotateSecret."""
        secret = self._secret(data)
        token = data.get("ClientRequestToken") or str(uuid.uuid4())
        fault = self._unfit(secret, data, token)
        if fault is not None:
            return fault
        assert secret is not None  # noqa: S101 - a fault else
        answer = self._emulator.responses.json_response(
            {"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": token}
        )
        if token in secret["Versions"]:
            # The same request again, as a retry sends it.
            return answer
        secret["RotationLambdaARN"] = data.get("RotationLambdaARN") or secret.get("RotationLambdaARN")
        secret["RotationRules"] = data.get("RotationRules") or secret.get("RotationRules")
        secret["RotationEnabled"] = True
        self._rotations.count_from_now(secret)
        if data.get("RotateImmediately", True):
            stage(secret, token)
            self._rotations.begin(secret, token)
        else:
            self._rotations.test(secret, token)
        return answer

    def cancelling(self, handle: Any) -> Any:
        """CancelRotateSecret, which the emulator has not. What is pending stays so."""

        async def handled(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Reply:
            if headers.get("x-amz-target", "").rpartition(".")[2] != "CancelRotateSecret":
                return await handle(method, path, headers, body, query)
            secret = self._secret(json.loads(body))
            if fault := self._absent(secret):
                return fault
            assert secret is not None  # noqa: S101 - a fault else
            secret["RotationEnabled"] = False
            version = unfinished(secret)
            named = {"VersionId": version} if version else {}
            return self._emulator.responses.json_response({"ARN": secret["ARN"], "Name": secret["Name"], **named})

        return handled

    def describing(self, describe: Any) -> Any:
        """DescribeSecret tells of rotation what there is to tell, and nothing of a secret that never had any."""

        def described(data: dict[str, Any]) -> Reply:
            reply = describe(data)
            secret = self._secret(data)
            if reply[0] != 200 or secret is None:
                return reply
            answer = json.loads(reply[2])
            if not secret.get("RotationLambdaARN"):
                answer.pop("RotationEnabled", None)
            elif secret.get("RotationEnabled"):
                answer["NextRotationDate"] = self._rotations.due(secret)
                if rotated := secret.get("LastRotatedDate"):
                    answer["LastRotatedDate"] = rotated
                    # "Calculated from the rotation schedule after every successful rotation".
                    hours = rate_hours(answer["RotationRules"].get("ScheduleExpression", "")) or 24
                    answer["RotationRules"].setdefault("AutomaticallyAfterDays", max(1, hours // 24))
            return self._emulator.responses.json_response(answer)

        return described

    def getting(self, get: Any) -> Any:
        """GetSecretValue finds no version without a value, and none with another label than it was asked for."""

        def got(data: dict[str, Any]) -> Reply:
            secret = self._secret(data) or {}
            version, label = data.get("VersionId"), data.get("VersionStage")
            found = secret.get("Versions", {}).get(version)
            if found is not None and label is not None and label not in found["Stages"]:
                return self._error(
                    "InvalidRequestException",
                    "You provided a VersionStage that is not associated to the provided VersionId.",
                )
            reply = get(data)
            if reply[0] != 200 or json.loads(reply[2]).keys() & {"SecretString", "SecretBinary"}:
                return reply
            named = f"VersionId: {version}" if version else f"staging label: {label or CURRENT}"
            return self._error(
                "ResourceNotFoundException", f"Secrets Manager can't find the specified secret value for {named}"
            )

        return got

    def putting(self, put: Any) -> Any:
        """PutSecretValue moves each label that it is given, and makes a secret's first value current."""

        def done(data: dict[str, Any]) -> Reply:
            secret = self._secret(data)
            if secret is None or secret.get("DeletedDate"):
                return put(data)
            token, labels = data.get("ClientRequestToken"), list(data.get("VersionStages") or [CURRENT])
            kept = secret["Versions"].get(token, {}).get("Stages", [])
            was_pending = PENDING in kept
            if not any(_has_value(version) for version in secret["Versions"].values()) and CURRENT not in labels:
                labels.append(CURRENT)
            reply = put({**data, "VersionStages": labels})
            if reply[0] != 200:
                return reply
            answer = json.loads(reply[2])
            written = secret["Versions"][answer["VersionId"]]
            written["Stages"] = list(dict.fromkeys([*kept, *written["Stages"], *labels]))
            for label in labels:
                for version, other in secret["Versions"].items():
                    if version != answer["VersionId"] and label in other["Stages"]:
                        other["Stages"].remove(label)
            if CURRENT in labels and not was_pending and secret.get("RotationEnabled"):
                # "Considers that a valid rotation when it calculates the next rotation date" (User Guide, Rotation by
                # Lambda function).
                self._rotations.count_from_now(secret)
            answer["VersionStages"] = written["Stages"]
            return self._emulator.responses.json_response(answer)

        return done

    def _unfit(self, secret: dict[str, Any] | None, data: dict[str, Any], token: str) -> Reply | None:
        if (fault := self._absent(secret)) or secret is None:
            return fault
        if not 32 <= len(token) <= 64:
            return self._error("InvalidParameterException", "ClientRequestToken must be 32-64 characters long.")
        if message := _bad_rules(data.get("RotationRules") or secret.get("RotationRules") or {}):
            return self._error("InvalidParameterException", message)
        arn = data.get("RotationLambdaARN") or secret.get("RotationLambdaARN")
        if not arn:
            return self._error(
                "InvalidRequestException", "No Lambda rotation function ARN is associated with this secret."
            )
        if refused := self._caller_may_not_invoke(arn):
            return refused
        found = self._emulator.functions.function_policy_for_arn(arn)
        if found is None or not may_invoke(self._emulator, SERVICE, secret["ARN"], arn):
            return self._error(
                "AccessDeniedException",
                "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants "
                f"access to the principal {SERVICE}.",
            )
        if unfinished(secret) not in (None, token):
            return self._error(
                "InvalidRequestException",
                "A previous rotation isn't complete. That rotation will be reattempted.",
            )
        return None

    def _caller_may_not_invoke(self, arn: str) -> Reply | None:
        """ "You also need lambda:InvokeFunction permissions on the rotation function" (API reference, RotateSecret)."""
        key = self._emulator.verified_access_key()
        region = self._emulator.responses.get_region()
        denied = self._emulator.evaluator.enforce(key, "lambda:InvokeFunction", "lambda", region, resource_arn=arn)
        if denied is None:
            return None
        who = getattr(denied, "principal_arn", key)
        return self._error(
            "AccessDeniedException",
            f"User: {who} is not authorized to perform: lambda:InvokeFunction on resource: {arn}",
        )

    def _secret(self, data: dict[str, Any]) -> dict[str, Any] | None:
        return self._emulator.secrets._resolve(data.get("SecretId"))[1]

    def _absent(self, secret: dict[str, Any] | None) -> Reply | None:
        if secret is None:
            return self._error("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        if secret.get("DeletedDate"):
            return self._error("InvalidRequestException", _MARKED)
        return None

    def _error(self, code: str, message: str) -> Reply:
        return self._emulator.responses.error_response_json(code, message, 400)


def _has_value(version: dict[str, Any]) -> bool:
    return version.get("SecretString") is not None or version.get("SecretBinary") is not None


def _bad_rules(rules: dict[str, Any]) -> str | None:
    """What is wrong with rotation rules, if anything.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html
    """
    expression, days = rules.get("ScheduleExpression"), rules.get("AutomaticallyAfterDays")
    if expression and days:
        return "You cannot specify both rotation frequency and schedule expression together."
    if days:
        return None
    if not expression:
        return "You must specify the rotation rules, by AutomaticallyAfterDays or by ScheduleExpression."
    if expression.startswith("cron("):
        return "This stand-in for Secrets Manager rotates by rate() only; the real one takes cron() too."
    hours = rate_hours(expression)
    if hours is None or not _FEWEST_HOURS <= hours <= _MOST_HOURS:
        return (
            f"The schedule expression {expression} is not valid: a secret is rotated every 4 hours to every 999 days."
        )
    window = rules.get("Duration")
    if window and not 1 <= int(window.removesuffix("h")) <= min(hours, 24):
        return f"The rotation window {window} must not extend into the next one or into the next UTC day."
    return None
