"""`lambda.Function`: code from Pulumi archives, configuration, published versions, reserved concurrency."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.archive import zip_bytes
from local.providers.aws.model import AutoName, Hooks, Kind, Prop, Retry, Row, State, Tags, TagStyle
from local.providers.aws.session import Api
from local.providers.aws.shape import to_members
from local.providers.common.provider import ProviderError

_READY_SECONDS = 600  # the real provider's default timeout for creating and updating
_CODE = {"code", "sourceCodeHash", "codeSha256", "architectures"}
_CONFIGURATION = {
    "deadLetterConfig",
    "description",
    "environment",
    "ephemeralStorage",
    "handler",
    "kmsKeyArn",
    "layers",
    "loggingConfig",
    "memorySize",
    "role",
    "runtime",
    "timeout",
    "tracingConfig",
}
# What UpdateFunctionConfiguration takes for "none": leaving the member out keeps the old value.
_CLEARED: dict[str, Any] = {
    "deadLetterConfig": {"TargetArn": ""},
    "environment": {"Variables": {}},
    "layers": [],
    "description": "",
    "kmsKeyArn": "",
}


def _members(inputs: State, names: set[str]) -> dict[str, Any]:
    return to_members((prop for prop in FUNCTION.props if prop.name in names), inputs)


def _code_hash(inputs: State) -> str | None:
    return inputs.get("sourceCodeHash") or getattr(inputs.get("code"), "hash", None) or None


def _check(inputs: State) -> list[tuple[str, str]]:
    missing = [name for name in ("code", "handler", "runtime") if not inputs.get(name)]
    return [(name, f"{name!r} is required: the local stand-in runs zip packages only") for name in missing]


def _create(api: Api, inputs: State) -> tuple[str, State]:
    request = _members(inputs, _CONFIGURATION | {"name", "architectures", "packageType", "publish"})
    if inputs.get("tagsAll"):
        request["Tags"] = inputs["tagsAll"]
    api.call("create_function", Code={"ZipFile": zip_bytes(inputs["code"])}, **request)
    return inputs["name"], {"sourceCodeHash": _code_hash(inputs)}


def _wait(api: Api, resource_id: str, field: str) -> None:
    def done() -> bool:
        state = api.call("get_function_configuration", FunctionName=resource_id)
        if state.get(field) == "Failed":
            raise ProviderError(f"the function is {field} Failed: {state.get(f'{field}Reason', 'no reason given')}")
        return state.get(field) in (None, "Active", "Successful", "Inactive")

    api.wait_for(f"Lambda Function {resource_id}: {field}", _READY_SECONDS, done)


def _created(api: Api, resource_id: str, inputs: State) -> None:
    _wait(api, resource_id, "State")
    if inputs["reservedConcurrentExecutions"] >= 0:
        _reserve(api, resource_id, inputs["reservedConcurrentExecutions"])


def _reserve(api: Api, resource_id: str, executions: int) -> None:
    if executions >= 0:
        api.call("put_function_concurrency", FunctionName=resource_id, ReservedConcurrentExecutions=executions)
    else:
        api.call("delete_function_concurrency", FunctionName=resource_id)


def _read(api: Api, resource_id: str, _state: State) -> Mapping[str, Any] | None:
    answer = api.call("get_function", FunctionName=resource_id)
    found = dict(answer["Configuration"])
    versions = api.pages("list_versions_by_function", "Versions[]", FunctionName=resource_id)
    published = [v for v in versions if v["Version"] != "$LATEST"]
    latest = max(published, key=lambda v: int(v["Version"]), default=None)
    version = latest["Version"] if latest else "$LATEST"
    arn = found["FunctionArn"]
    found["Qualified"] = f"{arn}:{version}"
    found["LatestVersion"] = version
    found["InvokeArn"] = _invoke_arn(api, arn, "2015-03-31", "invocations")
    found["QualifiedInvokeArn"] = _invoke_arn(api, found["Qualified"], "2015-03-31", "invocations")
    found["StreamArn"] = _invoke_arn(api, arn, "2021-11-15", "response-streaming-invocations")
    concurrency = answer.get("Concurrency") or {}
    found["Reserved"] = concurrency.get("ReservedConcurrentExecutions", -1)
    found["Tags"] = answer.get("Tags") or {}
    found["TracingConfig"] = found.get("TracingConfig") or {"Mode": "PassThrough"}
    # Publish is a wish, not a fact that AWS holds.
    found.pop("Publish", None)
    return found


def _invoke_arn(api: Api, function_arn: str, api_version: str, action: str) -> str:
    return f"arn:{api.partition}:apigateway:{api.region}:lambda:path/{api_version}/functions/{function_arn}/{action}"


def _update(api: Api, resource_id: str, _old: State, new: State, changed: set[str]) -> State:
    touched = changed & _CONFIGURATION
    if touched:
        request = {FUNCTION.prop(name).member: _CLEARED[name] for name in touched if name in _CLEARED}
        request.update(_members(new, touched))
        api.patient(
            FUNCTION.retries, lambda: api.call("update_function_configuration", FunctionName=resource_id, **request)
        )
        _wait(api, resource_id, "LastUpdateStatus")
    if changed & _CODE:
        request = _members(new, {"architectures"})
        api.call("update_function_code", FunctionName=resource_id, ZipFile=zip_bytes(new["code"]), **request)
        _wait(api, resource_id, "LastUpdateStatus")
    if "reservedConcurrentExecutions" in changed:
        _reserve(api, resource_id, new["reservedConcurrentExecutions"])
    if new.get("publish") and changed & (_CODE | _CONFIGURATION | {"publish"}):
        api.call("publish_version", FunctionName=resource_id)
    return {"sourceCodeHash": _code_hash(new)} if changed & _CODE else {}


def _unknowns(changed: set[str]) -> set[str]:
    """What an update of code or configuration makes AWS choose anew."""
    out: set[str] = set()
    if changed & (_CODE | _CONFIGURATION):
        out.add("lastModified")
    if changed & _CODE:
        out |= {"codeSha256", "sourceCodeHash", "sourceCodeSize"}
    if "publish" in changed or changed & (_CODE | _CONFIGURATION):
        out |= {"version", "qualifiedArn", "qualifiedInvokeArn"}
    return out


def _delete(api: Api, resource_id: str, state: State) -> None:
    if not state.get("skipDestroy"):
        api.call("delete_function", FunctionName=resource_id)


FUNCTION = Row(
    type="aws:lambda/function:Function",
    noun="Lambda Function",
    service="lambda",
    props=(
        Prop("name", "FunctionName", computed=True, replace=True, auto=AutoName(64)),
        Prop("role", "Role", required=True),
        Prop("code", kind=Kind.ARCHIVE, read=""),
        Prop("sourceCodeHash", computed=True, read=""),
        Prop("codeSha256", computed=True, read="CodeSha256"),
        Prop("architectures", "Architectures", kind=Kind.LIST, computed=True),
        Prop("description", "Description"),
        Prop("handler", "Handler"),
        Prop("runtime", "Runtime"),
        Prop("memorySize", "MemorySize", kind=Kind.INT, default=128),
        Prop("timeout", "Timeout", kind=Kind.INT, default=3),
        Prop("packageType", "PackageType", default="Zip", replace=True, allowed=("Zip",)),
        Prop("publish", "Publish", kind=Kind.BOOL, default=False, read=""),
        Prop("skipDestroy", kind=Kind.BOOL, default=False, local=True),
        Prop("kmsKeyArn", "KMSKeyArn"),
        Prop("layers", "Layers", kind=Kind.LIST, read="Layers[].Arn"),
        Prop(
            "reservedConcurrentExecutions",
            kind=Kind.INT,
            default=-1,
            read="Reserved",
        ),
        Prop(
            "environment",
            "Environment",
            kind=Kind.BLOCK,
            fields=(Prop("variables", "Variables", kind=Kind.MAP),),
        ),
        Prop(
            "deadLetterConfig",
            "DeadLetterConfig",
            kind=Kind.BLOCK,
            fields=(Prop("targetArn", "TargetArn", required=True),),
        ),
        Prop(
            "ephemeralStorage",
            "EphemeralStorage",
            kind=Kind.BLOCK,
            computed=True,
            fields=(Prop("size", "Size", kind=Kind.INT, computed=True),),
        ),
        Prop(
            "loggingConfig",
            "LoggingConfig",
            kind=Kind.BLOCK,
            computed=True,
            fields=(
                Prop("logFormat", "LogFormat", required=True),
                Prop("logGroup", "LogGroup", computed=True),
                Prop("applicationLogLevel", "ApplicationLogLevel", computed=True),
                Prop("systemLogLevel", "SystemLogLevel", computed=True),
            ),
        ),
        Prop(
            "tracingConfig",
            "TracingConfig",
            kind=Kind.BLOCK,
            computed=True,
            fields=(Prop("mode", "Mode", required=True),),
        ),
    ),
    id="{name}",
    outputs={
        "arn": "FunctionArn",
        "invokeArn": "InvokeArn",
        "lastModified": "LastModified",
        "qualifiedArn": "Qualified",
        "qualifiedInvokeArn": "QualifiedInvokeArn",
        "responseStreamingInvokeArn": "StreamArn",
        "sourceCodeSize": "CodeSize",
        "version": "LatestVersion",
    },
    gone=("ResourceNotFoundException",),
    tags=Tags(
        "Resource",
        "arn",
        "tag_resource",
        "untag_resource",
        "Tags",
        style=TagStyle.MAP,
    ),
    retries=(
        Retry("InvalidParameterValueException", "cannot be assumed by Lambda"),
        Retry("InvalidParameterValueException", "execution role does not have permissions"),
        Retry("ResourceConflictException", "update is in progress"),
    ),
    checked_by="create_function",
    hooks=Hooks(
        check=_check,
        unknowns=_unknowns,
        create=_create,
        created=_created,
        read=_read,
        update=_update,
        delete=_delete,
    ),
)
