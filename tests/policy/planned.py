"""What the whole program registers with a configuration, by a mock engine that knows every value: no tool is needed."""

import gc
import json
import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.eks_clusters import AwsEksClusters
from components.node_roles import AwsNodeRoles
from modes import identities, sharing
from policy.resources import Mark, Resource, Stack, plain
from tests.components.recording import Recorder, _Monitor
from tests.policy.combinations import ACCOUNT, config

ROOT = Path(__file__).resolve().parents[2]
_ANSWERS = {
    "aws:index/getPartition:getPartition": {"partition": "aws", "dnsSuffix": "amazonaws.com"},
    "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": ACCOUNT},
}


class _Answering(Recorder):
    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        found, outputs = super().new_resource(args)
        # A function that ran well.
        return found, {**outputs, "result": "{}"} if args.typ.endswith(":Invocation") else outputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
        return _ANSWERS[args.token]


def planned(chosen: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch, folder: Path) -> Stack:
    """The resources of a stack `dev`, as if it were made. AWS has what the configuration names; no cluster is asked."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("KUBECONFIG", str(folder / "none"))
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(config(chosen)))
    monkeypatch.setattr(pulumi, "export", lambda *_: None)
    # It is for a process that ends with the program.
    monkeypatch.setattr(gc, "freeze", lambda: None)
    monkeypatch.setattr(identities, "check_boundary", lambda *_: None)
    monkeypatch.setattr(AwsEksClusters, "issuer", lambda *_: None)
    monkeypatch.setattr(AwsNodeRoles, "role_path", lambda *_: "/")
    monkeypatch.setattr(sharing, "check_repositories", lambda *_: [])
    recorder = _Answering()
    pulumi.runtime.set_mocks(recorder, project="everpull", stack="dev", preview=False, monitor=_Monitor(recorder))

    @pulumi.runtime.test
    def build() -> None:
        runpy.run_path(str(ROOT / "__main__.py"))

    build()
    return Stack([_resource(item) for item in recorder.resources], config(chosen))


def _resource(item: Any) -> Resource:
    inputs = {key: Mark.SECRET if key in item.secrets else plain(value) for key, value in item.inputs.items()}
    return Resource(item.type, item.name, inputs)
