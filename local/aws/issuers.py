"""The keys by which OpenID Connect issuers sign. Real STS asks an issuer by its own name, which here nothing resolves, so it is
told where each one's key set is."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import jwt  # pyright: ignore[reportMissingImports] - only the emulator's environment has it
import urllib3

# An issuer that takes longer is one that can't be reached (AWS Knowledge Center, "InvalidIdentityToken").
_SECONDS = 5.0


class KeysError(Exception):
    """An issuer's keys can't be had; the text says why."""


class Issuers:
    """Reads key sets anew each time, so that a key counts, or stops to, as soon as its issuer says so."""

    def __init__(self, addresses: Mapping[str, str], authority: Path | None) -> None:
        """`addresses` are the URLs of key sets by issuer; `authority` vouches for those that are HTTPS."""
        self._addresses, self._authority = dict(addresses), authority

    async def keys(self, issuer: str) -> jwt.PyJWKSet:
        """The keys that the issuer publishes now. Raises KeysError."""
        address = self._addresses.get(issuer)
        if address is None:
            raise KeysError(f"{issuer} was not named by --issuer")
        return await asyncio.to_thread(self._read, address)

    def _read(self, address: str) -> jwt.PyJWKSet:
        trusted = str(self._authority) if self._authority else None
        try:
            # It takes no proxy from the environment, which is that of Lambda functions.
            with urllib3.PoolManager(ca_certs=trusted, retries=False, timeout=_SECONDS) as pool:
                answer = pool.request("GET", address, redirect=False)
            if answer.status != 200:
                raise KeysError(f"{address} answered {answer.status}")
            return jwt.PyJWKSet.from_dict(json.loads(answer.data))
        except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError, jwt.PyJWTError) as error:
            raise KeysError(f"{address}: {error}") from None
