"""The AWS side: the emulator behind our own admin API, with every call counted."""

import asyncio
import json
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from local.aws.asgi import Receive, Scope, Send, answer_json, body_of
from local.aws.backend import Backend, BackendError
from local.aws.callers import Callers
from local.aws.consistency import IamView, deciding
from local.aws.ecr_api import TokenLife
from local.aws.emulator import Dispatch, Emulator, Reply
from local.aws.events_rules import Pace
from local.aws.persistence import Store
from local.aws.pod_identity import PATH as POD_IDENTITY
from local.aws.pod_identity import PodIdentity

_ADMIN = "/_everpull/"
# The emulator's own ways in that know no credentials: its admin API, its registry, its stand-ins for consoles.
_CLOSED = ("/_ministack/", "/_localstack/", "/_aws/", "/_alb/", "/v2/")
_OWN_HEALTH = "/_ministack/health"
_READING = ("Get", "List", "Describe")


@dataclass
class Knobs:
    """What can be changed while running; it starts anew with the process."""

    life: TokenLife
    iam: IamView
    pace: Pace

    def report(self) -> dict[str, Any]:
        """The settings by their names in the admin API."""
        return {
            "token_ttl_seconds": self.life.seconds,
            "iam_delay_seconds": self.iam.delay,
            "schedule_speed": self.pace.factor,
        }

    def change(self, body: bytes) -> str | None:
        """Take settings over, all or none; what is wrong with them, or None."""
        try:
            wanted = json.loads(body)
        except ValueError:
            wanted = None
        if not isinstance(wanted, dict) or wanted.keys() - self.report().keys():
            return f"a JSON object with some of {sorted(self.report())} is needed"
        if any(isinstance(value, bool) or not isinstance(value, int | float) for value in wanted.values()):
            return "settings are numbers"
        ttl = wanted.get("token_ttl_seconds", self.life.seconds)
        delay = wanted.get("iam_delay_seconds", self.iam.delay)
        speed = wanted.get("schedule_speed", self.pace.factor)
        if not isinstance(ttl, int) or ttl < 1:
            return "token_ttl_seconds must be a whole number of seconds, at least 1"
        if delay < 0 or speed <= 0:
            return "iam_delay_seconds must not be negative, schedule_speed must be more than 0"
        self.life.seconds, self.pace.factor = ttl, speed
        if delay != self.iam.delay:
            self.iam.set_delay(delay)
        return None


class Calls:
    """AWS API calls by `service:Action`, allowed or not, and by who made them."""

    def __init__(self) -> None:
        self._by_caller: dict[str, Counter[str]] = {}

    def add(self, action: str, caller: str) -> None:
        """Count one. `caller` is an ARN, or what else names them."""
        self._by_caller.setdefault(caller, Counter())[action] += 1

    def clear(self) -> None:
        """Start again from none."""
        self._by_caller.clear()

    def report(self) -> dict[str, Any]:
        """`{"total": n, "by_action": {action: n}, "by_caller": {caller: {action: n}}}`"""
        by_action: Counter[str] = sum(self._by_caller.values(), Counter())
        by_caller = {caller: dict(sorted(counted.items())) for caller, counted in sorted(self._by_caller.items())}
        return {"total": by_action.total(), "by_action": dict(sorted(by_action.items())), "by_caller": by_caller}


class Front:
    """An ASGI application: `/_everpull/` is ours, everything else is the emulator's."""

    def __init__(
        self,
        emulator: Emulator,
        calls: Calls,
        callers: Callers,
        knobs: Knobs,
        store: Store,
        backend: Backend,
        ports: tuple[int, int],
        pods: PodIdentity | None = None,
    ) -> None:
        """`ports` are this side's and the registry side's, for the health check. Without `pods` there is no EKS Auth."""
        self._emulator, self._calls, self._callers, self._knobs, self._store = emulator, calls, callers, knobs, store
        self._backend, self._ports, self._pods = backend, ports, pods
        emulator.wrap_dispatch(self._watched)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope.get("path", "")
        if scope["type"] != "lifespan" and path.startswith(_ADMIN):
            await self._admin(scope["method"], path.removeprefix(_ADMIN), receive, send)
        elif scope["type"] != "lifespan" and path.startswith(_CLOSED) and path != _OWN_HEALTH:
            await answer_json(send, 404, {"error": f"{path} is not part of this stand-in"})
        elif self._pods and scope.get("method") == "POST" and (asked := POD_IDENTITY.fullmatch(path)):
            await answer_json(send, *await self._pods.assume(asked[1], await body_of(receive)))
        else:
            await self._emulator.web.app(scope, receive, send)

    def _watched(self, dispatch: Dispatch) -> Dispatch:
        async def watched(
            method: str,
            path: str,
            headers: dict[str, str],
            body: bytes,
            query_params: dict[str, Any],
            request_id: str,
        ) -> Reply:
            web = self._emulator.web
            routing = web._routing_params(method, path, headers, body, query_params)
            service = web.detect_service(method, path, headers, routing)
            action = self._emulator.actions.extract_iam_action(service, method, path, headers, body, routing)
            action = action or f"{service}:{method}"
            self._calls.add(action, self._callers.of_request(action, headers, query_params, routing))
            # STS decides with IAM's roles and keys, so it sees them as authorisation does.
            with deciding() if service == "sts" else nullcontext():
                reply = await dispatch(method, path, headers, body, query_params, request_id)
            if not action.partition(":")[2].startswith(_READING):
                if service == "iam":
                    self._knobs.iam.changed()
                self._store.save(service)
            return reply

        return watched

    async def _admin(self, method: str, name: str, receive: Receive, send: Send) -> None:
        if (method, name) == ("GET", "health"):
            faults = await self._faults()
            await answer_json(send, 503 if faults else 200, {"ready": not faults, "faults": faults})
        elif (method, name) == ("GET", "calls"):
            await answer_json(send, 200, self._calls.report())
        elif (method, name) == ("DELETE", "calls"):
            self._calls.clear()
            await answer_json(send, 200, self._calls.report())
        elif (method, name) == ("GET", "config"):
            await answer_json(send, 200, self._knobs.report())
        elif (method, name) == ("POST", "config"):
            fault = self._knobs.change(await body_of(receive))
            await answer_json(send, 400 if fault else 200, {"error": fault} if fault else self._knobs.report())
        else:
            await answer_json(send, 404, {"error": f"no {method} {_ADMIN}{name}"})

    async def _faults(self) -> list[str]:
        """What doesn't answer, by really asking: the emulator and the registry side over their ports, and the registry
        behind."""
        front, registry = self._ports
        asked = (
            (Backend(f"http://127.0.0.1:{front}"), "the emulator", _OWN_HEALTH, 200),
            (Backend(f"http://127.0.0.1:{registry}"), "the registry side", f"/v2/?ns={self._registry_host()}", 401),
            (self._backend, "the registry behind", "/v2/", 200),
        )
        found = await asyncio.gather(*(_fault(*question) for question in asked))
        return [fault for fault in found if fault]

    def _registry_host(self) -> str:
        settings = self._emulator.settings
        return f"{settings.account}.dkr.ecr.{settings.region}.amazonaws.com"


async def _fault(backend: Backend, who: str, path: str, expected: int) -> str | None:
    try:
        async with asyncio.timeout(5), backend.request("GET", path, {}) as found:
            return None if found.status == expected else f"{who} answered {found.status} instead of {expected}"
    except (BackendError, TimeoutError) as error:
        return f"{who}: {error or 'no answer in time'}"
