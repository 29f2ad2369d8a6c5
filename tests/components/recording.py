"""A mock engine that records what a component registers.

Use it inside a function under `@pulumi.runtime.test`: an undecorated test passes even when one of its applies fails.
"""

import json
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime import mocks, rpc

ACCOUNT = "123456789012"


@dataclass(frozen=True)
class Registered:
    type: str
    name: str
    inputs: dict[str, Any]
    secrets: frozenset[str]
    """Names of the inputs that the engine would encrypt in its state."""


@dataclass
class Recorder(pulumi.runtime.Mocks):
    """Answers like AWS and Kubernetes would, as far as components look at the answers."""

    resources: list[Registered] = field(default_factory=list)
    requests: dict[str, Any] = field(default_factory=dict)
    """What the engine was asked to register, by URN."""
    stacks: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Outputs of other stacks, by name."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        secrets = frozenset(key for key, value in args.inputs.items() if is_secret(value))
        inputs = {key: value["value"] if key in secrets else value for key, value in args.inputs.items()}
        self.resources.append(Registered(args.typ, args.name, inputs, secrets))
        outputs = {"name": args.name, **args.inputs}
        service = args.typ.split(":")[1].split("/")[0]
        if args.typ.startswith("aws:"):
            outputs.setdefault("arn", f"arn:aws:{service}:eu-central-1:{ACCOUNT}:{args.name}")
        if args.typ == "aws:iam/accessKey:AccessKey":
            outputs |= {"secret": "canary-secret-key", "createDate": "2026-01-01T00:00:00Z"}
        if args.typ.endswith(":PodIdentityAssociation"):
            outputs["associationId"] = f"a-{args.inputs['clusterName']}"
        if args.typ == "aws:sqs/queue:Queue":
            outputs["url"] = f"https://sqs.example/{args.name}"
        if args.typ == "pulumi:pulumi:StackReference":
            return args.name, {"name": args.name, "outputs": self.stacks[args.name], "secretOutputNames": []}
        if args.typ.startswith("kubernetes:"):
            metadata = args.inputs["metadata"]
            place = f"{metadata.get('namespace', '')}/{metadata['name']}".removeprefix("/")
            return place, {**outputs, "metadata": {**metadata, "uid": f"uid of {args.typ.rpartition(':')[2]} {place}"}}
        return f"{args.name}-id", outputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
        raise AssertionError(f"a component called {args.token}")

    def one(self, type_ending: str, name_ending: str = "") -> Registered:
        found = [item for item in self.resources if item.type.endswith(type_ending) and item.name.endswith(name_ending)]
        assert len(found) == 1, f"{len(found)} of {type_ending} {name_ending}: {[item.name for item in self.resources]}"
        return found[0]

    def all(self, type_ending: str) -> list[Registered]:
        return [item for item in self.resources if item.type.endswith(type_ending)]

    def request(self, name: str) -> Any:
        """What the engine was asked to register under that name, components aside."""
        (found,) = [request for request in self.requests.values() if request.custom and request.name == name]
        return found

    def aliases(self, name: str) -> list[Any]:
        """The former URNs, or parts of URNs, by which the engine would know that resource."""
        return [getattr(alias, alias.WhichOneof("alias")) for alias in self.request(name).aliases]

    def waits_for(self, name: str) -> set[str]:
        """The resources that are done before that one is begun, by name: what it depends on, and what that depends on.

        A component waits for what it depends on before it is registered, and its children wait for its registration.
        """
        found: set[str] = set()
        waiting = [self.request(name)]
        while waiting:
            request = waiting.pop()
            for urn in {*request.dependencies, request.parent} & self.requests.keys() - found:
                found.add(urn)
                waiting.append(self.requests[urn])
        return {self.requests[urn].name for urn in found if self.requests[urn].custom}

    def statements(self, type_ending: str, name_ending: str = "") -> dict[str, dict[str, Any]]:
        """The statements of a registered policy, by Sid."""
        return {
            item["Sid"]: item for item in json.loads(self.one(type_ending, name_ending).inputs["policy"])["Statement"]
        }


class _Monitor(mocks.MockMonitor):
    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the name that gRPC calls
        response = super().RegisterResource(request)
        self.mocks.requests[response.urn] = request
        return response


def is_secret(value: Any) -> bool:
    return isinstance(value, dict) and value.get(rpc._special_sig_key) == rpc._special_secret_sig


def record() -> Recorder:
    """Installs a fresh recorder as the engine."""
    recorder = Recorder()
    pulumi.runtime.set_mocks(recorder, project="everpull", stack="dev", preview=False, monitor=_Monitor(recorder))
    return recorder
