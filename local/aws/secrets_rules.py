"""What real Secrets Manager refuses or answers otherwise than the emulator, where everpull could meet it."""

import json
import re
from typing import Any

from local.aws.emulator import Emulator, Reply, around

_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")
# https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
_VALUE_BYTES = 65536


def install(emulator: Emulator) -> None:
    """Put the checks around the emulator's own handling."""
    secrets, responses = emulator.secrets, emulator.responses

    def error(code: str, message: str) -> Reply:
        return responses.error_response_json(code, message, 400)

    def too_big(data: dict[str, Any]) -> Reply | None:
        if len((data.get("SecretString") or "").encode()) <= _VALUE_BYTES:
            return None
        return error(
            "ValidationException",
            "1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have "
            f"length less than or equal to {_VALUE_BYTES}",
        )

    def creating(create: Any) -> Any:
        def created(data: dict[str, Any]) -> Reply:
            name = data.get("Name") or ""
            if not _NAME.fullmatch(name):
                return error(
                    "ValidationException",
                    "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: "
                    "-/_+=.@!",
                )
            if (secrets._secrets.get(name) or {}).get("DeletedDate"):
                return error(
                    "InvalidRequestException",
                    "You can't create this secret because a secret with this name is already scheduled for deletion.",
                )
            reply = too_big(data) or create(data)
            if reply[0] != 200 or "SecretString" in data or "SecretBinary" in data:
                return reply
            # A secret made without a value has no version: reading it is ResourceNotFoundException.
            secrets._secrets[name]["Versions"].clear()
            answer = json.loads(reply[2])
            del answer["VersionId"]
            return responses.json_response(answer)

        return created

    def putting(put: Any) -> Any:
        def done(data: dict[str, Any]) -> Reply:
            token = data.get("ClientRequestToken")
            _, secret = secrets._resolve(data.get("SecretId"))
            known = (secret or {}).get("Versions", {}).get(token)
            if known is None or not any(known.get(part) for part in ("SecretString", "SecretBinary")):
                # A rotation begins with a version without a value.
                return too_big(data) or put(data)
            if any(known.get(part) != data.get(part) for part in ("SecretString", "SecretBinary")):
                return error(
                    "ResourceExistsException",
                    f"You can't use ClientRequestToken {token} because that value is already in use for a version of "
                    f"secret {secret['ARN']}.",
                )
            # The same request again, as a retry sends it: done already.
            return responses.json_response(
                {"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": token, "VersionStages": known["Stages"]}
            )

        return done

    around(secrets, "_create_secret", creating)
    around(secrets, "_put_secret_value", putting)
