"""What renewing changes, as it is asked for: over HTTP, and of boto3."""

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

from components.aws_reads import Access, Denied, Missing, Unanswered
from doctor import aws, hands
from doctor.aws import BotoAws
from doctor.cluster import HttpCluster
from doctor.hands import RealHands
from kube.changes import NotDone
from kube.client import Unreachable

ACCESS = Access("eu-central-1", "theirs")
SYNC = "/apis/external-secrets.io/v1/namespaces/team-a/externalsecrets/everpull-dev"


class Server:
    """An API server: the ExternalSecret, and whether its next changes meet a conflict."""

    def __init__(self, annotations: dict[str, str] | None, conflicts: int = 0) -> None:
        self.annotations, self.conflicts = annotations, conflicts
        self.patches: list[Any] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            if self.annotations is None:
                return httpx2.Response(404)
            return httpx2.Response(200, json={"metadata": {"annotations": self.annotations}})
        if request.method == "PATCH":
            if self.conflicts:
                self.conflicts -= 1
                return httpx2.Response(409, json={"message": "changed"})
            self.patches.append(json.loads(request.content))
            return httpx2.Response(200, json={})
        return httpx2.Response(201, json={"metadata": {"name": "refresher-renew-x"}})


def client(handler: Any) -> httpx2.Client:
    return httpx2.Client(base_url="https://cluster.example", transport=httpx2.MockTransport(handler))


@pytest.mark.parametrize(
    ("annotations", "path"), [({"a": "b"}, "/metadata/annotations/force-sync"), ({}, "/metadata/annotations")]
)
def test_an_external_secret_is_told_to_sync_by_an_annotation_beside_its_others(
    annotations: dict[str, str], path: str
) -> None:
    server = Server(annotations, conflicts=2)
    RealHands(ACCESS, client(server)).force_sync(SYNC)
    ((operation,),) = server.patches
    assert (operation["op"], operation["path"]) == ("add", path)


def test_one_that_is_gone_or_always_changing_is_told_of() -> None:
    with pytest.raises(NotDone, match=f"HTTP 404 on {SYNC}"):
        RealHands(ACCESS, client(Server(None))).force_sync(SYNC)
    with pytest.raises(NotDone, match="changed"):
        RealHands(ACCESS, client(Server({}, conflicts=100))).force_sync(SYNC)


def test_a_job_is_made_and_named_by_the_server() -> None:
    assert RealHands(ACCESS, client(Server({}))).start("system", {"kind": "Job"}) == "refresher-renew-x"


def test_a_job_that_is_refused_is_told_with_the_servers_reason() -> None:
    refusing = client(lambda _: httpx2.Response(403, json={"message": "quota"}))
    with pytest.raises(NotDone, match=r"HTTP 403 on .*/jobs: quota"):
        RealHands(ACCESS, refusing).start("system", {})


def test_without_a_cluster_it_is_said_why() -> None:
    with pytest.raises(Unreachable, match="no usable kubeconfig"):
        RealHands(ACCESS, None, "no usable kubeconfig").force_sync(SYNC)


class Boto:
    """A client whose calls all answer, or fail with, the same."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.calls: list[tuple[str, Mapping[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            self.calls.append((name, request))
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer

        return call


def answered(content: object, **more: str) -> dict[str, Any]:
    return {"Payload": io.BytesIO(json.dumps(content).encode()), **more}


def failing(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "canary-secret"}}, "Invoke")


def with_boto(monkeypatch: pytest.MonkeyPatch, answer: Any) -> Boto:
    boto = Boto(answer)

    def made(access: Access, service: str, config: Config | None = None) -> Boto:
        assert access == ACCESS
        return boto

    monkeypatch.setattr(hands, "client", made)
    monkeypatch.setattr(aws, "client", made)
    return boto


def test_the_function_is_run_once_and_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    boto = with_boto(monkeypatch, answered({"status": "refreshed"}))
    assert RealHands(ACCESS, None).invoke("refresh", {"force": True}) == {"status": "refreshed"}
    assert boto.calls == [("invoke", {"FunctionName": "refresh", "Payload": b'{"force": true}'})]


@pytest.mark.parametrize(
    ("answer", "raised", "said"),
    [
        (answered({"errorMessage": "ecr denied"}, FunctionError="Unhandled"), NotDone, "ecr denied"),
        (failing("ResourceNotFoundException"), Missing, "ResourceNotFoundException"),
        (failing("AccessDeniedException"), Denied, "lambda:InvokeFunction"),
        (ReadTimeoutError(endpoint_url="https://canary-secret"), Unanswered, "ReadTimeoutError"),
        ({"Payload": io.BytesIO(b"<html>")}, Unanswered, "not JSON"),
    ],
)
def test_a_function_that_fails_is_told_of(
    monkeypatch: pytest.MonkeyPatch, answer: Any, raised: type[Exception], said: str
) -> None:
    with_boto(monkeypatch, answer)
    with pytest.raises(raised, match=said) as caught:
        RealHands(ACCESS, None).invoke("refresh", {})
    assert "canary-secret" not in str(caught.value)


def test_aws_tells_the_time_and_answers_by_boto3s_names(monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {"date": "Thu, 26 Nov 2026 12:00:00 GMT"}
    boto = with_boto(monkeypatch, {"ResponseMetadata": {"HTTPHeaders": headers}})
    asked = BotoAws(ACCESS)
    assert asked.clock() == datetime(2026, 11, 26, 12, tzinfo=UTC)
    asked.ask("iam", "get_role", RoleName="nodes")
    assert boto.calls[-1] == ("get_role", {"RoleName": "nodes"})
    headers.clear()
    with pytest.raises(Unanswered, match="no date"):
        asked.clock()


def test_the_api_server_tells_the_time() -> None:
    def told(**headers: str) -> datetime:
        return HttpCluster(client(lambda _: httpx2.Response(200, headers=headers, json={}))).clock()

    assert told(Date="Thu, 26 Nov 2026 12:00:00 GMT") == datetime(2026, 11, 26, 12, tzinfo=UTC)
    with pytest.raises(Unreachable, match="no date"):
        told()
