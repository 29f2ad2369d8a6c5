"""AssumeRoleWithWebIdentity: a token is believed when its issuer's keys vouch for it, and opens the roles that trust it.

The emulator looks at neither signature nor time. What is checked, with which codes and words: STS API Reference,
AssumeRoleWithWebIdentity; IAM User Guide, "OIDC federation" and "Available keys for AWS OIDC federation"; AWS Knowledge Center,
"InvalidIdentityToken"; and what clients of real STS were told.
"""

import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

import jwt  # pyright: ignore[reportMissingImports] - only the emulator's environment has it

from local.aws.emulator import Emulator, Reply, around
from local.aws.issuers import Issuers, KeysError

ACTION = "AssumeRoleWithWebIdentity"
_ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")
_CLAIMS = ("iss", "sub", "aud", "iat", "exp")
# IAM User Guide, "OIDC federation": a token is taken until five minutes after its end, for clocks that differ.
_SKEW_SECONDS = 300
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_SECONDS = range(900, 43201)
_NO_JWT = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
_NO_KEY = (
    "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity "
    "documentation for requirements"
)
_NOT_VALIDATED = (
    "The web identity token provided could not be validated. See the AssumeRoleWithWebIdentity documentation for "
    "requirements."
)
_log = logging.getLogger("everpull.web_identity")


class Refused(Exception):
    """An error of STS."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


@dataclass(frozen=True)
class Identity:
    """A believed token: the ARN of its issuer in IAM, what its condition keys begin with, for whom and about whom it is."""

    provider: str
    prefix: str
    audience: str
    subject: str


class WebIdentity:
    """Answers the action in the emulator's place."""

    def __init__(self, emulator: Emulator, issuers: Issuers) -> None:
        self._emulator, self._issuers = emulator, issuers
        around(emulator.sts, "handle_request", self._handling)

    def _handling(self, handle: Any) -> Any:
        iam = self._emulator.iam

        async def handled(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Reply:
            parameters = self._emulator.web._routing_params(method, path, headers, body, query)
            # STS speaks the query protocol; in the other one, which the emulator knows, tokens would go unchecked.
            other_protocol = headers.get("x-amz-target", "").endswith(f".{ACTION}")
            if iam._p(parameters, "Action") != ACTION and not other_protocol:
                return await handle(method, path, headers, body, query)
            try:
                if other_protocol:
                    raise Refused("InvalidAction", f"Could not find operation {ACTION}")
                return await self._assume(parameters)
            except Refused as refusal:
                return iam._error(refusal.status, refusal.code, escape(refusal.message), ns="sts")

        return handled

    async def _assume(self, parameters: dict[str, Any]) -> Reply:
        iam, sts = self._emulator.iam, self._emulator.sts
        seconds = _checked(iam, parameters)
        role_arn, name = iam._p(parameters, "RoleArn"), iam._p(parameters, "RoleSessionName")
        arn, fault = sts._assumed_role_arn(role_arn, name)
        if fault:
            return fault
        account = role_arn.split(":")[4]
        limits, fault = sts._session_policies(parameters, account)
        if fault:
            return fault
        identity = await self._believed(iam._p(parameters, "WebIdentityToken"), account)
        role = self._trusting_role(role_arn, account, name, identity)
        if seconds > role.get("MaxSessionDuration", 3600):
            message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
            raise Refused("ValidationError", message)
        return self._session(role, arn, name, account, seconds, limits, identity)

    async def _believed(self, token: str, account: str) -> Identity:
        """What the token says. Raises Refused."""
        try:
            kid, claimed = jwt.get_unverified_header(token).get("kid"), jwt.decode(token, options=UNCHECKED)
        except jwt.PyJWTError:
            raise Refused("InvalidIdentityToken", _NO_JWT) from None
        issuer = claimed.get("iss")
        prefix = str(issuer).removeprefix("https://")
        arn = f"arn:aws:iam::{account}:oidc-provider/{prefix}"
        provider = self._emulator.iam._oidc_providers.get_scoped(account, None, arn)
        if provider is None or not str(issuer).startswith("https://"):
            message = f"No OpenIDConnect provider found in your account for {issuer}"
            raise Refused("InvalidIdentityToken", message)
        try:
            key = (await self._issuers.keys(issuer))[kid]
        except (KeysError, KeyError) as error:
            _log.warning("no key to check a token of %s: %s", issuer, error)
            raise Refused("InvalidIdentityToken", _NO_KEY) from None
        claims = verified(token, key, claimed)
        audience = audience_of(claims)
        if audience not in provider["ClientIDList"]:
            raise Refused("InvalidIdentityToken", "Incorrect token audience")
        return Identity(arn, prefix, audience, claims["sub"])

    def _trusting_role(self, role_arn: str, account: str, name: str, identity: Identity) -> Mapping[str, Any]:
        """The role, which lets the identity in. Raises Refused, in the same words when there is no such role."""
        evaluator = self._emulator.evaluator
        context = evaluator.EvalContext(
            principal_arn=identity.provider,
            principal_type="WebIdentityUser",
            principal_account=account,
            action=f"sts:{ACTION}",
            resource_arn=role_arn,
            region=self._emulator.responses.get_region(),
            # The evaluator looks for its keys in lower case.
            service_context={
                f"{identity.prefix}:aud".lower(): identity.audience,
                f"{identity.prefix}:sub".lower(): identity.subject,
                "sts:rolesessionname": name,
            },
            principal_keys={"aws:federatedprovider": identity.provider},
        )
        role = self._emulator.iam._roles.get_scoped(account, None, role_arn.rpartition("/")[2])
        if (
            role is None
            or role["Arn"] != role_arn
            or not evaluator.evaluate_trust_policy(role["AssumeRolePolicyDocument"], identity.provider, context)
        ):
            raise Refused("AccessDenied", f"Not authorized to perform sts:{ACTION}", 403)
        return role

    def _session(
        self,
        role: Mapping[str, Any],
        arn: str,
        name: str,
        account: str,
        seconds: int,
        limits: dict[str, Any],
        identity: Identity,
    ) -> Reply:
        """Credentials like AssumeRole's, and the answer that tells them."""
        iam = self._emulator.iam
        session_id = f"{role['RoleId']}:{name}"
        credentials = {
            **session(self._emulator, arn, session_id, account, seconds, limits),
            "Expiration": iam._future(seconds),
        }
        result = {
            "Credentials": credentials,
            "SubjectFromWebIdentityToken": identity.subject,
            "AssumedRoleUser": {"AssumedRoleId": session_id, "Arn": arn},
            "Provider": identity.provider,
            "Audience": identity.audience,
        }
        return iam._xml(200, f"{ACTION}Response", f"<{ACTION}Result>{_elements(result)}</{ACTION}Result>", ns="sts")


def session(
    emulator: Emulator, arn: str, session_id: str, account: str, seconds: int, limits: dict[str, Any] | None = None
) -> dict[str, str]:
    """Makes the session of a role known, for so long. Gives its key, secret and token by the names that STS has for them."""
    iam = emulator.iam
    key, secret, token = iam._gen_session_access_key(), iam._gen_secret(), iam._gen_session_token()
    emulator.sts.register_session(
        key,
        {
            "Arn": arn,
            "UserId": session_id,
            "SecretAccessKey": secret,
            "SessionToken": token,
            "Expiration": time.time() + seconds,
            "AccountId": account,
            "PrincipalType": "AssumedRole",
            "SessionPolicies": limits if limits and any(limits.values()) else None,
        },
    )
    return {"AccessKeyId": key, "SecretAccessKey": secret, "SessionToken": token}


UNCHECKED = {"verify_signature": False}


def verified(token: str, key: Any, claimed: Mapping[str, Any]) -> dict[str, Any]:
    """The claims of a token that the key signed and that is good now. Raises Refused."""
    try:
        options = {"require": list(_CLAIMS), "verify_aud": False}
        return jwt.decode(token, key, algorithms=list(_ALGORITHMS), leeway=_SKEW_SECONDS, options=options)
    except jwt.ExpiredSignatureError:
        ended = f"current date/time {int(time.time())} must be before the expiration date/time {claimed['exp']}"
        raise Refused("ExpiredTokenException", f"Token expired: {ended}") from None
    except jwt.MissingRequiredClaimError as error:
        raise Refused("InvalidIdentityToken", f"Missing a required claim: {error.claim}") from None
    except jwt.PyJWTError as error:
        _log.warning("a token of %s is refused: %s", claimed.get("iss"), error)
        raise Refused("InvalidIdentityToken", _NOT_VALIDATED) from None


def audience_of(claims: Mapping[str, Any]) -> str:
    """Whom the token is for: its authorized party, or else its only audience. Raises Refused."""
    listed = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if claims.get("azp"):
        return str(claims["azp"])
    if len(listed) > 1:
        message = "Token audience contains more than one audience while authorized party is not present"
        raise Refused("InvalidIdentityToken", message)
    return str(listed[0]) if listed else ""


def _checked(iam: Any, parameters: dict[str, Any]) -> int:
    """The session's length in seconds, when the request is whole. Raises Refused."""

    def fault(value: str, member: str, constraint: str) -> Refused:
        at = f"Value {value}at '{member}' failed to satisfy constraint: Member must {constraint}"
        return Refused("ValidationError", f"1 validation error detected: {at}")

    for member in ("roleArn", "roleSessionName", "webIdentityToken"):
        if not iam._p(parameters, member[0].upper() + member[1:]):
            raise fault("", member, "not be null")
    name, seconds = iam._p(parameters, "RoleSessionName"), iam._p(parameters, "DurationSeconds") or "3600"
    if not _SESSION_NAME.fullmatch(name):
        raise fault(f"'{name}' ", "roleSessionName", r"satisfy regular expression pattern: [\w+=,.@-]*")
    if not seconds.isdecimal() or int(seconds) not in _SECONDS:
        raise fault(f"'{seconds}' ", "durationSeconds", "have value between 900 and 43200")
    return int(seconds)


def _elements(values: Mapping[str, Any]) -> str:
    return "".join(
        f"<{name}>{_elements(value) if isinstance(value, Mapping) else escape(str(value))}</{name}>"
        for name, value in values.items()
    )
