"""IAM's OpenID Connect providers: what real IAM takes and tells of them, and the actions that the emulator lacks.

IAM API Reference, CreateOpenIDConnectProvider and its neighbours, "IAM and AWS STS quotas"; the words are those that clients of
real IAM were told.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from local.aws.emulator import Emulator, Reply, around

_CLIENT_IDS = 100
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
_INVALID_URL = "Invalid Open ID Connect Provider URL"


class _Refused(Exception):
    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def install(emulator: Emulator) -> None:
    """Put these actions in the place of the emulator's own."""
    iam = emulator.iam
    providers = _Providers(emulator)
    around(emulator.actions, "extract_resource_arn", _naming_providers)
    for action, answer in {
        "CreateOpenIDConnectProvider": providers.create,
        "GetOpenIDConnectProvider": providers.get,
        "DeleteOpenIDConnectProvider": providers.delete,
        "AddClientIDToOpenIDConnectProvider": providers.add_client,
        "RemoveClientIDFromOpenIDConnectProvider": providers.remove_client,
        "UpdateOpenIDConnectProviderThumbprint": providers.set_thumbprints,
        "TagOpenIDConnectProvider": providers.tag,
        "UntagOpenIDConnectProvider": providers.untag,
        "ListOpenIDConnectProviderTags": providers.tags,
    }.items():
        iam._IAM_HANDLERS[action] = _answering(iam, action, answer)


def _naming_providers(extract: Any) -> Any:
    """The resource of these actions, for policies that allow them on some only; the emulator takes it for any."""

    def extracted(service: str, *rest: Any, **named: Any) -> str:
        query, account = rest[4], rest[6]
        if service == "iam" and "OpenIDConnectProviderArn" in query:
            return query["OpenIDConnectProviderArn"][0]
        if service == "iam" and query.get("Action") == ["CreateOpenIDConnectProvider"]:
            return _arn(account, query.get("Url", [""])[0])
        return extract(service, *rest, **named)

    return extracted


def _arn(account: str, url: str) -> str:
    return f"arn:aws:iam::{account}:oidc-provider/{url.removeprefix('https://')}"


def _answering(iam: Any, action: str, answer: Callable[[dict[str, Any]], str]) -> Any:
    def answered(parameters: dict[str, Any]) -> Reply:
        try:
            inner = answer(parameters)
        except _Refused as refusal:
            return iam._error(refusal.status, refusal.code, escape(refusal.message), ns="iam")
        result = f"<{action}Result>{inner}</{action}Result>" if inner else ""
        return iam._xml(200, f"{action}Response", result, ns="iam")

    return answered


class _Providers:
    """Each action gives the inside of its result, or raises _Refused."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator, self._iam = emulator, emulator.iam

    def _listed(self, parameters: dict[str, Any], name: str) -> list[str]:
        found: list[str] = []
        while item := self._iam._p(parameters, f"{name}.member.{len(found) + 1}"):
            found.append(item)
        return found

    def _named(self, parameters: dict[str, Any]) -> dict[str, Any]:
        arn = self._iam._p(parameters, "OpenIDConnectProviderArn")
        if arn not in self._iam._oidc_providers:
            raise _Refused("NoSuchEntity", f"OpenIDConnect Provider not found for arn {arn}", 404)
        return self._iam._oidc_providers[arn]

    def create(self, parameters: dict[str, Any]) -> str:
        iam, url = self._iam, self._iam._p(parameters, "Url")
        _check_url(url)
        clients, tags = self._listed(parameters, "ClientIDList"), iam._extract_tags(parameters)
        thumbprints = _thumbprints(self._listed(parameters, "ThumbprintList"))
        _check_clients(clients)
        self._check_tags(tags)
        prefix = url.removeprefix("https://")
        arn = _arn(self._emulator.responses.get_account_id(), url)
        if arn in iam._oidc_providers:
            raise _Refused("EntityAlreadyExists", f"Provider with url {url} already exists.", 409)
        iam._oidc_providers[arn] = {
            "Arn": arn,
            "Url": prefix,
            "ClientIDList": clients,
            # Who gives none gets that of the issuer's certificate authority; this one is only as long as one.
            "ThumbprintList": thumbprints or [hashlib.sha1(prefix.encode(), usedforsecurity=False).hexdigest()],
            "CreateDate": iam._now(),
            "Tags": tags,
        }
        return f"<OpenIDConnectProviderArn>{escape(arn)}</OpenIDConnectProviderArn>{_tag_elements(tags)}"

    def get(self, parameters: dict[str, Any]) -> str:
        found = self._named(parameters)
        lists = "".join(
            f"<{name}>{''.join(f'<member>{escape(item)}</member>' for item in found[name])}</{name}>"
            for name in ("ClientIDList", "ThumbprintList")
        )
        date = f"<CreateDate>{found['CreateDate']}</CreateDate>"
        return f"<Url>{escape(found['Url'])}</Url>{lists}{date}{_tag_elements(found['Tags'])}"

    def delete(self, parameters: dict[str, Any]) -> str:
        del self._iam._oidc_providers[self._named(parameters)["Arn"]]
        return ""

    def add_client(self, parameters: dict[str, Any]) -> str:
        """Adding one that is there already changes nothing."""
        found, client = self._named(parameters), self._iam._p(parameters, "ClientID")
        clients = [*(other for other in found["ClientIDList"] if other != client), client]
        _check_clients(clients)
        found["ClientIDList"] = clients
        return ""

    def remove_client(self, parameters: dict[str, Any]) -> str:
        """Removing one that isn't there changes nothing."""
        found, client = self._named(parameters), self._iam._p(parameters, "ClientID")
        found["ClientIDList"] = [other for other in found["ClientIDList"] if other != client]
        return ""

    def set_thumbprints(self, parameters: dict[str, Any]) -> str:
        found, wanted = self._named(parameters), self._listed(parameters, "ThumbprintList")
        if not wanted:
            raise _Refused("InvalidInput", "Thumbprint list must contain at least one entry.")
        found["ThumbprintList"] = _thumbprints(wanted)
        return ""

    def tag(self, parameters: dict[str, Any]) -> str:
        found, tags = self._named(parameters), self._iam._extract_tags(parameters)
        self._check_tags(tags)
        new = {tag["Key"].lower() for tag in tags}
        found["Tags"] = [*(tag for tag in found["Tags"] if tag["Key"].lower() not in new), *tags]
        return ""

    def untag(self, parameters: dict[str, Any]) -> str:
        found = self._named(parameters)
        gone = {key.lower() for key in self._iam._extract_tag_keys(parameters)}
        found["Tags"] = [tag for tag in found["Tags"] if tag["Key"].lower() not in gone]
        return ""

    def tags(self, parameters: dict[str, Any]) -> str:
        return f"{_tag_elements(self._named(parameters)['Tags'])}<IsTruncated>false</IsTruncated>"

    def _check_tags(self, tags: list[dict[str, str]]) -> None:
        if self._iam._identity_tags_have_duplicate_keys(tags):
            raise _Refused("InvalidInput", self._iam.DUPLICATE_IDENTITY_TAG_KEYS)


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if not parts.scheme or not parts.netloc:
        raise _Refused("ValidationError", _INVALID_URL)
    if not url.startswith("https://"):
        raise _Refused("InvalidInput", f"{_INVALID_URL}. The URL must begin with https://.")
    # Neither a user, a port, a query nor a fragment.
    if len(url) > 255 or not _HOST.fullmatch(parts.netloc) or "?" in url or "#" in url:
        raise _Refused("InvalidInput", f"{_INVALID_URL}.")


def _check_clients(clients: list[str]) -> None:
    if len(clients) > _CLIENT_IDS:
        message = f"Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {_CLIENT_IDS}"
        raise _Refused("LimitExceeded", message, 409)


def _thumbprints(given: list[str]) -> list[str]:
    # Five are taken, whatever the words say.
    if len(given) > 5:
        raise _Refused("InvalidInput", "Thumbprint list must contain fewer than 5 entries.")
    if any(len(thumbprint) != 40 for thumbprint in given):
        raise _Refused("InvalidInput", "Thumbprint must be exactly 40 characters.")
    return [thumbprint.lower() for thumbprint in given]


def _tag_elements(tags: list[dict[str, str]]) -> str:
    members = "".join(
        f"<member><Key>{escape(tag['Key'])}</Key><Value>{escape(tag['Value'])}</Value></member>" for tag in tags
    )
    return f"<Tags>{members}</Tags>"
