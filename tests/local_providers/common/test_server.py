"""The gRPC side, spoken to as the engine speaks: errors keep their secrets, unfinished resources keep their state."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from local.paths import ROOT
from local.providers.common import provider as api
from local.providers.common.diff import Change, DiffResult
from local.providers.common.server import Servicer
from local.providers.common.values import UNKNOWN, Secret, decode_map, encode_map

URN = "urn:pulumi:dev::proj::parent:index:P$test:index:Thing::name::with-colons"


class _Provider(api.Provider):
    name = "test"
    version = "1.2.3"

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[object] = []

    def configure(self, config) -> None:
        self.seen.append(dict(config))

    def check(self, request: api.CheckRequest) -> api.CheckResult:
        self.seen.append(request)
        return api.CheckResult(request.new_inputs, [("a", "is bad")])

    def diff(self, request: api.DiffRequest) -> DiffResult:
        self.seen.append(request)
        changes = [Change(("tags", "a.b"), "add"), Change(("tags", "c"), "delete"), Change(("name",), "update", True)]
        return DiffResult(changes, delete_before_replace=True, stables=["id"])

    def create(self, request: api.CreateRequest) -> api.Resource:
        kind = request.inputs.get("kind")
        if kind == "error":
            raise api.ProviderError("creating it: no")
        if kind == "fault":
            raise KeyError("canary")
        if kind == "unfinished":
            raise api.PartialFailureError("id-1", {"a": Secret("s")}, {"a": 1}, ["too slow"])
        return api.Resource("id-1", {**request.inputs, "later": UNKNOWN})

    def read(self, request: api.ReadRequest) -> api.Resource | None:
        return None if request.id == "gone" else api.Resource(request.id, {"a": 1}, {"a": 2})

    def update(self, request: api.UpdateRequest) -> api.Values:
        self.seen.append(request)
        return request.new_inputs

    def delete(self, request: api.DeleteRequest) -> None:
        self.seen.append(request)


@pytest.fixture
def provider() -> _Provider:
    return _Provider()


@pytest.fixture
def stub(provider: _Provider) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    server = grpc.server(ThreadPoolExecutor(2))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(provider), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)
    server.stop(None).wait()


def test_type_and_name_are_taken_from_the_urn_when_the_engine_sends_none(stub, provider):
    stub.Check(provider_pb2.CheckRequest(urn=URN, news=encode_map({"a": 1}), randomSeed=b"s"))
    assert provider.seen[0].on == api.Subject(URN, "test:index:Thing", "name::with-colons")


def test_check_answers_inputs_and_failures(stub):
    answer = stub.Check(provider_pb2.CheckRequest(urn=URN, news=encode_map({"a": 1, "b": Secret("x")})))
    assert decode_map(answer.inputs) == {"a": 1, "b": Secret("x")}
    assert [(f.property, f.reason) for f in answer.failures] == [("a", "is bad")]


def test_a_failure_does_not_name_a_secret_property_because_the_engine_would_print_it(stub):
    answer = stub.Check(provider_pb2.CheckRequest(urn=URN, news=encode_map({"a": {"b": Secret("x")}})))
    assert [(f.property, f.reason) for f in answer.failures] == [("", "a: is bad")]


def test_the_stacks_autonaming_reaches_the_provider(stub, provider):
    naming = provider_pb2.CheckRequest.AutonamingOptions(proposed_name="n", mode=1)
    stub.Check(provider_pb2.CheckRequest(urn=URN, autonaming=naming))
    assert (provider.seen[0].autonaming.mode, provider.seen[0].autonaming.proposed) == ("enforce", "n")


def test_a_diff_names_paths_and_what_replaces(stub, provider):
    request = provider_pb2.DiffRequest(urn=URN, id="i", old_inputs=encode_map({"a": 1}), olds=encode_map({"a": 2}))
    answer = stub.Diff(request)
    assert answer.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert list(answer.replaces) == ["name"]
    assert {path: d.kind for path, d in answer.detailedDiff.items()} == {'tags["a.b"]': 0, "tags.c": 2, "name": 5}
    assert answer.deleteBeforeReplace
    assert (provider.seen[0].old_inputs, provider.seen[0].old_state) == ({"a": 1}, {"a": 2})


def test_unknown_outputs_can_be_answered(stub):
    answer = stub.Create(provider_pb2.CreateRequest(urn=URN, properties=encode_map({"a": 1}), preview=True))
    assert decode_map(answer.properties) == {"a": 1, "later": UNKNOWN}


def test_an_error_is_its_text_and_nothing_else(stub):
    with pytest.raises(grpc.RpcError) as caught:
        stub.Create(provider_pb2.CreateRequest(urn=URN, properties=encode_map({"kind": "error"})))
    assert caught.value.details() == "creating it: no"


def test_an_unforeseen_fault_tells_its_place_but_not_its_text(stub):
    with pytest.raises(grpc.RpcError) as caught:
        stub.Create(provider_pb2.CreateRequest(urn=URN, properties=encode_map({"kind": "fault"})))
    assert "internal error of the local test stand-in: KeyError" in caught.value.details()
    assert "canary" not in caught.value.details()


def test_an_unfinished_resource_keeps_its_state(stub):
    with pytest.raises(grpc.RpcError) as caught:
        stub.Create(provider_pb2.CreateRequest(urn=URN, properties=encode_map({"kind": "unfinished"})))
    trailer = dict(caught.value.trailing_metadata())["grpc-status-details-bin"]
    detail = provider_pb2.ErrorResourceInitFailed()
    assert status_pb2.Status.FromString(trailer).details[0].Unpack(detail)
    assert (detail.id, list(detail.reasons)) == ("id-1", ["too slow"])
    assert decode_map(detail.properties) == {"a": Secret("s")}


def test_a_resource_that_is_gone_has_no_id(stub):
    assert stub.Read(provider_pb2.ReadRequest(urn=URN, id="gone")).id == ""
    here = stub.Read(provider_pb2.ReadRequest(urn=URN, id="here"))
    assert (here.id, decode_map(here.properties), decode_map(here.inputs)) == ("here", {"a": 1}, {"a": 2})


def test_update_and_delete_get_the_old_inputs(stub, provider):
    news = encode_map({"a": 3})
    stub.Update(provider_pb2.UpdateRequest(urn=URN, id="i", old_inputs=encode_map({"a": 1}), news=news))
    stub.Delete(provider_pb2.DeleteRequest(urn=URN, id="i", old_inputs=encode_map({"a": 3})))
    assert [request.old_inputs for request in provider.seen] == [{"a": 1}, {"a": 3}]


def test_configuration_an_interrupt_and_plugin_info(stub, provider):
    stub.Configure(provider_pb2.ConfigureRequest(args=encode_map({"k": Secret("v")})))
    assert provider.seen == [{"k": Secret("v")}]
    stub.Cancel(provider_pb2.google_dot_protobuf_dot_empty__pb2.Empty())
    assert provider.cancelled.is_set()
    assert stub.GetPluginInfo(provider_pb2.google_dot_protobuf_dot_empty__pb2.Empty()).version == "1.2.3"


def test_a_function_nobody_wrote_is_an_error_naming_it(stub):
    with pytest.raises(grpc.RpcError) as caught:
        stub.Invoke(provider_pb2.InvokeRequest(tok="test:index:f"))
    assert "test:index:f is not supported by the local stand-in" in caught.value.details()


# Ends where it would begin to listen.
STARTED = """
import gc
import grpc
from local.providers.common import server
from local.providers.{name}.provider import {kind}

grpc.server = lambda *_, **__: exit(str(gc.get_freeze_count()))
server.serve({kind}(), [])
"""


@pytest.mark.parametrize(("name", "kind"), [("aws", "AwsProvider"), ("kubernetes", "KubernetesProvider")])
def test_what_a_plugin_imported_is_not_looked_through_for_garbage(name, kind):
    program = STARTED.format(name=name, kind=kind)
    told = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert int(told.stderr) > 50_000
