"""The experiment of `python -m bench reach`: mode `lambda` on stacks of different size, with the real engine and ESO.

For each size a stack is brought up whose namespaces are there already, and one forced refresh is followed to the last of
them. What is asked of AWS is counted over the same length of time at each size.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bench import ground, pull_secrets, removal
from bench.errors import BenchError
from bench.fanout import Say, administrator, alone, say
from bench.kube import Kube
from local.driver import aws
from local.driver.stack import Stack
from local.paths import Paths
from local.state import PlatformState

NAME = "bench-reach"
# Both of them, so that what is seen is the chain and not the waiting; the defaults are 15 and 5 minutes.
INTERVAL_SECONDS = 30
# Over which AWS calls are counted: several rounds of the hub.
WINDOW_SECONDS = 150
_PATIENCE_SECONDS = 600
_POLL_SECONDS = 0.5
# How namespaces get into the stack.
WAYS = ("listed", "by label")


@dataclass(frozen=True)
class Reached:
    """What one size gave. Times are in seconds; `aws_calls` maps each action to the calls during WINDOW_SECONDS.

    `up` is the whole of the first `pulumi up`. `filled` runs from the first ExternalSecret's creation to the last pull
    secret's, as the API server has them (whole seconds). `renewed` runs from a forced refresh until the last namespace holds
    the new login.
    """

    namespaces: int
    way: str
    up: float
    filled: float
    renewed: float
    aws_calls: Mapping[str, int]


@contextmanager
def reachable(folders: Paths, state: PlatformState) -> Iterator[Kube]:
    """The API server, with no other measurement beside; the namespaces go afterwards. Raises BenchError, kube.Refused."""
    kube = administrator(folders, state)
    with alone(folders):
        try:
            yield kube
        finally:
            say("removing the namespaces")
            removal.remove(kube)


def reach(kube: Kube, state: PlatformState, namespaces: int, way: str, tell: Say = say) -> Reached:
    """Raises BenchError, PulumiError, kube.Refused."""
    tell(f"{namespaces} namespaces {way}: making what is missing")
    ground.prepare(kube, namespaces, ())
    names = ground.names(namespaces)
    aws.seed_image(state, f"{NAME}/app", "1", "hello")
    stack = Stack(state, NAME, _config(state, names, way))
    stack.init()
    try:
        began = time.monotonic()
        stack.up()
        up = time.monotonic() - began
        outputs = stack.outputs()
        _wait(lambda: _holding(kube, outputs, None) >= set(names), "all namespaces have the pull secret")
        filled = _filled(kube, outputs["pullSecretName"])
        tell(f"{namespaces} namespaces {way}: up {up:.0f} s, filled in {filled:.0f} s")
        renewed, calls = _refresh(kube, state, outputs, names)
        tell(f"{namespaces} namespaces {way}: renewed in {renewed:.0f} s, AWS calls {dict(calls)}")
        return Reached(namespaces, way, up, filled, renewed, calls)
    finally:
        stack.destroy()
        stack.remove()


def _config(state: PlatformState, names: Sequence[str], way: str) -> dict[str, object]:
    by_label = {
        "everpull:namespaceSelector": "=".join(ground.LABEL),
        "everpull:excludedNamespaces": [ground.SYSTEM],
    }
    return {
        "aws:region": state.region,
        "everpull:repositories": [f"{NAME}/*"],
        "everpull:syncInterval": f"{INTERVAL_SECONDS}s",
        "everpull:fanOutInterval": f"{INTERVAL_SECONDS}s",
        "everpull:namespaces": list(names) if way == "listed" else [],
        **({} if way == "listed" else by_label),
    }


def _refresh(
    kube: Kube, state: PlatformState, outputs: Mapping[str, Any], names: Sequence[str]
) -> tuple[float, Mapping[str, int]]:
    """Seconds from a forced refresh until the last namespace holds its login, and AWS calls in the window that it begins."""
    aws.admin(state, "calls", method="DELETE")
    began = time.monotonic()
    answer = aws.client(state, "lambda").invoke(
        FunctionName=outputs["functionName"], Payload=json.dumps({"reason": "bench", "force": True}).encode()
    )
    if "FunctionError" in answer:
        raise BenchError("the refresh failed; the function's log says why")
    document = aws.client(state, "secretsmanager").get_secret_value(SecretId=outputs["loginSecretArn"])
    wanted = json.loads(json.loads(document["SecretString"])["dockerconfigjson"])
    _wait(lambda: _holding(kube, outputs, wanted) >= set(names), "all namespaces hold the new login")
    renewed = time.monotonic() - began
    time.sleep(max(0.0, WINDOW_SECONDS - renewed))
    return renewed, aws.calls_of(state, outputs["refresherArn"]) + aws.calls_of(state, outputs["identityArn"])


def _holding(kube: Kube, outputs: Mapping[str, Any], wanted: object | None) -> set[str]:
    """The namespaces whose pull secret holds the docker config `wanted`, or any if that is None."""
    found = pull_secrets.read(kube, outputs["pullSecretName"])
    return {
        name
        for name, secret in found.items()
        if secret.config and (wanted is None or json.loads(secret.config) == wanted)
    }


def _filled(kube: Kube, name: str) -> float:
    """From the first ExternalSecret to the last pull secret, of that name. Raises BenchError where there is none."""
    syncs = _created(kube, "/apis/external-secrets.io/v1/externalsecrets")
    secrets = _created(kube, f"/api/v1/secrets?fieldSelector=metadata.name={name}")
    if not syncs or not secrets:
        raise BenchError("there is no ExternalSecret or no pull secret")
    return (max(secrets) - min(syncs)).total_seconds()


def _created(kube: Kube, path: str) -> list[datetime]:
    """When those in the measurement's namespaces were made."""
    found = [item["metadata"] for item in kube.metadata(path)["items"] or []]
    return [datetime.fromisoformat(item["creationTimestamp"]) for item in found if ground.is_ours(item["namespace"])]


def _wait(done: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while not done():
        if time.monotonic() > end:
            raise BenchError(f"waited {_PATIENCE_SECONDS} s in vain until {what}")
        time.sleep(_POLL_SECONDS)
