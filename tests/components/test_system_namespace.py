import asyncio
from typing import Any

import pulumi

from components.system_namespace import SystemNamespace
from tests.components.recording import Recorder, record


def built() -> Recorder:
    recorder = record()

    @pulumi.runtime.test
    def build() -> Any:
        SystemNamespace("everpull-dev", {"namespace": "everpull-dev", "labels": {"a": "b"}})
        return pulumi.Output.from_input(asyncio.sleep(0))

    build()
    return recorder


def test_the_namespace_is_named_and_labelled() -> None:
    assert built().one(":Namespace").inputs["metadata"] == {"name": "everpull-dev", "labels": {"a": "b"}}


def test_a_namespace_of_before_it_stood_by_itself_is_kept() -> None:
    """Its former URN: the same name and type, and the delivery of mode `lambda` as parent."""
    (alias,) = built().aliases("everpull-dev-system")
    assert alias.parentUrn == "urn:pulumi:dev::everpull::everpull:index:LambdaDelivery::everpull-dev"
    assert (alias.name, alias.type) == ("", "")
