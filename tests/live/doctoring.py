"""The doctor, and its renewal, as a person runs them on a deployed stack; and faults that are taken back."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import ObjectMeta

from local import env, paths
from local.driver import aws, workloads
from tests.live.deployment import Deployed
from tests.live.granted import Granted


@dataclass(frozen=True)
class Diagnosis:
    """Exit status, the links, and all that was printed."""

    status: int
    links: list[dict[str, str]]
    text: str

    @property
    def first(self) -> dict[str, str]:
        """The link that is named first; an empty one where all is well."""
        for state in ("broken", "breaking", "unknown", "warning"):
            for link in self.links:
                if link["state"] == state:
                    return link
        return {}


def command(deployed: Deployed, module: str, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a module with the environment of a person on the platform, who reaches registries by their own names."""
    state, stack = deployed.state, deployed.stack
    where = ["--stack", stack.name, "--config-file", str(stack.config_file)]
    return subprocess.run(
        [sys.executable, "-m", module, *where, *more],
        cwd=paths.ROOT,
        env={
            **stack._environment,
            **env.registries(state),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def diagnose(deployed: Deployed, **environment: str) -> Diagnosis:
    done = command(deployed, "doctor", "--json", **environment)
    assert done.stdout, done.stderr
    return Diagnosis(done.returncode, json.loads(done.stdout), done.stdout + done.stderr)


def mend(deployed: Deployed) -> None:
    """What the doctor says for most faults."""
    deployed.stack.up("--refresh")
    deployed.outputs = deployed.stack.outputs()


def user_of(deployed: Deployed) -> str:
    return deployed.outputs["identityArn"].rsplit("/", 1)[1]


@contextmanager
def inactive_key(deployed: Deployed) -> Iterator[None]:
    iam, user = aws.client(deployed.state, "iam"), user_of(deployed)
    (key,) = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    iam.update_access_key(UserName=user, AccessKeyId=key["AccessKeyId"], Status="Inactive")
    try:
        yield
    finally:
        iam.update_access_key(UserName=user, AccessKeyId=key["AccessKeyId"], Status="Active")


def without(deployed: Deployed, output: str, sid: str) -> AbstractContextManager[None]:
    """The user or role that the output names, less the statement of its policy."""
    return Granted(deployed.state, deployed.outputs[output]).without(sid)


@contextmanager
def removed(kube: Client, kind: Any, name: str, namespace: str) -> Iterator[None]:
    """An object that is gone for a while, and comes back as it was."""
    found = kube.get(kind, name, namespace=namespace)
    kube.delete(kind, name, namespace=namespace)
    workloads.wait_until(lambda: not exists(kube, kind, name, namespace), f"{kind.__name__} {name} is gone")
    try:
        yield
    finally:
        kept = found.metadata
        found.metadata = ObjectMeta(name=name, namespace=namespace, labels=kept.labels, annotations=kept.annotations)
        kube.create(found)


def exists(kube: Client, kind: Any, name: str, namespace: str | None = None) -> bool:
    where = {"namespace": namespace} if namespace else {}
    try:
        kube.get(kind, name, **where)
    except ApiError as error:
        if error.status.code == 404:
            return False
        raise
    return True


@contextmanager
def repository_denies(deployed: Deployed) -> Iterator[None]:
    ecr, repository = aws.client(deployed.state, "ecr"), f"{deployed.stack.name}/app"
    statement = {"Sid": "no", "Effect": "Deny", "Principal": "*", "Action": "ecr:BatchGetImage"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    ecr.set_repository_policy(repositoryName=repository, policyText=text)
    try:
        yield
    finally:
        ecr.delete_repository_policy(repositoryName=repository)


@contextmanager
def other_keys(deployed: Deployed, keys: Mapping[str, object]) -> Iterator[None]:
    """Other configuration, without an `up`."""
    deployed.stack.configure({**deployed.config, **{f"everpull:{key}": value for key, value in keys.items()}})
    try:
        yield
    finally:
        deployed.stack.configure(deployed.config)
