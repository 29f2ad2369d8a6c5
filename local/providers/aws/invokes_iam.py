"""Functions about IAM: what is behind a role's or an issuer's name."""

import json
from collections.abc import Mapping
from typing import Any

from local.providers.aws.session import Api, AwsError, Session
from local.providers.common.provider import ProviderError

Args = dict[str, Any]
# The real provider's words, which programs look for.
_ABSENT = "couldn't find resource"


def role(session: Session, _tags: Mapping[str, str], args: Args) -> Args:
    """`iam.getRole`."""
    name = args["name"]
    try:
        found = Api(session, "iam", session.settings.region).call("get_role", RoleName=name)["Role"]
    except AwsError as error:
        reason = _ABSENT if error.code == "NoSuchEntity" else str(error)
        raise ProviderError(f"reading IAM Role ({name}): {reason}") from None
    trust = found["AssumeRolePolicyDocument"]
    used = found.get("RoleLastUsed") or {}
    last = used.get("LastUsedDate")
    return {
        "id": found["RoleName"],
        "name": found["RoleName"],
        "arn": found["Arn"],
        "assumeRolePolicy": trust if isinstance(trust, str) else json.dumps(trust, separators=(",", ":")),
        "createDate": f"{found['CreateDate']:%Y-%m-%dT%H:%M:%SZ}",
        "description": found.get("Description", ""),
        "maxSessionDuration": found.get("MaxSessionDuration", 3600),
        "path": found["Path"],
        "permissionsBoundary": (found.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn", ""),
        "roleLastUseds": [{"lastUsedDate": f"{last:%Y-%m-%dT%H:%M:%SZ}", "region": used.get("Region", "")}]
        if last
        else [],
        "tags": {item["Key"]: item["Value"] for item in found.get("Tags") or []},
        "uniqueId": found["RoleId"],
    }


def open_id_connect_provider(session: Session, _tags: Mapping[str, str], args: Args) -> Args:
    """`iam.getOpenIdConnectProvider`, by ARN or by URL."""
    api = Api(session, "iam", session.settings.region)
    if ("arn" in args) == ("url" in args):
        raise ProviderError("one of `arn,url` must be specified, and only one")
    arn = args["arn"] if "arn" in args else _arn_of(api, args["url"])
    try:
        found = api.call("get_open_id_connect_provider", OpenIDConnectProviderArn=arn)
    except AwsError as error:
        reason = _ABSENT if error.code == "NoSuchEntity" else str(error)
        raise ProviderError(f"reading IAM OIDC Provider: {reason}") from None
    return {
        "id": arn,
        "arn": arn,
        "url": found["Url"],
        "clientIdLists": found["ClientIDList"],
        "thumbprintLists": found["ThumbprintList"],
        "tags": {item["Key"]: item["Value"] for item in found.get("Tags") or []},
    }


def _arn_of(api: Api, url: str) -> str:
    for entry in api.call("list_open_id_connect_providers")["OpenIDConnectProviderList"]:
        if entry["Arn"].partition("/")[2] == url.removeprefix("https://"):
            return entry["Arn"]
    raise ProviderError(f"reading IAM OIDC Provider ({url}): {_ABSENT}")
