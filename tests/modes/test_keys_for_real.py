"""Another access key, by the real engine: in what order keys come and go, what is refused, and what a killed run leaves."""

import base64
import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from kube.client import connect
from tests.killing import running_until_killed
from tests.local_aws.platform import ROOT, Stand, docker_registry, wait_until
from tests.local_providers.aws.engine import Outcome, Stack
from tests.local_providers.kubernetes.control_plane import ControlPlane

# What uses the key, as ESO's store and hub do: made after its Secret, and another one for each key.
PROGRAM = """
import json
import os
import time
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s

from components.cluster_identity import ClusterIdentity
from components.generations import of_generation
from components.policy import document, fetch_login
from modes.keys import key_args, watch_age
from settings import parse

variant = json.loads(os.environ["VARIANT"])
generation = variant.get("generation", 1)
settings = parse(
    {
        "aws:region": "eu-central-1",
        "everpull:accessKeyGeneration": str(generation),
        "everpull:accessKeyMaxAgeDays": str(variant.get("limit", 0)),
    },
    "test",
)
identity = ClusterIdentity(
    "everpull-test-cluster",
    {
        "policy": document(fetch_login()),
        "namespace": "default",
        "credentials_secret_name": "aws-credentials",
        "labels": settings.labels,
        **key_args(settings),
    },
)
watch_age(settings, identity.key_created, identity)
user = k8s.core.v1.ConfigMap(
    of_generation("uses-the-key", generation),
    metadata={"name": of_generation("store", generation), "namespace": "default"},
    data={"auth": identity.store_auth.apply(json.dumps)},
)


def proven(_: str) -> None:
    if variant.get("fails"):
        raise pulumi.RunError("the new key is not proven")
    if variant.get("hangs"):
        Path(variant["hangs"]).touch()
        time.sleep(600)


(identity.revision if variant.get("early") else user.id).apply(proven)
pulumi.export("key", identity.revision)
pulumi.export("secret", identity.credentials)
"""
UP = ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive"]
USER = "everpull-test-cluster-user"


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with docker_registry(tmp_path_factory.mktemp("registry") / "registry") as backend:
        running = Stand(tmp_path_factory.mktemp("aws") / "stand", backend)
        running.start()
        yield running
        running.stop()


@pytest.fixture(scope="module")
def http(plane: ControlPlane) -> Iterator[httpx2.Client]:
    with connect(str(plane.kubeconfig), None, 30) as client:
        yield client


class Keys:
    """A stack, and the keys that its user has."""

    def __init__(self, stack: Stack, stand: Stand, http: httpx2.Client) -> None:
        self.stack, self._iam, self._http = stack, stand.client("iam"), http

    @property
    def user(self) -> str:
        (found,) = [item["UserName"] for item in self._iam.list_users()["Users"] if item["UserName"].startswith(USER)]
        return found

    def by_hand(self) -> str:
        return self._iam.create_access_key(UserName=self.user)["AccessKey"]["AccessKeyId"]

    def delete(self, key: str) -> None:
        self._iam.delete_access_key(UserName=self.user, AccessKeyId=key)

    def all(self) -> set[str]:
        listed = self._iam.list_access_keys(UserName=self.user)["AccessKeyMetadata"]
        return {item["AccessKeyId"] for item in listed}

    def in_use(self) -> str:
        """The stack's own key by its outputs, which must be in the Secret that they name."""
        outputs = self.stack.outputs()
        namespace, name = outputs["secret"].split("/")
        data = self._http.get(f"/api/v1/namespaces/{namespace}/secrets/{name}").json()["data"]
        assert base64.b64decode(data["access-key-id"]).decode() == outputs["key"]
        return outputs["key"]

    def secrets(self) -> set[str]:
        listed = self._http.get("/api/v1/namespaces/default/secrets").json()["items"]
        return {item["metadata"]["name"] for item in listed}

    def age(self) -> None:
        """Has the state tell of a key that was made years ago."""
        state = json.loads(self.stack.export())
        (key,) = [item for item in state["deployment"]["resources"] if item["type"].endswith(":AccessKey")]
        key["outputs"]["createDate"] = "2020-01-01T00:00:00Z"
        (self.stack.folder / "aged.json").write_text(json.dumps(state))
        self.stack.run("stack", "import", "--file", str(self.stack.folder / "aged.json"))

    def killed(self, marker: Path, **variant: Any) -> None:
        """An `up` that is killed, with all that it started, once the program has made its mark."""
        environment = {**self.stack.environment, "VARIANT": json.dumps({**variant, "hangs": str(marker)})}
        with running_until_killed(UP, self.stack.work, environment):
            wait_until("the program is where it is to be killed", marker.exists, 120)
        self.stack.run("cancel", "--yes")


@pytest.fixture
def keys(stand: Stand, plane: ControlPlane, http: httpx2.Client, tmp_path: Path) -> Iterator[Keys]:
    """A stack with its first key."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "Pulumi.yaml").write_text("name: keys\nruntime: python\n")
    (source / "__main__.py").write_text(PROGRAM)
    stack = Stack(tmp_path / "stack", stand, source, PYTHONPATH=str(ROOT), KUBECONFIG=str(plane.kubeconfig))
    wrapper = tmp_path / "stack" / "bin" / "pulumi-resource-kubernetes"
    program = f'exec {shlex.quote(sys.executable)} -m local.providers.kubernetes "$@"'
    wrapper.write_text(f"#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} {program}\n")
    wrapper.chmod(0o755)
    stack.up()
    yield Keys(stack, stand, http)
    stack.destroy()


def deleted(outcome: Outcome) -> list[str]:
    """Names of what the engine deleted, in its order."""
    return [name for (_, name), operation in outcome.steps.items() if operation == "delete"]


def test_a_key_comes_before_the_one_before_it_goes_and_what_uses_that_goes_first(keys: Keys) -> None:
    first = keys.in_use()
    assert keys.stack.preview({"generation": 2}).code == 0
    assert keys.all() == {first}
    outcome = keys.stack.up({"generation": 2})
    assert deleted(outcome) == ["uses-the-key", "everpull-test-cluster-credentials", "everpull-test-cluster-key"]
    second = keys.in_use()
    assert keys.all() == {second}
    assert second != first
    assert "aws-credentials" not in keys.secrets()
    assert keys.stack.up({"generation": 2}).changes == {}
    assert keys.stack.refresh({"generation": 2}).changes == {}
    keys.stack.up({"generation": 1})
    assert keys.all() == {keys.in_use()}
    assert keys.in_use() not in (first, second)
    assert "aws-credentials-2" not in keys.secrets()


def test_a_key_is_refused_at_preview_while_the_user_has_two(keys: Keys) -> None:
    first, other = keys.in_use(), keys.by_hand()
    assert keys.stack.preview().changes == {}, "a key that somebody made stops nothing that needs no other"
    for operate in (keys.stack.preview, keys.stack.up):
        text = " ".join(operate({"generation": 2}, fails=True).text.split())
        assert "the configuration of stack test has 1 fault" in text
        assert "everpull:accessKeyGeneration = 2" in text
        assert f"of user {keys.user}, which has {first} (Active, made today) and {other} (Active, made today)" in text
        assert f"aws iam delete-access-key --user-name {keys.user} --access-key-id {other}" in text
        assert "Traceback" not in text
    assert keys.all() == {first, other}
    keys.delete(other)
    keys.stack.up({"generation": 2})
    assert keys.all() == {keys.in_use()}


def test_a_run_that_is_not_proven_leaves_both_keys_and_the_next_one_ends_it(keys: Keys) -> None:
    first = keys.in_use()
    failed = keys.stack.up({"generation": 2, "fails": True}, fails=True)
    assert deleted(failed) == []
    assert len(keys.all()) == 2
    assert {"aws-credentials", "aws-credentials-2"} <= keys.secrets()
    again = " ".join(keys.stack.preview({"generation": 3}, fails=True).text.split())
    assert re.search(rf"which has {first} \(Active, made today\) and \w+ \(Active, made today\)", again)
    keys.stack.up({"generation": 2})
    assert keys.all() == {keys.in_use()}
    assert keys.in_use() != first


def test_a_run_that_is_not_proven_can_be_taken_back(keys: Keys) -> None:
    first = keys.in_use()
    keys.stack.up({"generation": 2, "fails": True}, fails=True)
    keys.stack.up({"generation": 1})
    assert (keys.all(), keys.in_use()) == ({first}, first)
    assert "aws-credentials-2" not in keys.secrets()


def test_the_age_of_the_key_in_use_is_told_and_not_that_of_one_to_be_made(keys: Keys) -> None:
    assert "access key is" not in keys.stack.preview({"limit": 90}).text
    keys.age()
    text = " ".join(keys.stack.preview({"limit": 90}).text.split())
    assert re.search(
        r"warning: the cluster's access key is \d{4} days old, and everpull:accessKeyMaxAgeDays is 90", text
    )
    assert "access key is" not in keys.stack.preview({"limit": 90, "generation": 2}).text


@pytest.mark.parametrize("early", [True, False], ids=["with a new key alone", "with all that is new"])
def test_a_run_that_is_killed_is_ended_by_the_next_one(keys: Keys, tmp_path: Path, early: bool) -> None:
    first = keys.in_use()
    keys.killed(tmp_path / "marker", generation=2, early=early)
    assert len(keys.all()) == 2
    assert first in keys.all()
    assert "aws-credentials" in keys.secrets()
    keys.stack.up({"generation": 2})
    assert keys.all() == {keys.in_use()}
    assert keys.in_use() != first
    assert "aws-credentials" not in keys.secrets()
