"""The gRPC side of a provider stand-in: `pulumirpc.ResourceProvider`, as the Pulumi engine 3.x calls it.

Written on the SDK's generated servicer rather than on `pulumi.provider.experimental`, whose layer hides the old inputs
from Diff and Update, drops asset hashes, can't answer unknown outputs and puts a traceback into each error.
"""
# ruff: noqa: N802, ARG002 - the servicer's method names and parameters are gRPC's.

import argparse
import gc
import os
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from local.providers.common import provider as api
from local.providers.common.diff import Change, DiffResult, parse_path, path_text
from local.providers.common.naming import Autonaming
from local.providers.common.values import decode_map, encode_map, secret_paths

_KINDS = {
    ("add", False): provider_pb2.PropertyDiff.ADD,
    ("add", True): provider_pb2.PropertyDiff.ADD_REPLACE,
    ("delete", False): provider_pb2.PropertyDiff.DELETE,
    ("delete", True): provider_pb2.PropertyDiff.DELETE_REPLACE,
    ("update", False): provider_pb2.PropertyDiff.UPDATE,
    ("update", True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
}


def _subject(request: Any) -> api.Subject:
    # urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME; a name may itself hold "::".
    parts = request.urn.split("::", 3)
    return api.Subject(request.urn, request.type or parts[2].rsplit("$", 1)[-1], request.name or parts[3])


def _autonaming(request: Any) -> Autonaming | None:
    if not request.HasField("autonaming"):
        return None
    modes = {0: "propose", 1: "enforce", 2: "disable"}
    return Autonaming(modes[request.autonaming.mode], request.autonaming.proposed_name)  # type: ignore[arg-type]


def diff_response(result: DiffResult) -> Any:
    """A DiffResult as the engine's message."""

    def top(changes: list[Change]) -> list[str]:
        return list(dict.fromkeys(str(change.path[0]) for change in changes))

    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if result.changes else provider_pb2.DiffResponse.DIFF_NONE,
        diffs=top(result.changes),
        replaces=top([change for change in result.changes if change.replace]),
        stables=result.stables,
        deleteBeforeReplace=result.delete_before_replace,
        detailedDiff={
            path_text(c.path): provider_pb2.PropertyDiff(kind=_KINDS[c.kind, c.replace]) for c in result.changes
        },
        hasDetailedDiff=True,
    )


def _failure(name: str, reason: str, given: api.Values) -> Any:
    """One failure. The engine prints the value of the property that a failure names, even a secret one, so such a failure
    names it in its reason alone."""
    value = given.get(str(parse_path(name)[0])) if name else None
    if any(True for _ in secret_paths(value)):
        return provider_pb2.CheckFailure(reason=f"{name}: {reason}")
    return provider_pb2.CheckFailure(property=name, reason=reason)


def _check_response(result: api.CheckResult, given: api.Values) -> Any:
    failures = [_failure(name, reason, given) for name, reason in result.failures]
    return provider_pb2.CheckResponse(inputs=encode_map(result.inputs), failures=failures)


class _Log(api.EngineLog):
    def __init__(self, address: str) -> None:
        self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address, options=_GRPC_CHANNEL_OPTIONS))

    def info(self, message: str, *, urn: str = "", ephemeral: bool = False) -> None:
        self._stub.Log(engine_pb2.LogRequest(severity=engine_pb2.INFO, message=message, urn=urn, ephemeral=ephemeral))

    def warning(self, message: str, *, urn: str = "") -> None:
        self._stub.Log(engine_pb2.LogRequest(severity=engine_pb2.WARNING, message=message, urn=urn))


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """Turns the engine's messages into the provider's requests. An error's text is all that the engine is told."""

    def __init__(self, provider: api.Provider) -> None:
        self._provider = provider

    def _run(self, context: Any, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except api.PartialFailureError as failure:
            self._abort_partial(context, failure)
        except api.ProviderError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except Exception as error:  # noqa: BLE001 - the engine must get an answer whatever breaks
            # Its text is kept back, because an unforeseen exception may quote a secret. The place is enough.
            frames = traceback.extract_tb(error.__traceback__)
            frame = next((f for f in reversed(frames) if "/local/providers/" in f.filename), frames[-1])
            place = f"{os.path.basename(frame.filename)}:{frame.lineno} in {frame.name}"  # noqa: PTH119
            text = f"internal error of the local {self._provider.name} stand-in: {type(error).__name__} at {place}"
            context.abort(grpc.StatusCode.INTERNAL, text)
        raise AssertionError("abort raises")

    @staticmethod
    def _abort_partial(context: Any, failure: api.PartialFailureError) -> None:
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(failure))
        status.details.add().Pack(
            provider_pb2.ErrorResourceInitFailed(
                id=failure.resource_id,
                properties=encode_map(failure.outputs),
                inputs=encode_map(failure.inputs),
                reasons=failure.reasons,
            )
        )
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(grpc.StatusCode.UNKNOWN, str(failure))

    def Handshake(self, request: Any, context: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, supports_autonaming_configuration=True)

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=self._provider.version)

    def GetSchema(self, request: Any, context: Any) -> Any:
        name = self._provider.name
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED, f"the local {name} stand-in has no schema; the SDK package holds it"
        )

    def Cancel(self, request: Any, context: Any) -> Any:
        self._provider.cancelled.set()
        return empty_pb2.Empty()

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return self._run(context, lambda: self._check(self._provider.check_config, request))

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return self._run(context, lambda: diff_response(self._provider.diff_config(_diff_request(request))))

    def Configure(self, request: Any, context: Any) -> Any:
        def work() -> Any:
            self._provider.configure(decode_map(request.args))
            return provider_pb2.ConfigureResponse(
                acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
            )

        return self._run(context, work)

    def Invoke(self, request: Any, context: Any) -> Any:
        def work() -> Any:
            answer = self._provider.invoke(request.tok, decode_map(request.args))
            return provider_pb2.InvokeResponse(**{"return": encode_map(answer)})  # pyright: ignore[reportArgumentType]

        return self._run(context, work)

    def Construct(self, request: Any, context: Any) -> Any:
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            f"the component {request.type} is not supported by the local stand-in for the {self._provider.name} provider",
        )

    def Check(self, request: Any, context: Any) -> Any:
        return self._run(context, lambda: self._check(self._provider.check, request))

    @staticmethod
    def _check(check: Callable[[api.CheckRequest], api.CheckResult], request: Any) -> Any:
        wanted = _check_request(request)
        return _check_response(check(wanted), wanted.new_inputs)

    def Diff(self, request: Any, context: Any) -> Any:
        return self._run(context, lambda: diff_response(self._provider.diff(_diff_request(request))))

    def Create(self, request: Any, context: Any) -> Any:
        def work() -> Any:
            wanted = api.CreateRequest(
                _subject(request), decode_map(request.properties), request.preview, request.timeout
            )
            made = self._provider.create(wanted)
            return provider_pb2.CreateResponse(id=made.id, properties=encode_map(made.outputs))

        return self._run(context, work)

    def Read(self, request: Any, context: Any) -> Any:
        def work() -> Any:
            state = decode_map(request.properties)
            found = self._provider.read(
                api.ReadRequest(_subject(request), request.id, decode_map(request.inputs), state)
            )
            if found is None:
                return provider_pb2.ReadResponse()
            return provider_pb2.ReadResponse(
                id=found.id, properties=encode_map(found.outputs), inputs=encode_map(found.inputs)
            )

        return self._run(context, work)

    def Update(self, request: Any, context: Any) -> Any:
        def work() -> Any:
            outputs = self._provider.update(
                api.UpdateRequest(
                    _subject(request),
                    request.id,
                    decode_map(request.old_inputs),
                    decode_map(request.olds),
                    decode_map(request.news),
                    list(request.ignoreChanges),
                    request.preview,
                    request.timeout,
                )
            )
            return provider_pb2.UpdateResponse(properties=encode_map(outputs))

        return self._run(context, work)

    def Delete(self, request: Any, context: Any) -> Any:
        def work() -> Any:
            self._provider.delete(
                api.DeleteRequest(
                    _subject(request),
                    request.id,
                    decode_map(request.old_inputs),
                    decode_map(request.properties),
                    request.timeout,
                )
            )
            return empty_pb2.Empty()

        return self._run(context, work)


def _check_request(request: Any) -> api.CheckRequest:
    return api.CheckRequest(
        _subject(request), decode_map(request.olds), decode_map(request.news), request.randomSeed, _autonaming(request)
    )


def _diff_request(request: Any) -> api.DiffRequest:
    return api.DiffRequest(
        _subject(request),
        request.id,
        decode_map(request.old_inputs),
        decode_map(request.olds),
        decode_map(request.news),
        list(request.ignoreChanges),
    )


def serve(provider: api.Provider, args: list[str]) -> None:
    """Runs the plugin until the engine stops it: one line with the port on stdout, then gRPC on loopback.

    `args` are the engine's (its own address first). Ends by itself when the engine is gone, so that nothing
    stays behind a killed one."""
    # Before anything is answered: who reads the port may be gone right after.
    parent = os.getppid()
    # What was imported stays until the end: no collection need look through it, at exit least of all.
    gc.freeze()
    parser = argparse.ArgumentParser(prog=f"pulumi-resource-{provider.name}")
    parser.add_argument("engine", nargs="?", default="", help="address of the Pulumi engine")
    known, _ = parser.parse_known_args(args)
    if known.engine:
        provider.log = _Log(known.engine)
    server = grpc.server(ThreadPoolExecutor(max_workers=64), options=_GRPC_CHANNEL_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(provider), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    stopped = threading.Event()
    try:
        while os.getppid() == parent:
            stopped.wait(1.0)
    except KeyboardInterrupt:
        # The engine owns the plugin's life: at an interrupt it cancels first and kills later.
        provider.cancelled.set()
    server.stop(grace=None)
