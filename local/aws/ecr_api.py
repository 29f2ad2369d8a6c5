"""ECR API actions that the emulator lacks or answers unlike AWS, run after its authentication and authorisation."""

import base64
import json
import re
import time
from dataclasses import dataclass
from typing import Any

from local.aws import repository_policy
from local.aws.backend import Backend
from local.aws.emulator import Emulator, Reply, replace
from local.aws.policy import Policy, Repository
from local.aws.pull_through import PullThrough
from local.aws.tokens import issue

# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
_NAME = r"(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*"
# The emulator's codes are AWS's, its texts name no registry.
_TEXTS = {
    "RepositoryNotFoundException": "The repository with name '{name}' does not exist in the registry with id '{id}'",
    "RepositoryAlreadyExistsException": "The repository with name '{name}' already exists in the registry with id '{id}'",
    "RepositoryPolicyNotFoundException": (
        "Repository policy does not exist for the repository with name '{name}' in the registry with id '{id}'"
    ),
    "RepositoryNotEmptyException": (
        "The repository with name '{name}' in registry with id '{id}' cannot be deleted because it still contains images"
    ),
}


@dataclass
class TokenLife:
    """How long new tokens live; changed at run time so that a day of renewals fits in minutes. AWS: 12 hours."""

    seconds: int


class EcrApi:
    """Answers before, or instead of, the emulator's own ECR."""

    def __init__(
        self,
        emulator: Emulator,
        policy: Policy,
        backend: Backend,
        caches: PullThrough,
        key: bytes,
        life: TokenLife,
    ) -> None:
        self._policy, self._backend, self._caches, self._key, self._life = policy, backend, caches, key, life
        self._responses = emulator.responses
        self._serve = emulator.ecr.handle_request
        replace(emulator.ecr, "handle_request", self.handle_request)

    async def handle_request(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
    ) -> Reply:
        """The emulator's own signature."""
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        try:
            data = json.loads(body or b"{}")
        except ValueError:
            data = None
        if not isinstance(data, dict):
            return self._error("SerializationException", "the request is not a JSON object")
        if action == "GetAuthorizationToken":
            return self._get_authorization_token(data)
        if (reply := self._caches.handle(action, data)) is not None:
            return reply
        reply = await self._fault(action, data) or await self._serve(method, path, headers, body, query_params)
        return self._reworded(reply, data)

    async def _fault(self, action: str, data: dict[str, Any]) -> Reply | None:
        account, region = self._responses.get_account_id(), self._responses.get_region()
        name = data.get("repositoryName", "")
        if data.get("registryId", account) != account:
            # Another account's registry can be managed only through its repository policies: none here allow it.
            return self._error("RepositoryNotFoundException", "")
        if action == "CreateRepository" and not (2 <= len(name) <= 256 and re.fullmatch(_NAME, name)):
            return self._invalid("repositoryName", f"must satisfy regular expression '{_NAME}'")
        if action == "SetRepositoryPolicy":
            unfit = repository_policy.fault(data.get("policyText", ""), self._policy.entity_exists)
            if unfit:
                return self._invalid("PolicyText", unfit)
        repository = Repository(account, region, name)
        if action == "DeleteRepository" and not data.get("force") and self._policy.repository_exists(repository):
            path = f"/v2/{account}/{region}/{name}/tags/list"
            async with self._backend.request("GET", path, {}) as found:
                tags = json.loads(b"".join([piece async for piece in found.pieces()])) if found.status == 200 else {}
            if tags.get("tags"):
                return self._error("RepositoryNotEmptyException", "")
        return None

    def _get_authorization_token(self, data: dict[str, Any]) -> Reply:
        """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html

        One token for the caller and region; the deprecated registryIds only add entries with that registry's endpoint
        (the same token works for every registry the principal may reach).
        """
        own, region = self._responses.get_account_id(), self._responses.get_region()
        registries = data.get("registryIds", [])
        if not isinstance(registries, list) or len(registries) > 10:
            return self._invalid("registryIds", "Member must have length less than or equal to 10")
        if not all(isinstance(registry, str) and re.fullmatch(r"[0-9]{12}", registry) for registry in registries):
            return self._invalid("registryIds", "Member must satisfy regular expression pattern: [0-9]{12}")
        now = time.time()
        try:
            claims = self._policy.claims_of_caller(now, now + self._life.seconds, region)
        except LookupError as gone:
            return self._error("UnrecognizedClientException", str(gone))
        token = base64.b64encode(f"AWS:{issue(self._key, claims)}".encode()).decode()
        entries = [
            {
                "authorizationToken": token,
                "expiresAt": round(claims.expires, 3),
                "proxyEndpoint": f"https://{registry}.dkr.ecr.{region}.amazonaws.com",
            }
            for registry in registries or [own]
        ]
        return self._responses.json_response({"authorizationData": entries})

    def _reworded(self, reply: Reply, data: dict[str, Any]) -> Reply:
        if reply[0] == 200:
            return reply
        document = json.loads(reply[2])
        text = _TEXTS.get(document.get("__type", ""))
        if text is None:
            return reply
        name = data.get("repositoryName") or ", ".join(data.get("repositoryNames", []))
        registry = data.get("registryId", self._responses.get_account_id())
        return self._error(document["__type"], text.format(name=name, id=registry))

    def _invalid(self, parameter: str, constraint: str) -> Reply:
        message = f"Invalid parameter at '{parameter}' failed to satisfy constraint: '{constraint}'"
        return self._error("InvalidParameterException", message)

    def _error(self, code: str, message: str) -> Reply:
        return self._responses.error_response_json(code, message, 400)
