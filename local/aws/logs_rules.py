"""CloudWatch Logs as everpull meets it: a log group's key can be said later, which the emulator does not know."""

import json
from typing import Any

from local.aws.emulator import Emulator, Reply

_ACTIONS = ("AssociateKmsKey", "DisassociateKmsKey")


def install(emulator: Emulator) -> None:
    """Put the two actions before the emulator's own."""
    groups, responses, handlers = emulator.logs._log_groups, emulator.responses, emulator.web.SERVICE_HANDLERS
    handle = handlers["logs"]

    async def handling(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], *rest: Any
    ) -> Reply:
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        if action not in _ACTIONS:
            return await handle(method, path, headers, body, query, *rest)
        data = json.loads(body)
        name = data.get("logGroupName")
        if name not in groups:
            return responses.error_response_json(
                "ResourceNotFoundException", f"The specified log group does not exist: {name}", 400
            )
        groups[name]["kmsKeyId"] = data["kmsKeyId"] if action == "AssociateKmsKey" else None
        return responses.json_response({})

    handlers["logs"] = handling
