"""Brings the platform up, deploys the `local` stack, and shows one pod that pulls and one that is refused."""

import sys
import time
from collections.abc import Callable
from typing import TypeVar

from local import paths, state
from local.__main__ import main as platform
from local.demo import chain, table
from local.driver import aws, workloads
from local.driver.stack import PulumiError, Stack

T = TypeVar("T")
STACK = "local"
NAMESPACE = "demo"
REPOSITORY = "demo/hello"


class Clock:
    """How long each step took, in the order in which they ran."""

    def __init__(self) -> None:
        self.took: dict[str, float] = {}

    def step(self, name: str, run: Callable[[], T]) -> T:
        print(f"==> {name}", file=sys.stderr, flush=True)
        started = time.monotonic()
        try:
            return run()
        finally:
            self.took[name] = time.monotonic() - started


def main() -> int:
    clock = Clock()
    if clock.step("local platform", lambda: platform(["up"])):
        return 1
    platform_state = state.load()
    if not platform_state.node:
        print(f"no pod can run here: {platform_state.node_reason}", file=sys.stderr)
        return 1
    kube = workloads.client(platform_state)
    workloads.ensure_namespace(kube, NAMESPACE)
    tag = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    image = clock.step(
        "private image in ECR", lambda: aws.seed_image(platform_state, REPOSITORY, tag, f"hello from {tag}")
    )
    stack = Stack(platform_state, STACK, paths.ROOT / f"Pulumi.{STACK}.yaml")
    stack.init()
    try:
        print(clock.step("pulumi up", stack.up).output, file=sys.stderr)
    except PulumiError as error:
        print(error, file=sys.stderr)
        return 1
    outputs = stack.outputs()
    refused = clock.step(
        "pod without the pull secret", lambda: workloads.pull(kube, NAMESPACE, "without-login", image, None)
    )
    pulled = clock.step(
        "pod with the pull secret",
        lambda: workloads.pull(kube, NAMESPACE, "with-login", image, outputs["pullSecretName"]),
    )
    links = [
        *chain.look(platform_state, kube, outputs),
        chain.Link(
            "pod with the pull secret",
            pulled.pulled,
            f"{NAMESPACE}/with-login pulled {pulled.message}" if pulled.pulled else pulled.message,
        ),
        chain.Link(
            "pod without it",
            not refused.pulled,
            "pulled, though it must not" if refused.pulled else f"refused: {refused.message}",
        ),
    ]
    print(
        table.render(
            ["link", "state", "seen"], [(link.name, "ok" if link.holds else "BROKEN", link.seen) for link in links]
        )
    )
    print(table.render(["step", "seconds"], [(name, f"{seconds:.1f}") for name, seconds in clock.took.items()]))
    print('Look around: eval "$(.venv/bin/python -m local env)"; then pulumi, kubectl and aws speak to this platform.')
    print("make down takes it away.")
    return 0 if all(link.holds for link in links) else 1


if __name__ == "__main__":
    sys.exit(main())
