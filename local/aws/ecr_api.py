"""ECR API actions that the emulator lacks or answers unlike AWS, run after its authentication and authorisation."""

import base64
import json
import time
from dataclasses import dataclass
from typing import Any

from local.aws.emulator import Emulator, Reply, replace
from local.aws.policy import Policy
from local.aws.tokens import issue


@dataclass
class TokenLife:
    """How long new tokens live; changed at run time so that a day of renewals fits in minutes. AWS: 12 hours."""

    seconds: int


def install(emulator: Emulator, policy: Policy, key: bytes, life: TokenLife) -> None:
    """Answer the actions below instead of the emulator's own code."""
    serve = emulator.ecr.handle_request
    responses = emulator.responses

    def error(code: str, message: str) -> Reply:
        return responses.error_response_json(code, message, 400)

    def get_authorization_token(data: dict[str, Any]) -> Reply:
        """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html

        One token for the caller and region; the deprecated registryIds only add entries with that registry's endpoint
        (the same token works for every registry the principal may reach).
        """
        own, region = responses.get_account_id(), responses.get_region()
        registries = data.get("registryIds", [])
        if not isinstance(registries, list) or (registries and len(registries) > 10):
            return error("InvalidParameterException", "registryIds must have between 1 and 10 members")
        for registry in registries:
            if not (isinstance(registry, str) and len(registry) == 12 and registry.isdigit()):
                return error(
                    "InvalidParameterException",
                    "Invalid parameter at 'registryIds' failed to satisfy constraint: "
                    "'Member must satisfy regular expression pattern: [0-9]{12}'",
                )
        now = time.time()
        try:
            claims = policy.claims_of_caller(now, now + life.seconds, region)
        except LookupError as gone:
            return error("UnrecognizedClientException", str(gone))
        token = base64.b64encode(f"AWS:{issue(key, claims)}".encode()).decode()
        entries = [
            {
                "authorizationToken": token,
                "expiresAt": round(claims.expires, 3),
                "proxyEndpoint": f"https://{registry}.dkr.ecr.{region}.amazonaws.com",
            }
            for registry in registries or [own]
        ]
        return responses.json_response({"authorizationData": entries})

    actions = {"GetAuthorizationToken": get_authorization_token}

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
    ) -> Reply:
        action = actions.get(headers.get("x-amz-target", "").rpartition(".")[2])
        if action is None:
            return await serve(method, path, headers, body, query_params)
        try:
            data = json.loads(body or b"{}")
        except ValueError:
            return error("SerializationException", "the request is not JSON")
        return action(data if isinstance(data, dict) else {})

    replace(emulator.ecr, "handle_request", handle_request)
