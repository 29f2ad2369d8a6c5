"""Custom resources, and waiting for what their operator reports."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from local.providers.kubernetes.api import Api
from tests.local_providers.kubernetes.definitions import GROUP, definition, install
from tests.local_providers.kubernetes.meddler import Meddler, eventually
from tests.local_providers.kubernetes.stack import PulumiError, Stack

API_VERSION = f"{GROUP}/v1"
WIDGET = """
k8s.apiextensions.CustomResource("w", api_version="tests.example.com/v1", kind="Widget",
    metadata={{"name": "w", "namespace": NAMESPACE, "annotations": {annotations}}}, spec={{"size": {size}}})
"""


@pytest.fixture(autouse=True)
def _widgets(api: Api) -> None:
    install(api, "Widget")


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def ready(status: str, message: str = "", generation: int | None = None) -> dict[str, object]:
    condition = {"type": "Ready", "status": status, "reason": "Test", "message": message}
    return {"conditions": [condition], **({"observedGeneration": generation} if generation else {})}


def test_a_custom_resource_without_the_annotation_is_not_waited_for(stack: Stack) -> None:
    assert "+ 2 created" in stack.up(WIDGET.format(annotations={"a": "b"}, size=1))
    assert "2 unchanged" in stack.up()
    assert "~ 1 updated" in stack.up(WIDGET.format(annotations={"a": "b"}, size=2))
    assert "2 unchanged" in stack.run("refresh", "--yes", "--skip-preview")


def test_up_returns_only_when_the_awaited_condition_holds(
    stack: Stack, meddler: Meddler, background: ThreadPoolExecutor
) -> None:
    running: Future[str] = background.submit(
        stack.up, WIDGET.format(annotations={"pulumi.com/waitFor": "condition=Ready"}, size=1)
    )
    eventually(lambda: meddler.exists(API_VERSION, "Widget", "w"))
    meddler.set_status(API_VERSION, "Widget", "w", ready("False", "not synced"))
    meddler.set_status(API_VERSION, "Widget", "w", ready("True", generation=0))
    assert "+ 2 created" in running.result()
    assert stack.resource("w")["outputs"]["status"]["conditions"][0]["status"] == "True"
    # What an operator reports is no drift.
    meddler.set_status(API_VERSION, "Widget", "w", ready("False", generation=1))
    assert "2 unchanged" in stack.run("refresh", "--yes", "--skip-preview")
    assert "2 unchanged" in stack.up()


def test_a_condition_of_an_older_generation_does_not_count(
    stack: Stack, meddler: Meddler, background: ThreadPoolExecutor
) -> None:
    annotations = {"pulumi.com/waitFor": "condition=Ready"}
    running = background.submit(stack.up, WIDGET.format(annotations=annotations, size=1))
    eventually(lambda: meddler.exists(API_VERSION, "Widget", "w"))
    meddler.set_status(API_VERSION, "Widget", "w", ready("True", generation=1))
    running.result()

    stale = {**annotations, "pulumi.com/timeoutSeconds": "2"}
    with pytest.raises(PulumiError, match="generation 1 has been observed, 2 is wanted"):
        stack.up(WIDGET.format(annotations=stale, size=2))


def test_several_conditions_must_hold_together(stack: Stack, meddler: Meddler, background: ThreadPoolExecutor) -> None:
    wanted = '["condition=Ready=False", "jsonpath={.status.phase}=done", "jsonpath={.status.items[0].name}"]'
    running = background.submit(stack.up, WIDGET.format(annotations={"pulumi.com/waitFor": wanted}, size=1))
    eventually(lambda: meddler.exists(API_VERSION, "Widget", "w"))
    for status in ({"phase": "done"}, {**ready("False"), "phase": "busy"}, {**ready("False"), "phase": "done"}):
        meddler.set_status(API_VERSION, "Widget", "w", status)
        assert not running.done()
    meddler.set_status(API_VERSION, "Widget", "w", {**ready("False"), "phase": "done", "items": [{"name": "x"}]})
    assert "+ 2 created" in running.result()


def test_a_wait_that_fails_keeps_the_object_and_says_what_is_known_and_the_next_up_goes_on(
    stack: Stack, meddler: Meddler, background: ThreadPoolExecutor
) -> None:
    annotations = {"pulumi.com/waitFor": "condition=Ready", "pulumi.com/timeoutSeconds": "3"}
    running = background.submit(stack.up, WIDGET.format(annotations=annotations, size=1))
    eventually(lambda: meddler.exists(API_VERSION, "Widget", "w"))
    meddler.set_status(API_VERSION, "Widget", "w", ready("False", "no such secret in AWS"))
    with pytest.raises(PulumiError, match="failed to fully initialize") as failed:
        running.result()
    assert "condition Ready is False: [Test] no such secret in AWS" in str(failed.value)
    assert stack.resource("w")["initErrors"]

    meddler.set_status(API_VERSION, "Widget", "w", ready("True"))
    assert "~ 1 updated" in stack.up()
    assert "initErrors" not in stack.resource("w")
    assert "2 unchanged" in stack.up()


def test_a_wait_that_cannot_be_understood_is_refused_before_anything_is_made(stack: Stack, meddler: Meddler) -> None:
    with pytest.raises(PulumiError, match='starts with neither "condition=" nor "jsonpath="'):
        stack.preview(WIDGET.format(annotations={"pulumi.com/waitFor": "Ready"}, size=1))


def test_custom_timeouts_and_skip_await_are_honoured(stack: Stack) -> None:
    program = """
    k8s.apiextensions.CustomResource("w", api_version="tests.example.com/v1", kind="Widget",
        metadata={{"name": "w", "namespace": NAMESPACE, "annotations": {{"pulumi.com/waitFor": "condition=Ready" {skip}}}}},
        spec={{}}, opts=pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create="1s", update="1s")))
    """
    with pytest.raises(PulumiError, match="there is no condition Ready yet"):
        stack.up(program.format(skip=""))
    assert "~ 1 updated" in stack.up(program.format(skip=', "pulumi.com/skipAwait": "true"'))


def test_a_definition_and_its_first_object_go_up_together(stack: Stack, api: Api) -> None:
    body = definition("Gadget", "Cluster")
    program = f"""
    body = {body!r}
    crd = k8s.apiextensions.v1.CustomResourceDefinition("crd", metadata=body["metadata"], spec=SPEC)
    k8s.apiextensions.CustomResource("g", api_version="tests.example.com/v1", kind="Gadget",
        metadata={{"name": "g"}}, spec={{"size": 1}}, opts=pulumi.ResourceOptions(depends_on=[crd]))
    """
    spelled = repr(body["spec"]).replace("x-kubernetes-preserve-unknown-fields", "x_kubernetes_preserve_unknown_fields")
    spelled = spelled.replace("openAPIV3Schema", "open_apiv3_schema").replace("listKind", "list_kind")
    program = program.replace("SPEC", spelled)
    assert "create" in stack.preview(program)
    assert "+ 3 created" in stack.up(program)
    assert stack.resource("g")["id"] == "g"
    assert "3 unchanged" in stack.up(program)
    assert "3 unchanged" in stack.run("refresh", "--yes", "--skip-preview")
    stack.run("destroy", "--yes", "--skip-preview")
    assert not api.find_all(
        api.resource("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        None,
        fieldSelector=f"metadata.name={body['metadata']['name']}",
    )
