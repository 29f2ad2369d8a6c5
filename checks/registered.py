"""What a stack registers with the engine, asked of the program itself: no engine runs, nor is AWS or a cluster asked."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from unittest.mock import patch

import pulumi
from pulumi.runtime import mocks

from cluster.surroundings import Surroundings
from components.delivery import DeliveryArgs
from components.system_namespace import SystemNamespace
from modes import deliver
from modes.nodes import serve_nodes
from settings import Settings, parse, schema

STACK = "dev"
_ACCOUNT = "123456789012"
_REGION = "eu-central-1"
# Read by nobody at preview; a machine's own must not be, whatever happens.
_NO_KUBECONFIG = os.devnull


@dataclass(frozen=True)
class Resource:
    """One that a stack registers, components aside."""

    kind: str
    """The last part of its type, such as `Role`."""

    waits_for: frozenset[str]
    """Names of the resources that are made before it is, whatever lies between."""


def registered(config: Mapping[str, str], node_roles: tuple[str, ...] = ()) -> tuple[Settings, dict[str, Resource]]:
    """The settings of a stack with that configuration (`everpull:` keys and their texts), and its resources by name.

    `node_roles` are the roles that would be found in AWS.
    """
    engine = _Engine()
    hosts = f'["{_ACCOUNT}.dkr.ecr.{_REGION}.amazonaws.com"]'
    settings = parse({"aws:region": _REGION, f"{schema.PROJECT}:registries": hosts, **config}, STACK)
    monitor = _Monitor(engine)
    pulumi.runtime.set_mocks(engine, project=schema.PROJECT, stack=STACK, preview=True, monitor=monitor)

    def build() -> None:
        args = _args(settings)
        serve_nodes(settings, node_roles, args["repository_arns"], ())
        if settings.in_cluster:
            system = SystemNamespace(
                settings.owner, {"namespace": settings.system_namespace, "labels": settings.labels}
            )
            deliver(settings, Surroundings(), args, pulumi.ResourceOptions(depends_on=[system]))

    with patch.dict(os.environ, {"KUBECONFIG": _NO_KUBECONFIG}):
        pulumi.runtime.test(build)()  # pyright: ignore[reportUnknownMemberType]
    return settings, monitor.made()


def _args(settings: Settings) -> DeliveryArgs:
    """What a delivery is told, with nothing looked up for it."""
    return {
        "owner": settings.owner,
        "labels": settings.labels,
        "region": settings.region,
        "registries": [item.host for item in settings.registries],
        "repository_arns": [f"arn:aws:ecr:{_REGION}:{_ACCOUNT}:repository/*"],
        "namespaces": settings.namespaces,
        "pull_secret_name": settings.pull_secret_name,
        "system_namespace": settings.system_namespace,
    }


class _Engine(pulumi.runtime.Mocks):
    """Makes every resource at once, with an id and what components ask of it."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        inputs = cast(dict[str, Any], args.inputs)  # pyright: ignore[reportUnknownMemberType]
        outputs: dict[str, Any] = {"name": args.name, **inputs}
        if args.typ.startswith("aws:"):
            outputs.setdefault("arn", f"arn:aws:service:{_REGION}:{_ACCOUNT}:{args.name}")
        elif args.typ.startswith("kubernetes:"):
            outputs["metadata"] = {**inputs["metadata"], "uid": args.name}
        return args.name, outputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        raise AssertionError(f"a mode asks {args.token}, which a picture can't answer")


class _Monitor(mocks.MockMonitor):
    """Remembers what was asked for."""

    def __init__(self, engine: _Engine) -> None:
        super().__init__(engine)
        self._requests: dict[str, Any] = {}

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the name that gRPC calls
        response: Any = super().RegisterResource(request)  # pyright: ignore[reportUnknownMemberType]
        self._requests[response.urn] = request
        return response

    def made(self) -> dict[str, Resource]:
        """All of them but components, by name."""
        return {
            request.name: Resource(
                request.type.rpartition(":")[2],
                frozenset(self._requests[before].name for before in self._before(urn)),
            )
            for urn, request in self._requests.items()
            if request.custom
        }

    def _before(self, urn: str) -> set[str]:
        """A component waits for what it depends on, and its children wait for it."""
        found: set[str] = set()
        waiting = [self._requests[urn]]
        while waiting:
            request = waiting.pop()
            for before in {*request.dependencies, request.parent} & self._requests.keys() - found:
                found.add(before)
                waiting.append(self._requests[before])
        return {before for before in found if self._requests[before].custom}
