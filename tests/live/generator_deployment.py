"""A deployed stack of mode `generator`, as the live tests need it."""

import base64
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lightkube import Client
from lightkube.resources.core_v1 import Secret
from lightkube.types import PatchType

from local.demo.chain import EXTERNAL_SECRET
from local.driver.workloads import wait_until
from local.state import PlatformState
from tests.live.deployment import Deployed, bring_up

_LOGIN = "everpull/login"


@dataclass
class GeneratorDeployment(Deployed):
    """A stack of mode `generator`. Its logins are called as their ExternalSecrets' annotation has it."""

    @property
    def logins(self) -> dict[str, str]:
        """Names of the ExternalSecrets that fetch them, and of the Secrets in which they lie, by login."""
        found = self.kube.list(EXTERNAL_SECRET, namespace=self.outputs["systemNamespace"])
        marks = {item.metadata.name: (item.metadata.annotations or {}).get(_LOGIN) for item in found}
        return {login: str(name) for name, login in marks.items() if login}

    def syncs(self) -> set[str]:
        """Names of all ExternalSecrets in the system namespace."""
        return {str(item.metadata.name) for item in self.kube.list(EXTERNAL_SECRET, namespace=self._system)}

    def renew(self, login: str) -> None:
        """Has ESO fetch the login now, and waits for it."""
        name, before = self.logins[login], self._content(self._system, self.logins[login])
        self.force(login)
        wait_until(lambda: self._content(self._system, name) != before, f"{login} is fetched")

    def force(self, login: str) -> None:
        """Has ESO fetch the login now, without waiting for it."""
        self._force(self._system, self.logins[login])

    def why_not_ready(self, login: str) -> str:
        """What ESO says of it; empty if it is ready."""
        status = self.kube.get(EXTERNAL_SECRET, self.logins[login], namespace=self._system)["status"]
        return next((item["message"] for item in status["conditions"] if item["status"] != "True"), "")

    def sync(self) -> None:
        """Has ESO bring all logins that it has now to every namespace, and waits for it."""
        want: dict[str, Any] = {}
        for name in self.logins.values():
            want |= self._content(self._system, name)["auths"]
        for namespace, name in (
            self.outputs["hub"].split("/"),
            *((namespace, self.outputs["pullSecretName"]) for namespace in self.namespaces),
        ):
            self._force(namespace, name)
            wait_until(
                lambda namespace=namespace, name=name: self._content(namespace, name) == {"auths": want},
                f"{namespace}/{name} holds the logins",
            )

    @property
    def _system(self) -> str:
        return self.outputs["systemNamespace"]

    def _content(self, namespace: str, secret: str) -> Any:
        data = self.kube.get(Secret, secret, namespace=namespace).data or {}
        return json.loads(base64.b64decode(data[".dockerconfigjson"]))

    def _force(self, namespace: str, name: str) -> None:
        patch = {"metadata": {"annotations": {"force-sync": str(time.time_ns())}}}
        self.kube.patch(EXTERNAL_SECRET, name, patch, namespace=namespace, patch_type=PatchType.MERGE)


@contextmanager
def deploy_generator(
    state: PlatformState, kube: Client, name: str, namespaces: Sequence[str], **more: object
) -> Iterator[GeneratorDeployment]:
    """Brings a stack of mode `generator` up and destroys it afterwards. `more` are `everpull:` keys."""
    with bring_up(GeneratorDeployment, state, kube, name, namespaces, {"mode": "generator", **more}) as deployment:
        yield deployment
