"""May the holder of a token do this to a repository? Decided by the emulator's own policy evaluator."""

from dataclasses import dataclass
from typing import Any

from local.aws.consistency import deciding
from local.aws.emulator import Emulator
from local.aws.registry_hosts import partition
from local.aws.tokens import Claims


@dataclass(frozen=True)
class Repository:
    """A repository by registry (account and region) and name, whether it exists or not."""

    account: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:{partition(self.region)}:ecr:{self.region}:{self.account}:repository/{self.name}"


class Policy:
    """Looks up principals, repositories and their policies in the emulator's state, as they are now."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def claims_of_caller(self, issued: float, expires: float, region: str) -> Claims:
        """Claims for whoever signed the current API request.

        Raises:
            LookupError: the caller is no user, role session or root.
        """
        evaluator, sts = self._emulator.evaluator, self._emulator.sts
        key = self._emulator.verified_access_key()
        credential = evaluator.resolve_credential(key)
        if isinstance(credential, evaluator.CredentialResolutionError):
            raise LookupError(credential.message)
        with deciding():
            entity = self._entity(credential.principal_type, credential.principal_arn, credential.account_id)
        if entity is None:
            raise LookupError("The security token included in the request is invalid.")
        return Claims(
            principal_arn=credential.principal_arn,
            principal_type=credential.principal_type,
            principal_id=entity,
            account=credential.account_id,
            region=region,
            issued=issued,
            expires=expires,
            session_policies=(sts._sessions.get(key) or {}).get("SessionPolicies"),
        )

    def principal_exists(self, claims: Claims) -> bool:
        """Whether the very principal that got the token is still there."""
        with deciding():
            found = self._entity(claims.principal_type, claims.principal_arn, claims.account)
        return found is not None and found == claims.principal_id

    def entity_exists(self, account: str, kind: str, name: str) -> bool:
        """Whether an account has that `role` or `user`, as far as it has spread."""
        iam = self._emulator.iam
        with deciding():
            return (iam._roles if kind == "role" else iam._users).get_scoped(account, None, name) is not None

    def repository_exists(self, repository: Repository) -> bool:
        """Whether ECR has the repository."""
        store = self._emulator.ecr._repositories
        return store.contains_scoped(repository.account, repository.region, repository.name)

    def refusal(self, claims: Claims, action: str, repository: Repository) -> str | None:
        """Why `action` (`ecr:BatchGetImage`...) is refused, in AWS's words, or None when it is allowed.

        In the repository's own account an Allow in the identity policy or the repository policy suffices; from
        another account both are needed; an explicit Deny in either wins, over root too. A repository statement that names
        the caller's account alone delegates to that account's identity policies.
        """
        evaluator = self._emulator.evaluator
        with deciding():
            policies, limits = self._identity(claims)
        context = evaluator.EvalContext(
            principal_arn=claims.principal_arn,
            principal_type=claims.principal_type,
            principal_account=claims.account,
            action=action,
            resource_arn=repository.arn,
            region=repository.region,
            # Clients call the registry by its real name, with TLS; the plain hop is this machine's.
            secure_transport=True,
        )
        identity = evaluator.evaluate(context, policies, *limits)
        document = self._emulator.ecr._repo_policies.get_scoped(repository.account, repository.region, repository.name)
        result = evaluator.combine_resource_policy(identity, context, document or "", repository.account, limits=limits)
        if result.decision == "Allow":
            return None
        if result.decision == "Deny":
            kind = "a resource-based policy" if result.resource_policy_arn else "an identity-based policy"
            reason = f"with an explicit deny in {kind}"
        else:
            kind = "resource-based" if identity.decision == "Allow" else "identity-based"
            reason = f"because no {kind} policy allows the {action} action"
        return (
            f"User: {claims.principal_arn} is not authorized to perform: {action} "
            f"on resource: {repository.arn} {reason}"
        )

    def _identity(self, claims: Claims) -> tuple[list[Any], list[Any]]:
        """The principal's policies, and what narrows them (boundary, session policies)."""
        evaluator, iam = self._emulator.evaluator, self._emulator.iam
        if claims.principal_type == "Root":
            everything = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
            return [evaluator.parse_policy_document(everything)], []
        name = _name(claims.principal_arn)
        # The evaluator reads some of IAM's tables in the scope of the current request.
        with self._emulator.responses.request_scope(claims.account, claims.region):
            if claims.principal_type == "User":
                policies = evaluator._gather_user_policies(name, claims.account)
                limits = evaluator._permissions_boundary(iam._users, name, claims.account)
            else:
                policies = evaluator._gather_role_policies(name, claims.account)
                limits = evaluator._permissions_boundary(iam._roles, name, claims.account)
            session = {"SessionPolicies": claims.session_policies}
            return policies, limits + evaluator._session_policy_limits(session, claims.account)

    def _entity(self, principal_type: str, arn: str, account: str) -> str | None:
        """IAM's unique id of the user or role behind an ARN (the account id for root), or None when it is gone."""
        iam = self._emulator.iam
        if principal_type == "Root":
            return account
        if principal_type == "User":
            return (iam._users.get_scoped(account, None, _name(arn)) or {}).get("UserId")
        if principal_type == "AssumedRole":
            return (iam._roles.get_scoped(account, None, _name(arn)) or {}).get("RoleId")
        return None


def _name(arn: str) -> str:
    """The user's name (a path may stand before it) or the assumed role's (a session name stands after it)."""
    parts = arn.split(":", 5)[5].split("/")
    return parts[1] if parts[0] == "assumed-role" else parts[-1]
