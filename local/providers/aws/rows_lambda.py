"""Lambda: permissions, invocations and asynchronous-invocation settings; functions are in `lambda_function`."""

import hashlib
import json
import threading
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from local.providers.aws.lambda_function import FUNCTION
from local.providers.aws.model import AutoName, Hooks, Kind, Prop, Retry, Row, State, call, change
from local.providers.aws.session import Api
from local.providers.aws.shape import to_members
from local.providers.common.provider import ProviderError

_GONE = ("ResourceNotFoundException",)
_NOT_YET = (Retry("ResourceConflictException"), Retry("ResourceNotFoundException", seconds=20))
# AWS loses permissions of one function that are added in parallel (the real provider serialises them too).
_permission_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


def _qualified(state: State) -> dict[str, str]:
    named = {"FunctionName": state["function"]}
    return {**named, "Qualifier": state["qualifier"]} if state.get("qualifier") else named


def _add_permission(api: Api, inputs: State) -> tuple[str, State]:
    with _permission_locks[inputs["function"]]:
        api.call("add_permission", **to_members((p for p in PERMISSION.props if p.member), inputs))
    return inputs["statementId"], {}


def _read_permission(api: Api, _id: str, state: State) -> Mapping[str, Any] | None:
    policy = json.loads(api.call("get_policy", **_qualified(state))["Policy"])
    for statement in policy["Statement"]:
        if statement.get("Sid") == state["statementId"]:
            return _described(statement, state)
    return None


def _described(statement: Mapping[str, Any], state: State) -> dict[str, Any]:
    principal = statement["Principal"]
    if isinstance(principal, dict):
        principal = principal.get("AWS") or principal.get("Service")
    conditions = {
        key.lower(): value for test in (statement.get("Condition") or {}).values() for key, value in test.items()
    }
    return {
        "FunctionName": state["function"],
        "StatementId": statement["Sid"],
        "Action": statement["Action"],
        "Principal": principal,
        "Qualifier": state.get("qualifier"),
        "SourceArn": conditions.get("aws:sourcearn"),
        "SourceAccount": conditions.get("aws:sourceaccount"),
        "PrincipalOrgID": conditions.get("aws:principalorgid"),
        "EventSourceToken": conditions.get("lambda:eventsourcetoken"),
        "FunctionUrlAuthType": conditions.get("lambda:functionurlauthtype"),
    }


def _remove_permission(api: Api, _id: str, state: State) -> None:
    with _permission_locks[state["function"]]:
        api.call("remove_permission", StatementId=state["statementId"], **_qualified(state))


def _fixed(name: str, member: str, *, required: bool = False) -> Prop:
    return Prop(name, member, required=required, replace=True)


PERMISSION = Row(
    type="aws:lambda/permission:Permission",
    noun="Lambda Permission",
    service="lambda",
    props=(
        _fixed("function", "FunctionName", required=True),
        _fixed("action", "Action", required=True),
        _fixed("principal", "Principal", required=True),
        _fixed("sourceArn", "SourceArn"),
        _fixed("sourceAccount", "SourceAccount"),
        _fixed("principalOrgId", "PrincipalOrgID"),
        _fixed("eventSourceToken", "EventSourceToken"),
        _fixed("functionUrlAuthType", "FunctionUrlAuthType"),
        _fixed("qualifier", "Qualifier"),
        Prop(
            "statementId",
            "StatementId",
            computed=True,
            replace=True,
            auto=AutoName(100, prefix_property="statementIdPrefix"),
        ),
        Prop("statementIdPrefix", computed=True, replace=True, local=True, conflicts=("statementId",)),
    ),
    id="{statementId}",
    import_id="{function}/{statementId}",
    gone=_GONE,
    retries=_NOT_YET,
    checked_by="add_permission",
    hooks=Hooks(create=_add_permission, read=_read_permission, delete=_remove_permission),
)


def _payload(inputs: State, action: str, before: str | None) -> str:
    """What the function gets: with CRUD also which action this is and the previous input, under the `terraformKey`."""
    if inputs["lifecycleScope"] == "CREATE_ONLY":
        return inputs["input"]
    enriched = json.loads(inputs["input"])
    previous = json.loads(before) if before else None
    enriched[inputs["terraformKey"]] = {"action": action, "prev_input": previous}
    return json.dumps(enriched, separators=(",", ":"), sort_keys=True)


def _invoke(api: Api, inputs: State, payload: str) -> str:
    answer = api.call_once(
        "invoke",
        FunctionName=inputs["functionName"],
        Qualifier=inputs["qualifier"],
        InvocationType="RequestResponse",
        Payload=payload.encode(),
    )
    result = answer["Payload"].read().decode()
    if answer.get("FunctionError"):
        raise ProviderError(f"invoking Lambda Function ({inputs['functionName']}): {answer['FunctionError']}: {result}")
    return result


def _create_invocation(api: Api, inputs: State) -> tuple[str, State]:
    payload = _payload(inputs, "create", None)
    result = _invoke(api, inputs, payload)
    digest = hashlib.md5(payload.encode(), usedforsecurity=False).hexdigest()
    return f"{inputs['functionName']},{inputs['qualifier']},{digest}", {"result": result}


def _update_invocation(api: Api, _id: str, old: State, new: State, _changed: set[str]) -> State:
    return {"result": _invoke(api, new, _payload(new, "update", old.get("input")))}


def _delete_invocation(api: Api, _id: str, state: State) -> None:
    if state["lifecycleScope"] == "CRUD":
        _invoke(api, state, _payload(state, "delete", state["input"]))


def _check_invocation(inputs: State) -> list[tuple[str, str]]:
    text = inputs["input"]
    if not isinstance(text, str):
        return []
    try:
        value = json.loads(text)
    except ValueError as error:
        return [("input", f"input is not valid JSON: {error}")]
    if inputs["lifecycleScope"] == "CRUD" and not isinstance(value, dict):
        return [("input", 'lifecycle_scope other than "CREATE_ONLY" requires input to be a JSON object')]
    return []


def _invocation_replaces(_old: State, new: State, changed: set[str]) -> set[str]:
    return {"input"} if "input" in changed and new.get("lifecycleScope") == "CREATE_ONLY" else set()


def _invocation_unknowns(changed: set[str]) -> set[str]:
    return {"result"} if changed else set()


INVOCATION = Row(
    type="aws:lambda/invocation:Invocation",
    noun="Lambda Invocation",
    service="lambda",
    props=(
        _fixed("functionName", "FunctionName", required=True),
        Prop("input", required=True, read=""),
        Prop("lifecycleScope", default="CREATE_ONLY", allowed=("CREATE_ONLY", "CRUD"), read=""),
        Prop("qualifier", "Qualifier", default="$LATEST", replace=True),
        Prop("terraformKey", default="tf", read=""),
        Prop("triggers", kind=Kind.MAP, replace=True, read=""),
    ),
    id="$",
    once={"result": ""},
    checked_by="invoke",
    hooks=Hooks(
        check=_check_invocation,
        replaces=_invocation_replaces,
        unknowns=_invocation_unknowns,
        create=_create_invocation,
        # An invocation is an act, not a thing: there is nothing to look at, so the last known state stands.
        read=lambda _api, _id, state: {"FunctionName": state["functionName"], "Qualifier": state["qualifier"]},
        update=_update_invocation,
        delete=_delete_invocation,
    ),
)


def _destination(name: str, member: str) -> Prop:
    return Prop(name, member, kind=Kind.BLOCK, fields=(Prop("destination", "Destination", required=True),))


def _invoke_config_id(inputs: State) -> str:
    return f"{inputs['functionName']}:{inputs['qualifier']}" if inputs.get("qualifier") else inputs["functionName"]


def _create_invoke_config(api: Api, inputs: State) -> tuple[str, State]:
    api.call(
        "put_function_event_invoke_config", **to_members((p for p in EVENT_INVOKE_CONFIG.props if p.member), inputs)
    )
    return _invoke_config_id(inputs), {}


def _read_invoke_config(api: Api, resource_id: str, state: State) -> Mapping[str, Any] | None:
    name = state.get("functionName") or resource_id
    extra = {"Qualifier": state["qualifier"]} if state.get("qualifier") else {}
    found = api.call("get_function_event_invoke_config", FunctionName=name, **extra)
    if found.get("MaximumEventAgeInSeconds") == _LONGEST_AGE and not state.get("maximumEventAgeInSeconds"):
        # The service's own default, which the emulator spells out.
        found.pop("MaximumEventAgeInSeconds")
    return {**found, "FunctionName": name, **extra}


_LONGEST_AGE = 21600  # seconds
_INVOKE_CONFIG = "functionName qualifier destinationConfig maximumEventAgeInSeconds maximumRetryAttempts"
EVENT_INVOKE_CONFIG = Row(
    type="aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
    noun="Lambda Function Event Invoke Config",
    service="lambda",
    props=(
        _fixed("functionName", "FunctionName", required=True),
        _fixed("qualifier", "Qualifier"),
        Prop(
            "destinationConfig",
            "DestinationConfig",
            kind=Kind.BLOCK,
            fields=(_destination("onFailure", "OnFailure"), _destination("onSuccess", "OnSuccess")),
        ),
        Prop("maximumEventAgeInSeconds", "MaximumEventAgeInSeconds", kind=Kind.INT),
        Prop("maximumRetryAttempts", "MaximumRetryAttempts", kind=Kind.INT, default=2),
    ),
    id="$",
    import_id="{functionName}",
    changes=(
        change(
            "destinationConfig maximumEventAgeInSeconds maximumRetryAttempts",
            call("put_function_event_invoke_config", _INVOKE_CONFIG),
        ),
    ),
    delete=call("delete_function_event_invoke_config", "functionName qualifier"),
    gone=_GONE,
    # The role's right to reach a destination may arrive late.
    retries=(Retry("InvalidParameterValueException", "does not have permissions"),),
    checked_by="put_function_event_invoke_config",
    hooks=Hooks(create=_create_invoke_config, read=_read_invoke_config),
)

ROWS = (FUNCTION, PERMISSION, INVOCATION, EVENT_INVOKE_CONFIG)
