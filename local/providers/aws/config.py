"""The provider's configuration: from `aws:` stack config, an explicit `aws.Provider`, or the environment."""

import json
import os
import threading
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError

from local.providers.aws.session import Api, Session, Settings, service_endpoints
from local.providers.common.provider import CheckRequest, CheckResult, ProviderError
from local.providers.common.values import Secret, Unknown

_TEXT = (
    "region",
    "profile",
    "accessKey",
    "secretKey",
    "token",
    "stsRegion",
    "maxRetries",
    "retryMode",
    "customCaBundle",
)
_FLAGS = (
    "skipCredentialsValidation",
    "skipRequestingAccountId",
    "skipMetadataApiCheck",
    "skipRegionValidation",
    "s3UsePathStyle",
    "insecure",
)
_BLOCKS = ("endpoints", "defaultTags", "assumeRoles", "allowedAccountIds", "forbiddenAccountIds")
# What a program may give without any effect here: each only matters to services or networks that the stand-in never meets.
_WITHOUT_EFFECT = ("skipMetadataApiCheck", "skipRegionValidation", "s3UsePathStyle", "insecure", "customCaBundle")
# Facts that the engine adds to every provider's configuration.
_ENGINE = ("version", "pluginDownloadURL", "__internal")
KNOWN = (*_TEXT, *_FLAGS, *_BLOCKS)
# Under Python's names too: the SDK makes JSON of a plain dict as it is, and the real provider takes both spellings.
_ASSUME_ROLE = {
    "roleArn": "RoleArn",
    "role_arn": "RoleArn",
    "sessionName": "RoleSessionName",
    "session_name": "RoleSessionName",
    "externalId": "ExternalId",
    "external_id": "ExternalId",
    "policy": "Policy",
}


def check_config(request: CheckRequest) -> CheckResult:
    """Refuses settings that the stand-in doesn't honour, naming the nearest one that it does."""
    failures: list[tuple[str, str]] = []
    for name, value in request.new_inputs.items():
        if name in KNOWN or name in _ENGINE or value in (None, ""):
            continue
        near = get_close_matches(name, KNOWN, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        failures.append(
            (name, f"the setting {name!r} is not supported by the local stand-in for the aws provider{hint}")
        )
    for name in _BLOCKS:
        try:
            _structured(request.new_inputs.get(name))
        except ValueError:
            failures.append((name, f"{name} is not valid JSON"))
    return CheckResult(request.new_inputs, failures)


def _structured(value: Any) -> Any:
    """Lists and objects travel as JSON text in provider configuration, in a program's as in a stack file's."""
    value = value.value if isinstance(value, Secret) else value
    if isinstance(value, str) and value and not isinstance(value, Unknown):
        return json.loads(value)
    return value


def _flag(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


def tag_settings(config: Mapping[str, Any]) -> dict[str, str]:
    """The default tags for every resource that takes tags."""
    block = _structured(config.get("defaultTags")) or {}
    return {str(key): str(value) for key, value in (block.get("tags") or {}).items()}


def open_session(config: Mapping[str, Any], cancelled: threading.Event) -> Session:
    """A session with the configured credentials, checked by STS as the real provider does.

    Raises ProviderError without a region, with refused credentials or in an account that isn't allowed."""
    text = {name: config.get(name) or None for name in _TEXT}
    try:
        boto = boto3.Session(
            aws_access_key_id=text["accessKey"],
            aws_secret_access_key=text["secretKey"],
            aws_session_token=text["token"],
            profile_name=text["profile"],
            region_name=text["region"] or os.environ.get("AWS_REGION") or None,  # boto3 knows AWS_DEFAULT_REGION only
        )
    except BotoCoreError as error:
        raise ProviderError(f"unable to load the AWS configuration: {error}") from None
    region = boto.region_name
    if not region:
        raise ProviderError("Missing region configuration: set aws:region with `pulumi config set aws:region <region>`")
    settings = Settings(region, service_endpoints(_structured(config.get("endpoints"))))
    session = Session(boto, settings, cancelled)
    for role in _structured(config.get("assumeRoles")) or []:
        session = Session(_assume(session, role, region), settings, cancelled)
    if not _flag(config.get("skipCredentialsValidation")):
        _validate(session, config)
    return session


def _assume(session: Session, role: Mapping[str, Any], region: str) -> boto3.Session:
    foreign = sorted(set(role) - set(_ASSUME_ROLE))
    if foreign:
        raise ProviderError(f"assumeRoles.{foreign[0]} is not supported by the local stand-in for the aws provider")
    params = {_ASSUME_ROLE[name]: value for name, value in role.items() if value}
    params.setdefault("RoleSessionName", "pulumi")
    try:
        granted = Api(session, "sts", region).call("assume_role", **params)["Credentials"]
    except ProviderError as error:
        raise ProviderError(f"cannot assume the role {params.get('RoleArn')}: {error}") from None
    return boto3.Session(granted["AccessKeyId"], granted["SecretAccessKey"], granted["SessionToken"], region)


def _validate(session: Session, config: Mapping[str, Any]) -> None:
    try:
        account = session.identity()["Account"]
    except ProviderError as error:
        raise ProviderError(f"unable to validate AWS credentials: {error}") from None
    allowed = _structured(config.get("allowedAccountIds")) or []
    if (allowed and account not in allowed) or account in (_structured(config.get("forbiddenAccountIds")) or []):
        raise ProviderError(f"AWS account ID not allowed: {account}")
