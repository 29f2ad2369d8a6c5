"""ECR authorization tokens: signed, bound to one principal, account and region, and ending when they say they end.

Real tokens are opaque. These keep their outer shape as seen in the wild (base64 of a JSON object with payload, datakey,
version, type and expiration; about 2 kB), so that whatever stores or prints a token meets one of the real size.
"""

import base64
import binascii
import dataclasses
import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path
from typing import Any

# Fills the token to the size of real ones (1.5 to 2.5 kB once encoded).
_DATAKEY_BYTES = 768


class TokenRefusedError(Exception):
    """The password is no token that counts. The text is what ECR answers; `why`, for our own log, quotes nothing of it."""

    def __init__(self, answer: str, why: str) -> None:
        super().__init__(answer)
        self.why = why


@dataclasses.dataclass(frozen=True)
class Claims:
    """What a token says about its holder.

    principal_id is IAM's unique id of the user or role (AIDA..., AROA...), so a principal that was deleted and made
    again under the same name is another one. issued and expires are Unix seconds. session_policies are those of the
    STS session that asked for the token, in the emulator's form, or None.
    """

    principal_arn: str
    principal_type: str
    principal_id: str
    account: str
    region: str
    issued: float
    expires: float
    session_policies: dict[str, Any] | None = None


def load_key(path: Path) -> bytes:
    """The signing key kept in `path`, made on first use: tokens outlive a restart, as real ones outlive any host."""
    if not path.exists():
        fresh = path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_bytes(secrets.token_bytes(32))
        fresh.replace(path)
    return path.read_bytes()


def _signature(key: bytes, envelope: dict[str, Any]) -> str:
    text = json.dumps({k: v for k, v in envelope.items() if k != "signature"}, sort_keys=True)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def issue(key: bytes, claims: Claims) -> str:
    """The password that stands for `claims`."""
    envelope: dict[str, Any] = {
        "payload": base64.b64encode(json.dumps(dataclasses.asdict(claims)).encode()).decode(),
        "datakey": base64.b64encode(os.urandom(_DATAKEY_BYTES)).decode(),
        "version": "2",
        "type": "DATA_KEY",
        "expiration": int(claims.expires),
    }
    envelope["signature"] = _signature(key, envelope)
    return base64.b64encode(json.dumps(envelope).encode()).decode()


def read(key: bytes, password: str, now: float) -> Claims:
    """The claims of a token that is genuine and has not ended at `now` (Unix seconds).

    Raises:
        TokenRefusedError: it is neither.
    """
    try:
        envelope = json.loads(base64.b64decode(password, validate=True))
        genuine = hmac.compare_digest(_signature(key, envelope), envelope["signature"])
        claims = Claims(**json.loads(base64.b64decode(envelope["payload"], validate=True))) if genuine else None
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError):
        claims = None
    if claims is None:
        raise TokenRefusedError("Not Authorized", "not a token of ours, or changed")
    if claims.expires <= now:
        raise TokenRefusedError(
            "Your authorization token has expired. Reauthenticate and try again.",
            f"the token of {claims.principal_arn} ended {now - claims.expires:.0f} s ago",
        )
    return claims
