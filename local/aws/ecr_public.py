"""The one action of the ECR Public API that everpull calls, which the emulator lacks.

https://docs.aws.amazon.com/AmazonECRPublic/latest/APIReference/API_GetAuthorizationToken.html
"""

import base64
import dataclasses
import time

from local.aws.ecr_api import TokenLife
from local.aws.emulator import Emulator, Reply
from local.aws.policy import Policy
from local.aws.registry_hosts import PUBLIC
from local.aws.tokens import issue

SERVICE = "ecr-public"
_REGION = "us-east-1"
# The action that stands behind the token, asked for beside ECR Public's own (Service Authorization Reference, AWS STS).
_BEARER = "sts:GetServiceBearerToken"


class EcrPublicApi:
    """Answers after the emulator's authentication and its judgement of `ecr-public:GetAuthorizationToken`."""

    def __init__(self, emulator: Emulator, policy: Policy, key: bytes, life: TokenLife) -> None:
        self._emulator, self._policy, self._key, self._life = emulator, policy, key, life
        emulator.add_service(SERVICE, "SpencerFrontendService", self._handle)

    def _handle(self, action: str, headers: dict[str, str]) -> Reply:
        responses = self._emulator.responses
        if action != "GetAuthorizationToken":
            return responses.error_response_json(
                "UnsupportedCommandException", f"the local stand-in for ECR Public has no {action}", 400
            )
        if responses.get_region() != _REGION:
            # The other regions have no endpoint but us-west-2, where this action isn't supported.
            return responses.error_response_json(
                "UnsupportedCommandException", f"{action} is not supported in {responses.get_region()}", 400
            )
        if denied := self._bearer_denied(headers):
            return denied
        now = time.time()
        try:
            claims = self._policy.claims_of_caller(now, now + self._life.seconds, _REGION)
        except LookupError as gone:
            return responses.error_response_json("UnrecognizedClientException", str(gone), 400)
        # Bound to the host in place of a region, so that it opens no private registry.
        password = issue(self._key, dataclasses.replace(claims, region=PUBLIC))
        token = base64.b64encode(f"AWS:{password}".encode()).decode()
        data = {"authorizationToken": token, "expiresAt": round(claims.expires, 3)}
        return responses.json_response({"authorizationData": data})

    def _bearer_denied(self, headers: dict[str, str]) -> Reply | None:
        denied = self._emulator.evaluator.enforce(
            self._emulator.verified_access_key(),
            _BEARER,
            SERVICE,
            _REGION,
            service_context={"sts:AWSServiceName": f"{SERVICE}.amazonaws.com"},
        )
        if denied is None:
            return None
        return self._emulator.actions.access_denied_response(
            SERVICE, _BEARER, denied.principal_arn, "", headers=headers, explicit_deny=denied.decision == "Deny"
        )
