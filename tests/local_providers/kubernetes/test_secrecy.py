"""Secret values stay out of state, output and errors."""

import base64
import json

import pytest

from local.providers.kubernetes.api import Api
from tests.local_providers.kubernetes.definitions import install
from tests.local_providers.kubernetes.meddler import Meddler
from tests.local_providers.kubernetes.stack import PulumiError, Stack

CANARY = "canary-4711-Zebra"
ENCODED = base64.b64encode(CANARY.encode()).decode()


def assert_clean(text: str) -> None:
    assert CANARY not in text
    assert ENCODED not in text


def test_a_secret_is_nowhere_in_plain_text(stack: Stack, meddler: Meddler) -> None:
    program = f"""
    k8s.core.v1.Secret("one", metadata={{"name": "one", "namespace": NAMESPACE}}, string_data={{"key": VALUE}})
    k8s.core.v1.Secret("two", metadata={{"name": "two", "namespace": NAMESPACE}}, data={{"key": {ENCODED!r}}})
    k8s.core.v1.ConfigMap("three", metadata={{"name": "three", "namespace": NAMESPACE}},
        data={{"plain": "readable", "hidden": pulumi.Output.secret({CANARY!r})}})
    """
    first = program.replace("VALUE", repr(CANARY))
    assert_clean(stack.preview(first))
    assert_clean(stack.up(first))
    for name in ("one", "two"):
        assert base64.b64decode(meddler.get("v1", "Secret", name)["data"]["key"]).decode() == CANARY

    exported = stack.run("stack", "export")
    assert_clean(exported)
    assert "readable" in exported
    assert_clean(stack.run("refresh", "--yes", "--skip-preview", "--diff"))
    assert_clean(stack.run("stack", "export"))
    assert_clean(stack.preview(program.replace("VALUE", "'another'")))


def test_what_kubectl_remembers_of_a_secret_is_kept_secret_too(stack: Stack, meddler: Meddler) -> None:
    stack.up('k8s.core.v1.Secret("s", metadata={"name": "s", "namespace": NAMESPACE}, string_data={"key": "x"})')
    remembered = json.dumps({"data": {"key": ENCODED}})
    annotation = {"kubectl.kubernetes.io/last-applied-configuration": remembered}
    meddler.patch("v1", "Secret", "s", {"op": "add", "path": "/metadata/annotations", "value": annotation})
    stack.run("refresh", "--yes", "--skip-preview")
    assert_clean(stack.run("stack", "export"))


def test_an_api_error_that_quotes_a_secret_does_not_show_it(stack: Stack, api: Api) -> None:
    install(api, "Widget")
    program = f"""
    k8s.apiextensions.CustomResource("w", api_version="tests.example.com/v1", kind="Widget",
        metadata={{"name": "w", "namespace": NAMESPACE}}, spec={{"password": pulumi.Output.secret({CANARY!r})}})
    """
    for command in (stack.preview, stack.up):
        with pytest.raises(PulumiError, match="should match") as refused:
            command(program)
        assert_clean(str(refused.value))


def test_a_refused_secret_does_not_show_its_content(stack: Stack) -> None:
    program = f"""
    k8s.core.v1.Secret("s", metadata={{"name": "s", "namespace": NAMESPACE}}, data={{"key": "{CANARY}!"}})
    """
    for command in (stack.preview, stack.up):
        with pytest.raises(PulumiError, match="Secret") as refused:
            command(program)
        assert_clean(str(refused.value))
