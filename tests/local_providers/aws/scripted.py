"""A provider whose AWS answers are scripted with botocore's Stubber: each request is checked against what the test expects."""

import threading
from typing import Any

import boto3
from botocore.stub import ANY, Stubber

from local.providers.aws.provider import AwsProvider
from local.providers.aws.session import Session, Settings
from local.providers.common.provider import (
    CheckRequest,
    CheckResult,
    CreateRequest,
    DeleteRequest,
    DiffRequest,
    ReadRequest,
    Resource,
    Subject,
    UpdateRequest,
    Values,
)

REGION = "eu-central-1"
__all__ = ["ANY", "ANY_REQUEST", "Scripted"]
ANY_REQUEST: Any = None
"""Whatever is sent."""


class _Session(Session):
    def __init__(self, boto: boto3.Session, settings: Settings, cancelled: threading.Event) -> None:
        super().__init__(boto, settings, cancelled)
        self.stubs: dict[tuple[str, str], Stubber] = {}

    def stub(self, service: str, region: str) -> Stubber:
        if (service, region) not in self.stubs:
            settings = {"endpoint_url": "http://127.0.0.1:9", "region_name": region}
            stub = Stubber(boto3.Session("AKIATESTTESTTESTTEST", "none").client(service, **settings))
            stub.activate()
            self.stubs[service, region] = stub
        return self.stubs[service, region]

    def client(self, service: str, region: str, *, once: bool = False) -> Any:
        return self.stub(service, region).client


class _Quick(threading.Event):
    """An event whose waiting takes no time, so that patience can be tested without it."""

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


class Scripted:
    """`provider` with a script; `done` fails when a scripted call wasn't made."""

    def __init__(self, token: str, name: str = "it", default_tags: dict[str, str] | None = None) -> None:
        self.cancelled = _Quick()
        self.session = _Session(boto3.Session("AKIATESTTESTTESTTEST", "none"), Settings(REGION, {}), self.cancelled)
        self.provider = AwsProvider(self.session, default_tags)
        self.on = Subject(f"urn:pulumi:dev::p::{token}::{name}", token, name)

    def answer(self, service: str, op: str, sent: Any, response: dict[str, Any], region: str = REGION) -> "Scripted":
        """The next request to the service must be this one and gets this response."""
        self.session.stub(service, region).add_response(op, response, sent)
        return self

    def refuse(self, service: str, op: str, code: str, message: str = "") -> "Scripted":
        """The next request to the service gets this error."""
        self.session.stub(service, REGION).add_client_error(op, code, message)
        return self

    def done(self) -> None:
        for stub in self.session.stubs.values():
            stub.assert_no_pending_responses()

    def check(self, inputs: Values, old: Values | None = None, seed: bytes = b"seed") -> CheckResult:
        return self.provider.check(CheckRequest(self.on, old or {}, inputs, seed))

    def checked(self, inputs: Values, old: Values | None = None) -> Values:
        """Checked inputs; fails on a fault."""
        result = self.check(inputs, old)
        assert result.failures == []
        return result.inputs

    def faults(self, inputs: Values) -> list[tuple[str, str]]:
        return self.check(inputs).failures

    def changes(self, state: Values, inputs: Values, ignore: list[str] | None = None) -> dict[str, str]:
        """The diff as {path: kind}, a kind that replaces in capitals."""
        result = self.provider.diff(DiffRequest(self.on, "id", {}, state, self.checked(inputs), ignore or []))
        return {".".join(map(str, c.path)): c.kind.upper() if c.replace else c.kind for c in result.changes}

    def deletes_first(self, state: Values, inputs: Values) -> bool:
        return self.provider.diff(DiffRequest(self.on, "id", {}, state, self.checked(inputs))).delete_before_replace

    def create(self, inputs: Values, *, preview: bool = False) -> Resource:
        return self.provider.create(CreateRequest(self.on, self.checked(inputs), preview))

    def read(self, resource_id: str, state: Values | None = None, inputs: Values | None = None) -> Resource | None:
        return self.provider.read(ReadRequest(self.on, resource_id, inputs or {}, state or {}))

    def update(
        self, resource_id: str, state: Values, inputs: Values, ignore: list[str] | None = None, *, preview: bool = False
    ) -> Values:
        request = UpdateRequest(self.on, resource_id, {}, state, self.checked(inputs), ignore or [], preview)
        return self.provider.update(request)

    def delete(self, resource_id: str, state: Values) -> None:
        self.provider.delete(DeleteRequest(self.on, resource_id, {}, state))
