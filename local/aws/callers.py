"""Who made a call, as IAM names them: users and roles by their ARN, a session by the role that was assumed."""

from collections.abc import Mapping
from typing import Any

from local.aws.emulator import Emulator

# Of calls that nobody signed, where that isn't as it should be.
NOBODY = "anonymous"
# Nobody signs it: the token in it is the proof.
_WEB_IDENTITY = "sts:AssumeRoleWithWebIdentity"


class Callers:
    """Reads IAM as it is, not as far as it has spread: a call counts for its key's owner even when it is refused for it."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def of_request(
        self, action: str, headers: Mapping[str, str], query: Mapping[str, Any], parameters: Mapping[str, Any]
    ) -> str:
        """The ARN of who the request names as its signer, or as the role that a token is to open; a key that nobody has is
        named itself.

        Whether signature or token is right is not looked at. `parameters` are those of the query and of a form.
        """
        if action == _WEB_IDENTITY:
            return self._wanted_role(parameters)
        key = self._emulator.web.extract_access_key_id(headers, query)
        if not key:
            return NOBODY
        credential = self._emulator.live_credential(key)
        if isinstance(credential, self._emulator.evaluator.CredentialResolutionError):
            return key
        return self.named(credential.principal_arn)

    def _wanted_role(self, parameters: Mapping[str, Any]) -> str:
        arn = self._emulator.iam._p(parameters, "RoleArn")
        account, _, rest = arn.partition("::")[2].partition(":")
        role = self._emulator.iam._roles.get_scoped(account, None, rest.rpartition("/")[2])
        return role["Arn"] if role and role["Arn"] == arn else NOBODY

    def named(self, arn: str) -> str:
        """The ARN of a user or role, that of its role for a session's, as stack outputs name identities."""
        parts = arn.split(":", 5)
        if len(parts) < 6 or parts[2] != "sts" or not parts[5].startswith("assumed-role/"):
            return arn
        account, (_, _, rest) = parts[4], parts[5].partition("/")
        role = self._emulator.iam._roles.get_scoped(account, None, rest.partition("/")[0])
        return role["Arn"] if role else arn
