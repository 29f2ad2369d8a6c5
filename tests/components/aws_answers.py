"""Stand-ins for boto3's clients in tests of what is looked up in AWS."""

from types import ModuleType
from typing import Any

import pulumi
import pytest
from botocore.exceptions import ClientError

from components.aws_reads import Access, Denied, Missing, Unanswered

WANTED = Access("eu-central-1", "deploys")
# By AWS's error code: what is raised, and its text, with the action's name in place of {}.
REFUSALS = [
    ("NoSuchEntity", Missing, "NoSuchEntity"),
    ("ResourceNotFoundException", Missing, "ResourceNotFoundException"),
    ("AccessDenied", Denied, "{}"),
    ("AccessDeniedException", Denied, "{}"),
    ("Throttling", Unanswered, "{}: Throttling"),
]


class Client:
    """Takes one call, with exactly that request, and answers it or fails with a code of AWS."""

    def __init__(self, operation: str, request: dict[str, str], answer: dict[str, Any], error: str = "") -> None:
        self._operation, self._request, self._answer, self._error = operation, request, answer, error

    def __getattr__(self, name: str) -> Any:
        assert name == self._operation

        def call(**request: str) -> dict[str, Any]:
            assert request == self._request
            if self._error:
                raise ClientError({"Error": {"Code": self._error, "Message": "canary-secret"}}, name)
            return self._answer

        return call


def answering(monkeypatch: pytest.MonkeyPatch, module: ModuleType, service: str, client: Client) -> Access:
    """Puts the client in the place of boto3's in the module. Gives the access that it must be asked for with."""

    def made(access: Access, name: str) -> Client:
        assert (access, name) == (WANTED, service)
        return client

    monkeypatch.setattr(module, "client", made)
    return WANTED


def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is warned of from then on."""
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    return said
