"""A deployed stack with an image to pull, as the live tests need it."""

import base64
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.resources.core_v1 import Secret
from lightkube.types import PatchType

from local.demo.chain import EXTERNAL_SECRET
from local.driver import aws, workloads
from local.driver.stack import Result, Stack
from local.state import PlatformState

D = TypeVar("D", bound="Deployed")


@dataclass
class Deployed:
    """A stack of any mode that is up, and handles on what it made."""

    state: PlatformState
    kube: Client
    stack: Stack
    config: dict[str, object]
    namespaces: Sequence[str]
    image: str
    first_up: Result
    outputs: dict[str, Any]

    def pull_secret(self, namespace: str) -> Secret | None:
        try:
            return self.kube.get(Secret, self.outputs["pullSecretName"], namespace=namespace)
        except ApiError as error:
            if error.status.code == 404:
                return None
            raise

    def docker_config(self, namespace: str) -> Any:
        secret = self.pull_secret(namespace)
        return secret and json.loads(base64.b64decode((secret.data or {})[".dockerconfigjson"]))

    def pull(self, namespace: str | None = None, image: str | None = None) -> workloads.Pull:
        return workloads.pull(
            self.kube,
            namespace or self.namespaces[0],
            "pull",
            image or self.image,
            self.outputs["pullSecretName"],
        )

    @contextmanager
    def configured(self, **more: object) -> Iterator[None]:
        """Other `everpull:` keys for a while; without an `up`, except the one that puts the stack back."""
        self.stack.configure({**self.config, **{f"everpull:{key}": value for key, value in more.items()}})
        try:
            yield
        finally:
            self.stack.configure(self.config)
            self.stack.up()


@dataclass
class Deployment(Deployed):
    """A stack of mode `lambda`."""

    def login(self) -> dict[str, Any]:
        """The document in Secrets Manager."""
        secrets = aws.client(self.state, "secretsmanager")
        return json.loads(secrets.get_secret_value(SecretId=self.outputs["loginSecretArn"])["SecretString"])

    def refresh_login(self, **event: object) -> dict[str, Any]:
        """Invokes the function. Raises AssertionError where it failed."""
        answer = aws.client(self.state, "lambda").invoke(
            FunctionName=self.outputs["functionName"], Payload=json.dumps({"reason": "test", **event}).encode()
        )
        result = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, result
        return result

    def holds_current_login(self, namespace: str) -> bool:
        return self.docker_config(namespace) == json.loads(self.login()["dockerconfigjson"])

    def sync(self) -> None:
        """Has ESO bring the current login to every namespace now, and waits for it."""
        system, hub = self.outputs["hub"].split("/")
        self.force_hub()
        want = json.loads(self.login()["dockerconfigjson"])

        def hub_holds() -> bool:
            data = self.kube.get(Secret, hub, namespace=system).data or {}
            return json.loads(base64.b64decode(data[".dockerconfigjson"])) == want

        workloads.wait_until(hub_holds, "the hub holds the current login")
        for namespace in self.namespaces:
            self._force_sync(namespace, self.outputs["pullSecretName"])
            workloads.wait_until(
                lambda namespace=namespace: self.docker_config(namespace) == want,
                f"{namespace} holds the current login",
            )

    def force_hub(self) -> None:
        """Has ESO read the login anew, without waiting for it."""
        self._force_sync(*self.outputs["hub"].split("/"))

    def why_hub_is_not_ready(self) -> str:
        """What ESO says of it; empty if it is ready."""
        system, hub = self.outputs["hub"].split("/")
        status = self.kube.get(EXTERNAL_SECRET, hub, namespace=system)["status"]
        return next((item["message"] for item in status["conditions"] if item["status"] != "True"), "")

    def _force_sync(self, namespace: str, name: str) -> None:
        patch = {"metadata": {"annotations": {"force-sync": str(time.time_ns())}}}
        self.kube.patch(EXTERNAL_SECRET, name, patch, namespace=namespace, patch_type=PatchType.MERGE)


@contextmanager
def deploy(
    state: PlatformState, kube: Client, name: str, namespaces: Sequence[str], **more: object
) -> Iterator[Deployment]:
    """Brings a stack of mode `lambda` up and destroys it afterwards. `more` are `everpull:` keys."""
    with bring_up(Deployment, state, kube, name, namespaces, more) as deployment:
        yield deployment


@contextmanager
def bring_up(
    kind: type[D],
    state: PlatformState,
    kube: Client,
    name: str,
    namespaces: Sequence[str],
    more: Mapping[str, object],
) -> Iterator[D]:
    """As `deploy`, for any mode."""
    for namespace in namespaces:
        workloads.ensure_namespace(kube, namespace)
    image = aws.seed_image(state, f"{name}/app", "1", f"hello from {name}")
    config: dict[str, object] = {
        "aws:region": state.region,
        "everpull:namespaces": list(namespaces),
        "everpull:repositories": [f"{name}/*"],
        **{f"everpull:{key}": value for key, value in more.items()},
    }
    stack = Stack(state, name, config)
    stack.init()
    try:
        first_up = stack.up()
        yield kind(state, kube, stack, config, namespaces, image, first_up, stack.outputs())
    finally:
        stack.destroy()
        stack.remove()
