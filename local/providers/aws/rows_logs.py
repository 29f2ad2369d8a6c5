"""CloudWatch Logs: log groups."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.model import AutoName, Hooks, Kind, Prop, Row, State, Tags, TagStyle, call, change
from local.providers.aws.session import Api

# The values that PutRetentionPolicy documents; 0 is the provider's word for "never expires".
_RETENTION = (
    0,
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)


def _read_group(api: Api, resource_id: str, _state: State) -> Mapping[str, Any] | None:
    for group in api.pages("describe_log_groups", "logGroups[]", logGroupNamePrefix=resource_id):
        if group["logGroupName"] == resource_id:
            return {**group, "arn": group["arn"].removesuffix(":*")}
    return None


def _set_retention(api: Api, resource_id: str, inputs: State) -> None:
    if inputs.get("retentionInDays"):
        api.call("put_retention_policy", logGroupName=resource_id, retentionInDays=inputs["retentionInDays"])


def _delete_group(api: Api, resource_id: str, state: State) -> None:
    if not state.get("skipDestroy"):
        api.call("delete_log_group", logGroupName=resource_id)


LOG_GROUP = Row(
    type="aws:cloudwatch/logGroup:LogGroup",
    noun="CloudWatch Logs Log Group",
    service="logs",
    props=(
        Prop("name", "logGroupName", computed=True, replace=True, auto=AutoName(255)),
        Prop("namePrefix", computed=True, replace=True, local=True, conflicts=("name",)),
        Prop("kmsKeyId", "kmsKeyId"),
        Prop("logGroupClass", "logGroupClass", computed=True, replace=True),
        Prop("retentionInDays", "retentionInDays", kind=Kind.INT, default=0, allowed=_RETENTION),
        Prop("skipDestroy", kind=Kind.BOOL, default=False, local=True),
    ),
    id="{name}",
    create=call("create_log_group", "name kmsKeyId logGroupClass"),
    changes=(
        change(
            "retentionInDays",
            call("put_retention_policy", "retentionInDays", logGroupName="#id"),
            call("delete_retention_policy", logGroupName="#id"),
        ),
        change(
            "kmsKeyId",
            call("associate_kms_key", "kmsKeyId", logGroupName="#id"),
            call("disassociate_kms_key", logGroupName="#id"),
        ),
    ),
    outputs={"arn": "arn"},
    gone=("ResourceNotFoundException",),
    tags=Tags(
        "resourceArn",
        "arn",
        "tag_resource",
        "untag_resource",
        "tags",
        list_op="list_tags_for_resource",
        create="tags",
        style=TagStyle.MAP,
        tag_member="tags",
        untag_member="tagKeys",
    ),
    hooks=Hooks(read=_read_group, created=_set_retention, delete=_delete_group),
)

ROWS = (LOG_GROUP,)
