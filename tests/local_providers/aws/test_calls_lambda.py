"""The requests that a function's and an invocation's life make, against scripted answers."""

import io
import json
from typing import Any

import pytest
from botocore.response import StreamingBody

from local.providers.common.provider import ProviderError
from local.providers.common.values import UNKNOWN, Archive, Asset, Secret
from tests.local_providers.aws.scripted import ANY, ANY_REQUEST, Scripted

FUNCTION = "aws:lambda/function:Function"
INVOCATION = "aws:lambda/invocation:Invocation"
ROLE_ARN = "arn:aws:iam::000000000000:role/r"
CANARY = "canary-secret-key"
pytestmark = pytest.mark.usefixtures("quick")


def _function(**more: Any) -> dict[str, Any]:
    arn = "arn:aws:lambda:eu-central-1:000000000000:function:f"
    base = {"FunctionName": "f", "FunctionArn": arn, "Runtime": "python3.12", "Handler": "m.h", "MemorySize": 128}
    return {**base, "Timeout": 3, "Role": ROLE_ARN, "State": "Active", "PackageType": "Zip", **more}


def _reads_function(run: Scripted, **more: Any) -> None:
    run.answer("lambda", "get_function", {"FunctionName": "f"}, {"Configuration": _function(**more)})
    versions = {"Versions": [_function(Version="$LATEST"), _function(Version="2"), _function(Version="10")]}
    run.answer("lambda", "list_versions_by_function", {"FunctionName": "f"}, versions)


CODE = Archive(assets={"m.py": Asset(text="def h(e, c): ...", hash="1f")}, hash="aa")
FUNCTION_INPUTS = {"name": "f", "role": ROLE_ARN, "handler": "m.h", "runtime": "python3.12", "code": CODE}


def test_a_function_waits_for_a_role_that_lambda_cannot_assume_yet():
    run = Scripted(FUNCTION)
    late = "The role defined for the function cannot be assumed by Lambda."
    for _ in range(3):
        run.refuse("lambda", "create_function", "InvalidParameterValueException", late)
    run.answer("lambda", "create_function", ANY_REQUEST, _function(State="Pending"))
    run.answer("lambda", "get_function_configuration", {"FunctionName": "f"}, _function(State="Pending"))
    run.answer("lambda", "get_function_configuration", {"FunctionName": "f"}, _function())
    _reads_function(run)
    made = run.create(FUNCTION_INPUTS)
    run.done()
    assert made.outputs["version"] == "10"
    assert made.outputs["sourceCodeHash"] == "aa"
    assert made.outputs["qualifiedArn"].endswith(":function:f:10")


def test_the_waiting_for_a_role_ends():
    run = Scripted(FUNCTION)
    for _ in range(200):
        run.refuse("lambda", "create_function", "InvalidParameterValueException", "role cannot be assumed by Lambda")
    with pytest.raises(ProviderError, match="cannot be assumed by Lambda"):
        run.create(FUNCTION_INPUTS)


def test_an_interrupt_ends_the_waiting():
    run = Scripted(FUNCTION)
    run.session.cancelled.set()
    run.refuse("lambda", "create_function", "InvalidParameterValueException", "role cannot be assumed by Lambda")
    with pytest.raises(ProviderError, match="cannot be assumed by Lambda"):
        run.create(FUNCTION_INPUTS)
    run.done()


def test_another_error_is_not_waited_out():
    run = Scripted(FUNCTION).refuse("lambda", "create_function", "InvalidParameterValueException", "bad handler")
    with pytest.raises(ProviderError, match="bad handler"):
        run.create(FUNCTION_INPUTS)
    run.done()


def _function_state(**more: Any) -> dict[str, Any]:
    checked = Scripted(FUNCTION).checked(FUNCTION_INPUTS)
    return {**{k: v for k, v in checked.items() if not k.startswith("__")}, "region": "eu-central-1", **more}


def test_a_functions_update_sends_what_changed_and_clears_what_is_gone():
    run = Scripted(FUNCTION)
    state = _function_state(deadLetterConfig={"targetArn": "arn:aws:sqs:eu-central-1:000000000000:q"})
    sent = {"FunctionName": "f", "DeadLetterConfig": {"TargetArn": ""}, "Timeout": 9}
    run.answer("lambda", "update_function_configuration", sent, _function())
    run.answer("lambda", "get_function_configuration", ANY_REQUEST, _function(LastUpdateStatus="InProgress"))
    run.answer("lambda", "get_function_configuration", ANY_REQUEST, _function(LastUpdateStatus="Successful"))
    _reads_function(run, Timeout=9)
    assert run.update("f", state, {**FUNCTION_INPUTS, "timeout": 9})["timeout"] == 9
    run.done()


def test_an_ignored_change_is_not_carried_out():
    run = Scripted(FUNCTION)
    state = _function_state(timeout=77, environment={"variables": {"HAND": "1", "OURS": "1"}})
    inputs = {**FUNCTION_INPUTS, "environment": {"variables": {"OURS": "1"}}}
    _reads_function(run, Timeout=77)
    run.update("f", state, inputs, ["timeout", "environment.variables.HAND"])
    run.done()
    sent = {"FunctionName": "f", "Environment": {"Variables": {"OURS": "2"}}}
    run.answer("lambda", "update_function_configuration", sent, _function())
    run.answer("lambda", "get_function_configuration", ANY_REQUEST, _function())
    _reads_function(run)
    changed = {**FUNCTION_INPUTS, "environment": {"variables": {"OURS": "2"}}}
    run.update("f", state, changed, ["timeout", "environment.variables.HAND"])
    run.done()


def test_new_code_is_uploaded_and_published_when_asked():
    run = Scripted(FUNCTION)
    run.answer("lambda", "update_function_code", {"FunctionName": "f", "ZipFile": ANY}, _function())
    run.answer("lambda", "get_function_configuration", ANY_REQUEST, _function())
    run.answer("lambda", "publish_version", {"FunctionName": "f"}, _function())
    _reads_function(run)
    code = Archive(assets={"m.py": Asset(text="x = 1", hash="2f")}, hash="bb")
    updated = run.update("f", _function_state(publish=True), {**FUNCTION_INPUTS, "code": code, "publish": True})
    run.done()
    assert updated["sourceCodeHash"] == "bb"


def test_a_preview_of_new_code_leaves_open_what_aws_will_answer():
    code = Archive(assets={"m.py": Asset(text="x = 1", hash="2f")}, hash="bb")
    state = _function_state(codeSha256="old", version="1", arn="arn", lastModified="then")
    seen = Scripted(FUNCTION).update("f", state, {**FUNCTION_INPUTS, "code": code}, preview=True)
    assert (seen["codeSha256"], seen["version"], seen["lastModified"]) == (UNKNOWN, UNKNOWN, UNKNOWN)
    assert seen["arn"] == "arn"


def test_a_failed_update_is_told_with_its_reason():
    run = Scripted(FUNCTION)
    run.answer("lambda", "update_function_configuration", ANY_REQUEST, _function())
    failed = _function(LastUpdateStatus="Failed", LastUpdateStatusReason="out of luck")
    run.answer("lambda", "get_function_configuration", ANY_REQUEST, failed)
    with pytest.raises(ProviderError, match="LastUpdateStatus Failed: out of luck"):
        run.update("f", _function_state(), {**FUNCTION_INPUTS, "timeout": 9})


def test_concurrency_is_reserved_and_given_back():
    run = Scripted(FUNCTION)
    run.answer("lambda", "put_function_concurrency", {"FunctionName": "f", "ReservedConcurrentExecutions": 1}, {})
    _reads_function(run)
    run.update("f", _function_state(), {**FUNCTION_INPUTS, "reservedConcurrentExecutions": 1})
    run.answer("lambda", "delete_function_concurrency", {"FunctionName": "f"}, {})
    _reads_function(run)
    run.update("f", _function_state(reservedConcurrentExecutions=1), FUNCTION_INPUTS)
    run.done()


def _answers_invoke(run: Scripted, sent: Any, result: str, **more: Any) -> None:
    body = StreamingBody(io.BytesIO(result.encode()), len(result))
    request = {
        "FunctionName": "f",
        "Qualifier": "$LATEST",
        "InvocationType": "RequestResponse",
        "Payload": sent if sent is ANY else json.dumps(sent, separators=(",", ":"), sort_keys=True).encode(),
    }
    run.answer("lambda", "invoke", request, {"StatusCode": 200, "Payload": body, **more})


def test_an_invocation_keeps_its_result_and_deleting_it_does_nothing():
    run = Scripted(INVOCATION)
    _answers_invoke(run, {"a": 1}, '{"ok":true}')
    made = run.create({"functionName": "f", "input": '{"a":1}'})
    assert made.outputs["result"] == '{"ok":true}'
    assert made.id.startswith("f,$LATEST,")
    run.delete(made.id, made.outputs)
    run.done()


def test_an_invocation_that_follows_the_life_cycle_is_told_what_happens():
    run = Scripted(INVOCATION)
    inputs = {"functionName": "f", "input": '{"a":1}', "lifecycleScope": "CRUD"}
    _answers_invoke(run, {"a": 1, "tf": {"action": "create", "prev_input": None}}, "1")
    made = run.create(inputs)
    _answers_invoke(run, {"a": 2, "tf": {"action": "update", "prev_input": {"a": 1}}}, "2")
    updated = run.update(made.id, made.outputs, {**inputs, "input": '{"a":2}'})
    assert updated["result"] == "2"
    _answers_invoke(run, {"a": 2, "tf": {"action": "delete", "prev_input": {"a": 2}}}, "3")
    run.delete(made.id, updated)
    run.done()


def test_a_function_that_raises_fails_the_invocation_without_its_secrets():
    run = Scripted(INVOCATION)
    _answers_invoke(run, ANY, f'{{"errorMessage":"no {CANARY}"}}', FunctionError="Unhandled")
    with pytest.raises(ProviderError) as caught:
        run.create({"functionName": "f", "input": Secret(f'{{"key":"{CANARY}"}}'), "triggers": {"k": Secret(CANARY)}})
    assert "invoking Lambda Function (f): Unhandled" in str(caught.value)
    assert CANARY not in str(caught.value)
