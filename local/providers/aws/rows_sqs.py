"""SQS: queues, whose every setting is a text attribute, and queue policies."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.model import AutoName, Hooks, Kind, Prop, Retry, Row, State, Tags, TagStyle
from local.providers.aws.session import Api, AwsError

_GONE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
# The name of a deleted queue stays blocked for a minute.
_DELETED_RECENTLY = Retry("AWS.SimpleQueueService.QueueDeletedRecently", seconds=90)


def _fifo_suffix(inputs: Mapping[str, Any]) -> str:
    return ".fifo" if inputs.get("fifoQueue") is True else ""


def _attributes(inputs: State, names: set[str] | None = None) -> dict[str, str]:
    """The queue attributes as text; with `names` only those, an absent one as "" to clear it."""
    out: dict[str, str] = {}
    for prop in QUEUE.props:
        value = inputs.get(prop.name)
        if not prop.member or prop.name == "name" or (names is not None and prop.name not in names):
            continue
        if value is None:
            if names is not None:
                out[prop.member] = ""
        elif isinstance(value, bool):
            # AWS refuses fifo attributes, even false ones, on a standard queue.
            if value or prop.name == "sqsManagedSseEnabled" or names is not None:
                out[prop.member] = "true" if value else "false"
        else:
            out[prop.member] = str(value)
    return out


def _check_queue(inputs: State) -> list[tuple[str, str]]:
    if inputs.get("contentBasedDeduplication") is True and inputs.get("fifoQueue") is False:
        return [("contentBasedDeduplication", "content-based deduplication can only be set for FIFO queue")]
    return []


def _create_queue(api: Api, inputs: State) -> tuple[str, State]:
    tags = inputs.get("tagsAll") or {}
    extra = {"tags": tags} if tags else {}
    return api.call("create_queue", QueueName=inputs["name"], Attributes=_attributes(inputs), **extra)["QueueUrl"], {}


def _read_queue(api: Api, resource_id: str, _state: State) -> Mapping[str, Any] | None:
    attributes = api.call("get_queue_attributes", QueueUrl=resource_id, AttributeNames=["All"]).get("Attributes") or {}
    return {**attributes, "QueueName": resource_id.rsplit("/", 1)[-1], "QueueUrl": resource_id}


def _update_queue(api: Api, resource_id: str, _old: State, new: State, changed: set[str]) -> State:
    attributes = _attributes(new, changed)
    if attributes:
        api.call("set_queue_attributes", QueueUrl=resource_id, Attributes=attributes)
    return {}


def _delete_queue(api: Api, resource_id: str, state: State) -> None:
    api.call("delete_queue", QueueUrl=resource_id)

    def is_gone() -> bool:
        try:
            return _read_queue(api, resource_id, state) is None
        except AwsError as error:
            return error.code in _GONE

    api.wait_for("the deletion", 180, is_gone)


def _number(name: str, member: str, default: int) -> Prop:
    return Prop(name, member, kind=Kind.INT, default=default)


QUEUE = Row(
    type="aws:sqs/queue:Queue",
    noun="SQS Queue",
    service="sqs",
    props=(
        Prop("name", "QueueName", computed=True, replace=True, auto=AutoName(80, suffix=_fifo_suffix)),
        Prop("namePrefix", computed=True, replace=True, local=True, conflicts=("name",)),
        Prop("fifoQueue", "FifoQueue", kind=Kind.BOOL, default=False, replace=True),
        Prop("contentBasedDeduplication", "ContentBasedDeduplication", kind=Kind.BOOL, default=False),
        Prop("deduplicationScope", "DeduplicationScope", computed=True),
        Prop("fifoThroughputLimit", "FifoThroughputLimit", computed=True),
        _number("delaySeconds", "DelaySeconds", 0),
        _number("maxMessageSize", "MaximumMessageSize", 262144),
        _number("messageRetentionSeconds", "MessageRetentionPeriod", 345600),
        _number("receiveWaitTimeSeconds", "ReceiveMessageWaitTimeSeconds", 0),
        _number("visibilityTimeoutSeconds", "VisibilityTimeout", 30),
        Prop("kmsMasterKeyId", "KmsMasterKeyId", conflicts=("sqsManagedSseEnabled",)),
        Prop("kmsDataKeyReusePeriodSeconds", "KmsDataKeyReusePeriodSeconds", kind=Kind.INT, computed=True),
        Prop("sqsManagedSseEnabled", "SqsManagedSseEnabled", kind=Kind.BOOL, computed=True),
        Prop("policy", "Policy", kind=Kind.JSON, computed=True),
        Prop("redrivePolicy", "RedrivePolicy", kind=Kind.JSON, computed=True),
        Prop("redriveAllowPolicy", "RedriveAllowPolicy", kind=Kind.JSON, computed=True),
    ),
    id="$",
    outputs={"arn": "QueueArn", "url": "QueueUrl"},
    gone=_GONE,
    tags=Tags(
        "QueueUrl",
        "#id",
        "tag_queue",
        "untag_queue",
        "Tags",
        list_op="list_queue_tags",
        style=TagStyle.MAP,
    ),
    retries=(_DELETED_RECENTLY,),
    checked_by="create_queue",
    hooks=Hooks(check=_check_queue, create=_create_queue, read=_read_queue, update=_update_queue, delete=_delete_queue),
)


def _put_policy(api: Api, inputs: State) -> tuple[str, State]:
    api.call("set_queue_attributes", QueueUrl=inputs["queueUrl"], Attributes={"Policy": inputs["policy"]})
    return inputs["queueUrl"], {}


def _update_policy(api: Api, _id: str, _old: State, new: State, _changed: set[str]) -> State:
    return _put_policy(api, new)[1]


def _read_policy(api: Api, resource_id: str, _state: State) -> Mapping[str, Any] | None:
    answer = api.call("get_queue_attributes", QueueUrl=resource_id, AttributeNames=["Policy"])
    policy = (answer.get("Attributes") or {}).get("Policy")
    return {"QueueUrl": resource_id, "Policy": policy} if policy else None


def _delete_policy(api: Api, resource_id: str, _state: State) -> None:
    api.call("set_queue_attributes", QueueUrl=resource_id, Attributes={"Policy": ""})


QUEUE_POLICY = Row(
    type="aws:sqs/queuePolicy:QueuePolicy",
    noun="SQS Queue Policy",
    service="sqs",
    props=(
        Prop("queueUrl", "QueueUrl", required=True, replace=True),
        Prop("policy", "Policy", kind=Kind.JSON, required=True),
    ),
    id="{queueUrl}",
    checked_by="set_queue_attributes",
    gone=_GONE,
    retries=(Retry("InvalidAttributeValue", "Invalid value for the parameter Policy"),),
    hooks=Hooks(create=_put_policy, read=_read_policy, update=_update_policy, delete=_delete_policy),
)

ROWS = (QUEUE, QUEUE_POLICY)
