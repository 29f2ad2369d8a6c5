"""Pull-through caches: repositories that a pull makes and fills, for those who may.

What the registry behind has under a repository's path stands for what the rule's upstream has; no upstream is asked.
"""

import re
from collections.abc import Callable
from typing import Any

from local.aws.backend import Backend
from local.aws.emulator import Emulator, Reply, around
from local.aws.policy import Policy, Repository
from local.aws.tokens import Claims

# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreatePullThroughCacheRule.html
_PREFIX = re.compile(r"(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*/?|ROOT")
# The registry behind shows a manifest only to who names its type.
_ANY_MANIFEST = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_KEPT_RULES, _KEPT_IMAGES = "everpull_pull_through_rules", "everpull_cached_images"


class PullThrough:
    """Rules, and which tags of which repositories they have brought. `changed` saves the state of a service."""

    def __init__(
        self,
        emulator: Emulator,
        backend: Backend,
        policy: Policy,
        count: Callable[[str, str], None],
        changed: Callable[[str], None],
    ) -> None:
        self._emulator, self._backend, self._policy = emulator, backend, policy
        self._count, self._changed = count, changed
        # prefix -> rule, repository -> tags
        self._rules = emulator.responses.AccountRegionScopedDict()
        self._images = emulator.responses.AccountRegionScopedDict()
        around(emulator.ecr, "get_state", self._saving)
        around(emulator.ecr, "load_persisted_state", self._loading)

    def _saving(self, get_state: Any) -> Any:
        return lambda: {**get_state(), _KEPT_RULES: self._rules, _KEPT_IMAGES: self._images}

    def _loading(self, load: Any) -> Any:
        def loaded(state: dict[str, Any]) -> None:
            load(state)
            self._rules.update(state.get(_KEPT_RULES) or {})
            self._images.update(state.get(_KEPT_IMAGES) or {})

        return loaded

    def handle(self, action: str, data: dict[str, Any]) -> Reply | None:
        """The API's own actions on rules; None for all others."""
        responses = self._emulator.responses
        prefix = str(data.get("ecrRepositoryPrefix") or "").rstrip("/")
        if action == "CreatePullThroughCacheRule":
            if not _PREFIX.fullmatch(prefix):
                return responses.error_response_json("InvalidParameterException", "ecrRepositoryPrefix", 400)
            if prefix in self._rules:
                return responses.error_response_json("PullThroughCacheRuleAlreadyExistsException", prefix, 400)
            url = data.get("upstreamRegistryUrl") or ""
            self._rules[prefix] = {"ecrRepositoryPrefix": prefix, "upstreamRegistryUrl": url}
            return responses.json_response({**self._rules[prefix], "registryId": responses.get_account_id()})
        if action == "DescribePullThroughCacheRules":
            wanted = data.get("ecrRepositoryPrefixes") or list(self._rules.keys())
            rules = [
                {**self._rules[one], "registryId": responses.get_account_id()} for one in wanted if one in self._rules
            ]
            if len(rules) == len(wanted):
                return responses.json_response({"pullThroughCacheRules": rules})
        elif action != "DeletePullThroughCacheRule":
            return None
        elif prefix in self._rules:
            return responses.json_response({**self._rules.pop(prefix), "registryId": responses.get_account_id()})
        return responses.error_response_json("PullThroughCacheRuleNotFoundException", prefix, 400)

    async def bring(self, claims: Claims, repository: Repository, reference: str) -> None:
        """Make the repository and its image be there, as far as a rule and the puller's rights go; else nothing happens.

        Who may not make the repository is then told that there is none, and who may not import that there is no such image
        (Amazon ECR User Guide, Troubleshooting pull through cache issues).
        """
        if not self._has_rule(repository):
            return
        exists = self._policy.repository_exists(repository)
        if not exists and not self._may(claims, "ecr:CreateRepository", repository):
            return
        # A repository that was deleted took its images with it.
        if not exists or not self.has(repository, reference):
            path = f"/v2/{repository.account}/{repository.region}/{repository.name}/manifests/{reference}"
            async with self._backend.request("HEAD", path, {"Accept": _ANY_MANIFEST}) as found:
                if found.status != 200:
                    return
            if not self._may(claims, "ecr:BatchImportUpstreamImage", repository):
                return
            scope = (repository.account, repository.region)
            tags = (self._images.get_scoped(*scope, repository.name) or []) if exists else []
            self._images.set_scoped(*scope, repository.name, [*tags, reference])
        if not exists:
            with self._emulator.responses.request_scope(repository.account, repository.region):
                self._emulator.ecr._create_repository({"repositoryName": repository.name})
        self._changed("ecr")

    def has(self, repository: Repository, reference: str) -> bool:
        """Whether the repository itself has that tag or digest: what is behind, and under a rule what of it was brought."""
        if not self._has_rule(repository):
            return True
        tags = self._images.get_scoped(repository.account, repository.region, repository.name) or []
        # An import brings the image whole, so that the digests within it are there with its tag.
        return reference in tags or (reference.startswith("sha256:") and bool(tags))

    def _has_rule(self, repository: Repository) -> bool:
        parts = repository.name.split("/")
        prefixes = ["/".join(parts[:end]) for end in range(1, len(parts))]
        return any(
            self._rules.contains_scoped(repository.account, repository.region, prefix) for prefix in [*prefixes, "ROOT"]
        )

    def _may(self, claims: Claims, action: str, repository: Repository) -> bool:
        self._count(action, claims.principal_arn)
        return self._policy.refusal(claims, action, repository) is None
