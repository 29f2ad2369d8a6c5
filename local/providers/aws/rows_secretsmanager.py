"""Secrets Manager: secrets (never their values), their resource policies and their rotation."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.model import AutoName, Hooks, Kind, Prop, Retry, Row, State, Tags, call, change
from local.providers.aws.session import Api, AwsError
from local.providers.aws.shape import to_members
from local.providers.common.provider import ProviderError

_GONE = ("ResourceNotFoundException",)
_NO_POLICY = (None, "", "{}")
_NEW_PRINCIPAL = Retry("MalformedPolicyDocumentException", "This resource policy contains an unsupported principal")
# A name stays taken for a moment after a deletion without recovery window.
_NAME_BEING_DELETED = (
    Retry("InvalidRequestException", "scheduled for deletion", 120),
    Retry("InvalidRequestException", "was deleted", 120),
)


def _policy(api: Api, resource_id: str) -> str | None:
    return api.call("get_resource_policy", SecretId=resource_id).get("ResourcePolicy")


def _update_secret_policy(api: Api, resource_id: str, _old: State, new: State, changed: set[str]) -> State:
    if "policy" in changed:
        if new.get("policy") in _NO_POLICY:
            api.call("delete_resource_policy", SecretId=resource_id)
        else:
            _put_first_policy(api, resource_id, new)
    return {}


def _read_secret(api: Api, resource_id: str, state: State) -> Mapping[str, Any] | None:
    secret = api.call("describe_secret", SecretId=resource_id)
    if secret.get("DeletedDate"):
        return None
    policy = _policy(api, resource_id)
    if policy is None and state.get("policy") == "{}":
        policy = "{}"  # the program's way to say "none"
    return {**secret, "ResourcePolicy": policy}


def _put_first_policy(api: Api, resource_id: str, inputs: State) -> None:
    if inputs.get("policy") not in _NO_POLICY:
        api.patient(
            (_NEW_PRINCIPAL,),
            lambda: api.call("put_resource_policy", SecretId=resource_id, ResourcePolicy=inputs["policy"]),
        )


def _delete_secret(api: Api, resource_id: str, state: State) -> None:
    days = state.get("recoveryWindowInDays", 30)
    how = {"ForceDeleteWithoutRecovery": True} if days == 0 else {"RecoveryWindowInDays": days}
    api.call("delete_secret", SecretId=resource_id, **how)

    def is_gone() -> bool:
        try:
            return bool(api.call("describe_secret", SecretId=resource_id).get("DeletedDate"))
        except AwsError as error:
            return error.code in _GONE

    api.wait_for("the deletion", 120, is_gone)


def _check_secret(inputs: State) -> list[tuple[str, str]]:
    days = inputs.get("recoveryWindowInDays")
    if isinstance(days, int) and days != 0 and not 7 <= days <= 30:
        return [("recoveryWindowInDays", f"recoveryWindowInDays must be 0 or between 7 and 30, not {days}")]
    return []


SECRET = Row(
    type="aws:secretsmanager/secret:Secret",
    noun="Secrets Manager Secret",
    service="secretsmanager",
    props=(
        Prop("name", "Name", computed=True, replace=True, auto=AutoName(255)),
        Prop("namePrefix", computed=True, replace=True, local=True, conflicts=("name",)),
        Prop("description", "Description"),
        Prop("kmsKeyId", "KmsKeyId"),
        Prop("policy", "ResourcePolicy", kind=Kind.JSON, computed=True),
        Prop("recoveryWindowInDays", kind=Kind.INT, default=30, local=True),
        Prop("forceOverwriteReplicaSecret", kind=Kind.BOOL, default=False, local=True),
    ),
    id="$ARN",
    create=call("create_secret", "name description kmsKeyId"),
    changes=(
        change(
            "description kmsKeyId",
            call("update_secret", SecretId="#id", Description="description", KmsKeyId="kmsKeyId"),
        ),
    ),
    outputs={"arn": "ARN"},
    gone=_GONE,
    tags=Tags("SecretId", "#id", "tag_resource", "untag_resource", "Tags"),
    retries=(*_NAME_BEING_DELETED, _NEW_PRINCIPAL),
    hooks=Hooks(
        check=_check_secret,
        read=_read_secret,
        created=_put_first_policy,
        update=_update_secret_policy,
        delete=_delete_secret,
    ),
)


def _read_policy(api: Api, resource_id: str, _state: State) -> Mapping[str, Any] | None:
    policy = _policy(api, resource_id)
    return {"SecretId": resource_id, "ResourcePolicy": policy} if policy else None


SECRET_POLICY = Row(
    type="aws:secretsmanager/secretPolicy:SecretPolicy",
    noun="Secrets Manager Secret Policy",
    service="secretsmanager",
    props=(
        Prop("secretArn", "SecretId", required=True, replace=True),
        Prop("policy", "ResourcePolicy", kind=Kind.JSON, required=True),
        Prop("blockPublicPolicy", "BlockPublicPolicy", kind=Kind.BOOL, read=""),
    ),
    id="{secretArn}",
    create=call("put_resource_policy", "secretArn policy blockPublicPolicy"),
    changes=(change("policy blockPublicPolicy", call("put_resource_policy", "secretArn policy blockPublicPolicy")),),
    delete=call("delete_resource_policy", "secretArn"),
    gone=_GONE,
    retries=(_NEW_PRINCIPAL,),
    hooks=Hooks(read=_read_policy),
)

_ROTATING = "rotationLambdaArn rotationRules rotateImmediately"
# The function's permission may arrive late; the other code is also that of a rotation which is not complete.
_ROTATION_RETRIES = (Retry("AccessDeniedException", "", 120), Retry("InvalidRequestException", "", 120))


def _rotate(api: Api, secret: str, values: State) -> str:
    """Sets rotation up, or switches it off; the secret's ARN."""
    if values.get("rotationEnabled") is False:
        return api.call("cancel_rotate_secret", SecretId=secret)["ARN"]
    sent = (SECRET_ROTATION.prop(name) for name in _ROTATING.split())
    return api.call("rotate_secret", SecretId=secret, **to_members(sent, values))["ARN"]


def _create_rotation(api: Api, inputs: State) -> tuple[str, State]:
    return _rotate(api, inputs["secretId"], inputs), {}


def _update_rotation(api: Api, _id: str, _old: State, new: State, changed: set[str]) -> State:
    # Whether it rotates at once is said along with other changes and is none by itself.
    if changed - {"rotateImmediately"}:
        _rotate(api, new["secretId"], new)
    return {}


def _read_rotation(api: Api, resource_id: str, _state: State) -> Mapping[str, Any] | None:
    secret = api.call("describe_secret", SecretId=resource_id)
    if secret.get("DeletedDate"):
        return None
    found: State = {"SecretId": secret["ARN"], "RotationEnabled": bool(secret.get("RotationEnabled"))}
    if not found["RotationEnabled"]:
        # What it was before is still told, and is no more than that.
        return found
    rules = dict(secret["RotationRules"])
    if rules.get("ScheduleExpression"):
        rules.pop("AutomaticallyAfterDays", None)
    return {**found, "RotationLambdaARN": secret.get("RotationLambdaARN"), "RotationRules": rules}


def _delete_rotation(api: Api, _id: str, state: State) -> None:
    try:
        api.call("cancel_rotate_secret", SecretId=state["secretId"])
    except AwsError as error:
        # The real provider forgives nothing here, not even that the secret is gone.
        raise ProviderError(str(error)) from None


def _check_rotation(inputs: State) -> list[tuple[str, str]]:
    rules = inputs.get("rotationRules")
    if inputs.get("rotationEnabled") is False:
        return [("rotationRules", "rotationRules cannot be set when rotationEnabled is false")] if rules else []
    if rules is None:
        return [("rotationRules", "rotationRules is required unless rotationEnabled is false")]
    if isinstance(rules, dict) and ("scheduleExpression" in rules) == ("automaticallyAfterDays" in rules):
        return [("rotationRules", "exactly one of automaticallyAfterDays and scheduleExpression must be given")]
    return []


SECRET_ROTATION = Row(
    type="aws:secretsmanager/secretRotation:SecretRotation",
    noun="Secrets Manager Secret Rotation",
    service="secretsmanager",
    props=(
        Prop("secretId", "SecretId", required=True, replace=True),
        Prop("rotationLambdaArn", "RotationLambdaARN"),
        Prop(
            "rotationRules",
            "RotationRules",
            kind=Kind.BLOCK,
            fields=(
                Prop("automaticallyAfterDays", "AutomaticallyAfterDays", kind=Kind.INT),
                Prop("duration", "Duration"),
                Prop("scheduleExpression", "ScheduleExpression"),
            ),
        ),
        Prop("rotateImmediately", "RotateImmediately", kind=Kind.BOOL, default=True, read=""),
        Prop("rotationEnabled", "RotationEnabled", kind=Kind.BOOL, computed=True),
    ),
    id="$",
    checked_by="rotate_secret",
    gone=_GONE,
    retries=_ROTATION_RETRIES,
    hooks=Hooks(
        check=_check_rotation,
        create=_create_rotation,
        read=_read_rotation,
        update=_update_rotation,
        delete=_delete_rotation,
    ),
)

ROWS = (SECRET, SECRET_POLICY, SECRET_ROTATION)
