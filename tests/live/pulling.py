"""Pods that pull all the while that something else happens."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from local import paths
from local.driver import workloads
from tests.live.deployment import Deployed


@dataclass
class Attempt:
    """One pod's pull, and when it began."""

    began: float
    pull: workloads.Pull


@contextmanager
def pulling_all_the_while(deployed: Deployed) -> Iterator[list[Attempt]]:
    """One pod after the other pulls the image afresh, until the block ends."""
    attempts: list[Attempt] = []
    end = threading.Event()

    def pull() -> None:
        with workloads.client(deployed.state) as kube:
            while not end.is_set():
                began, name = time.monotonic(), deployed.outputs["pullSecretName"]
                place = deployed.namespaces[0]
                attempts.append(Attempt(began, workloads.pull(kube, place, "meanwhile", deployed.image, name)))

    thread = threading.Thread(target=pull, daemon=True)
    thread.start()
    try:
        yield attempts
    finally:
        end.set()
        thread.join(90)


def refused_logins() -> list[str]:
    """Why the registry took no login, as its log has it: the latest that were not simply missing."""
    lines = (paths.current().log / "aws.log").read_text(errors="replace").splitlines()
    return [line for line in lines if "401 for" in line and "no login" not in line][-5:]
