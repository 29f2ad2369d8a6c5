"""EventBridge (the `cloudwatch.Event*` types): rules and their targets."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.model import AutoName, Hooks, Kind, Prop, Retry, Row, State, Tags
from local.providers.aws.session import Api, AwsError
from local.providers.aws.shape import to_members
from local.providers.common.provider import ProviderError

_GONE = ("ResourceNotFoundException",)
_NEW_ROLE = Retry("ValidationException", "cannot be assumed by principal")
_BUS = Prop("eventBusName", "EventBusName", default="default", replace=True)


def _rule_id(inputs: State) -> str:
    bus = inputs.get("eventBusName") or "default"
    return inputs["name"] if bus == "default" else f"{bus}/{inputs['name']}"


def _split_rule(resource_id: str, state: State) -> dict[str, str]:
    bus, _, name = resource_id.rpartition("/")
    return {"Name": name, "EventBusName": bus or state.get("eventBusName") or "default"}


def _check_rule(inputs: State) -> list[tuple[str, str]]:
    if not inputs.get("scheduleExpression") and not inputs.get("eventPattern"):
        return [("scheduleExpression", "one of eventPattern and scheduleExpression must be given")]
    return []


def _rule_request(inputs: State) -> dict[str, Any]:
    return to_members((p for p in RULE.props if p.member and not p.local), inputs)


def _create_rule(api: Api, inputs: State) -> tuple[str, State]:
    tags = [{"Key": key, "Value": value} for key, value in sorted((inputs.get("tagsAll") or {}).items())]
    api.call("put_rule", **_rule_request(inputs), **({"Tags": tags} if tags else {}))
    return _rule_id(inputs), {}


def _update_rule(api: Api, resource_id: str, _old: State, new: State, changed: set[str]) -> State:
    if changed & {"description", "eventPattern", "roleArn", "scheduleExpression", "state"}:
        # PutRule replaces the whole rule: what isn't sent is cleared.
        api.call("put_rule", **{**_rule_request(new), **_split_rule(resource_id, new)})
    return {}


def _read_rule(api: Api, resource_id: str, state: State) -> Mapping[str, Any] | None:
    return api.call("describe_rule", **_split_rule(resource_id, state))


def _delete_rule(api: Api, resource_id: str, state: State) -> None:
    extra = {"Force": True} if state.get("forceDestroy") else {}
    # Targets that are being removed just now still count for a moment.
    has_targets = Retry("ValidationException", "since it has targets", 30)
    api.patient((has_targets,), lambda: api.call("delete_rule", **_split_rule(resource_id, state), **extra))


RULE = Row(
    type="aws:cloudwatch/eventRule:EventRule",
    noun="EventBridge Rule",
    service="events",
    props=(
        Prop("name", "Name", computed=True, replace=True, auto=AutoName(64)),
        Prop("namePrefix", computed=True, replace=True, local=True, conflicts=("name",)),
        _BUS,
        Prop("description", "Description"),
        Prop("eventPattern", "EventPattern", kind=Kind.JSON),
        Prop("roleArn", "RoleArn"),
        Prop("scheduleExpression", "ScheduleExpression"),
        Prop("state", "State", computed=True),
        Prop("forceDestroy", kind=Kind.BOOL, default=False, local=True),
    ),
    id="$",
    outputs={"arn": "Arn"},
    gone=_GONE,
    tags=Tags("ResourceARN", "arn", "tag_resource", "untag_resource", "Tags", list_op="list_tags_for_resource"),
    retries=(_NEW_ROLE,),
    checked_by="put_rule",
    hooks=Hooks(check=_check_rule, create=_create_rule, read=_read_rule, update=_update_rule, delete=_delete_rule),
)


def _refuse_failed_entries(answer: Mapping[str, Any]) -> None:
    for entry in answer.get("FailedEntries") or []:
        raise ProviderError(f"{entry.get('ErrorCode', '')}: {entry.get('ErrorMessage', '')}")


def _target(inputs: State) -> dict[str, Any]:
    return to_members((p for p in TARGET.props if p.member and p.name not in ("rule", "eventBusName")), inputs)


def _target_id(inputs: State) -> str:
    bus = inputs.get("eventBusName") or "default"
    parts = (inputs["rule"], inputs["targetId"]) if bus == "default" else (bus, inputs["rule"], inputs["targetId"])
    return "-".join(parts)


def _put_target(api: Api, inputs: State) -> tuple[str, State]:
    where = {"Rule": inputs["rule"], "EventBusName": inputs.get("eventBusName") or "default"}
    _refuse_failed_entries(api.call("put_targets", Targets=[_target(inputs)], **where))
    return _target_id(inputs), {}


def _update_target(api: Api, _id: str, _old: State, new: State, changed: set[str]) -> State:
    if changed - {"forceDestroy"}:
        _put_target(api, new)
    return {}


def _read_target(api: Api, _id: str, state: State) -> Mapping[str, Any] | None:
    where = {"Rule": state["rule"], "EventBusName": state.get("eventBusName") or "default"}
    for target in api.pages("list_targets_by_rule", "Targets[]", **where):
        if target["Id"] == state["targetId"]:
            return {**target, **where}
    return None


def _delete_target(api: Api, _id: str, state: State) -> None:
    extra = {"Force": True} if state.get("forceDestroy") else {}
    try:
        answer = api.call(
            "remove_targets", Rule=state["rule"], EventBusName=state["eventBusName"], Ids=[state["targetId"]], **extra
        )
    except AwsError as error:
        if error.code not in _GONE:
            raise
        return
    _refuse_failed_entries(answer)


TARGET = Row(
    type="aws:cloudwatch/eventTarget:EventTarget",
    noun="EventBridge Target",
    service="events",
    props=(
        Prop("rule", "Rule", required=True, replace=True),
        _BUS,
        Prop("targetId", "Id", computed=True, replace=True, auto=AutoName(255)),
        Prop("arn", "Arn", required=True),
        Prop("roleArn", "RoleArn"),
        Prop("input", "Input", conflicts=("inputPath", "inputTransformer")),
        Prop("inputPath", "InputPath", conflicts=("input", "inputTransformer")),
        Prop(
            "inputTransformer",
            "InputTransformer",
            kind=Kind.BLOCK,
            conflicts=("input", "inputPath"),
            fields=(
                Prop("inputPaths", "InputPathsMap", kind=Kind.MAP),
                Prop("inputTemplate", "InputTemplate", required=True),
            ),
        ),
        Prop("deadLetterConfig", "DeadLetterConfig", kind=Kind.BLOCK, fields=(Prop("arn", "Arn"),)),
        Prop(
            "retryPolicy",
            "RetryPolicy",
            kind=Kind.BLOCK,
            fields=(
                Prop("maximumEventAgeInSeconds", "MaximumEventAgeInSeconds", kind=Kind.INT),
                Prop("maximumRetryAttempts", "MaximumRetryAttempts", kind=Kind.INT),
            ),
        ),
        Prop("sqsTarget", "SqsParameters", kind=Kind.BLOCK, fields=(Prop("messageGroupId", "MessageGroupId"),)),
        Prop("forceDestroy", kind=Kind.BOOL, default=False, local=True),
    ),
    id="$",
    import_id="{rule}/{targetId}",
    gone=_GONE,
    checked_by="put_targets",
    hooks=Hooks(create=_put_target, read=_read_target, update=_update_target, delete=_delete_target),
)

ROWS = (RULE, TARGET)
