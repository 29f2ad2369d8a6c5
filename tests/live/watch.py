"""Watches a pull secret while something happens to it: was it ever missing, or did it ever hold no live login?"""

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from lightkube.core.exceptions import ApiError
from lightkube.resources.core_v1 import Secret

from local.driver import workloads
from local.state import PlatformState

DOCKER_CONFIG_TYPE = "kubernetes.io/dockerconfigjson"


@dataclass
class Seen:
    """What was seen: the number of polls, each fault, the contents in their order with the time of each, and the uids."""

    polls: int = 0
    faults: list[str] = field(default_factory=list)
    contents: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    uids: set[str] = field(default_factory=set)


@contextmanager
def watched(state: PlatformState, namespace: str, name: str) -> Iterator[Seen]:
    """Polls the Secret without a pause until the block ends. Each new content is shown to the registry."""
    seen = Seen()
    end = threading.Event()
    thread = threading.Thread(target=_poll, args=(state, namespace, name, seen, end), daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        end.set()
        thread.join(30)
    assert not thread.is_alive(), "the watcher hangs"
    assert seen.polls, "nothing was looked at, so nothing was proven"


def _poll(state: PlatformState, namespace: str, name: str, seen: Seen, end: threading.Event) -> None:
    with workloads.client(state) as kube, httpx2.Client(timeout=10) as http:
        while not end.is_set():
            seen.polls += 1
            try:
                fault = _look(kube.get(Secret, name, namespace=namespace), state, http, seen)
            except ApiError as error:
                fault = f"HTTP {error.status.code}"
            except Exception as error:  # noqa: BLE001 (a thread's exception would be lost; here it is a fault)
                fault = f"{type(error).__name__}: {error}"
            if fault:
                seen.faults.append(f"poll {seen.polls}: {fault}")


def _look(secret: Secret, state: PlatformState, http: httpx2.Client, seen: Seen) -> str | None:
    seen.uids.add(str(secret.metadata.uid))
    if secret.type != DOCKER_CONFIG_TYPE:
        return f"type {secret.type}"
    content = base64.b64decode((secret.data or {})[".dockerconfigjson"]).decode()
    if seen.contents and seen.contents[-1] == content:
        return None
    seen.contents.append(content)
    seen.times.append(time.monotonic())
    return _refused(json.loads(content), state, http)


def _refused(config: dict[str, Any], state: PlatformState, http: httpx2.Client) -> str | None:
    """Why the registry refuses a login of the docker config, or None."""
    for host, entry in config["auths"].items():
        headers = {"Host": host, "Authorization": f"Basic {entry['auth']}"}
        answer = http.get(f"{state.registry_endpoint}/v2/", headers=headers)
        if answer.status_code != httpx2.codes.OK:
            return f"{host} answers {answer.status_code} to this login"
    return None
