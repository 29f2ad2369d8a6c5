"""An OpenID Connect issuer like a cluster's API server: keys of its own, their public halves served as a key set."""

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

# IAM takes it, but its keys are nowhere.
UNREACHABLE = "https://oidc.eks.eu-central-1.amazonaws.com/id/0000"
AUDIENCE = "sts.amazonaws.com"
SUBJECT = "system:serviceaccount:team:puller"


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _number(value: int) -> str:
    return encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))


class Key:
    """One key to sign with."""

    def __init__(self, kid: str) -> None:
        self.kid, self.private = kid, rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def public(self) -> dict[str, str]:
        """As a JSON Web Key."""
        numbers = self.private.public_key().public_numbers()
        shown = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid}
        return {**shown, "n": _number(numbers.n), "e": _number(numbers.e)}

    def sign(self, claims: dict[str, Any], **header: str) -> str:
        """A token of these claims."""
        parts = ({"alg": "RS256", "kid": self.kid, **header}, claims)
        text = ".".join(encoded(json.dumps(part).encode()) for part in parts)
        return f"{text}.{encoded(self.private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


class Issuer:
    """`url` is its name in tokens, `address` where its keys are; `status` is what it answers there."""

    def __init__(self) -> None:
        self.url = "https://oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"
        self.key, self.status = Key("first"), 200
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = answer()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}/openid/v1/jwks"

    def _answer(self) -> tuple[int, bytes]:
        return self.status, json.dumps({"keys": [self.key.public]}).encode()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def prefix(self) -> str:
        """What ARNs and condition keys hold of it."""
        return self.url.removeprefix("https://")

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Those of a service account's token that was made now; None takes one out."""
        now = int(time.time())
        usual = {"iss": self.url, "sub": SUBJECT, "aud": [AUDIENCE], "iat": now, "nbf": now, "exp": now + 3600}
        return {name: value for name, value in {**usual, **changed}.items() if value is not None}

    def token(self, **changed: Any) -> str:
        return self.key.sign(self.claims(**changed))
