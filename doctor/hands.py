"""The few things that renewing changes."""

import json
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Protocol, cast

import httpx2
from botocore.config import Config

from components.aws_reads import Access, Unanswered, client, read
from components.refresh_function import TIMEOUT_SECONDS
from kube.changes import NotDone, NotNow, Operation, change
from kube.client import Unreachable, answering
from lambda_src.refresher.shapes import mapping

from .cluster import Object

# ESO reads anew what has another value of it (ESO docs, FAQ, Can I manually trigger a secret refresh).
_FORCE_SYNC = "force-sync"
_ATTEMPTS = 5
# Tried once: a second try would be a second run.
_PATIENT = Config(
    connect_timeout=5,
    read_timeout=TIMEOUT_SECONDS + 30,
    retries={"mode": "standard", "total_max_attempts": 1},
    user_agent_extra="everpull",
)


class Hands(Protocol):
    """What renewing does to AWS and the cluster."""

    def invoke(self, function: str, event: Mapping[str, object]) -> Mapping[str, object]:
        """Runs the function and gives what it answered. Raises NotDone where it failed, and Missing, Denied, Unanswered."""
        ...

    def force_sync(self, path: str) -> None:
        """Has ESO sync the ExternalSecret at the path now. Raises NotDone, Unreachable."""
        ...

    def start(self, namespace: str, job: Mapping[str, object]) -> str:
        """Makes the Job and gives its name. Raises NotDone, Unreachable."""
        ...


class _Body(Protocol):
    def read(self) -> bytes: ...


class RealHands:
    """Hands by boto3 and HTTP. `http` is None where there is no cluster to be reached, and `reason` why."""

    def __init__(self, access: Access, http: httpx2.Client | None, reason: str = "") -> None:
        self._access, self._http, self._reason = access, http, reason

    def invoke(self, function: str, event: Mapping[str, object]) -> Mapping[str, object]:
        lambdas = cast(Any, client(self._access, "lambda", _PATIENT))
        answer = cast(
            Mapping[str, object],
            read(
                "lambda:InvokeFunction",
                lambda: lambdas.invoke(FunctionName=function, Payload=json.dumps(event).encode()),
            ),
        )
        try:
            content = mapping(json.loads(cast(_Body, answer["Payload"]).read()))
        except ValueError:
            raise Unanswered("lambda:InvokeFunction: an answer that is not JSON") from None
        if "FunctionError" in answer:
            raise NotDone(str(content.get("errorMessage", "no reason given")))
        return content

    def force_sync(self, path: str) -> None:
        http = self._cluster()
        for attempt in range(1, _ATTEMPTS + 1):
            with answering(path):
                found = http.get(path)
            if found.status_code != HTTPStatus.OK:
                raise NotDone(f"HTTP {found.status_code} on {path}")
            metadata = mapping(mapping(found.json()).get("metadata"))
            try:
                change(http, path, _marking(metadata, str(time.time_ns())))
            except NotNow:
                # ESO writes it too.
                if attempt == _ATTEMPTS:
                    raise
            else:
                return

    def start(self, namespace: str, job: Mapping[str, object]) -> str:
        path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        with answering(path):
            response = self._cluster().post(path, json=job)
        if response.status_code != HTTPStatus.CREATED:
            reason = mapping(response.json()).get("message", "no reason given")
            raise NotDone(f"HTTP {response.status_code} on {path}: {reason}")
        return str(mapping(mapping(response.json()).get("metadata"))["name"])

    def _cluster(self) -> httpx2.Client:
        if self._http is None:
            raise Unreachable(self._reason)
        return self._http


def _marking(metadata: Object, value: str) -> Sequence[Operation]:
    if mapping(metadata.get("annotations")):
        return [{"op": "add", "path": f"/metadata/annotations/{_FORCE_SYNC}", "value": value}]
    return [{"op": "add", "path": "/metadata/annotations", "value": {_FORCE_SYNC: value}}]
