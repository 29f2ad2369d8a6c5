"""Free ports and a free loopback network, chosen once and then kept."""

import random
import socket
from collections.abc import Iterable
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"

# Every listener of the platform but the API server.
NAMES = (
    *("aws", "ecr-registry", "tunnel", "registry", "etcd", "etcd-peer", "controller-manager", "scheduler"),
    *("kubelet", "kubelet-health", "containerd-stream", "eso-metrics", "eso-live", "pod-identity"),
)

# Services get addresses out of 127.N.0.0/24 and the API server the first of them, so N must be no network that the
# machine itself uses: 127.0 is (localhost, and resolvers such as 127.0.0.53).
_NETWORKS = tuple(f"127.{number}.0" for number in range(64, 128))


class NoFreePort(Exception):
    """Nothing could be bound."""


@dataclass(frozen=True)
class Chosen:
    """`network` is a prefix such as 127.64.0; the API server's is the first address in it, on `api_port`."""

    network: str
    api_port: int
    ports: dict[str, int]

    @property
    def address(self) -> str:
        return api_address(self.network)


def api_address(network: str) -> str:
    """The API server's address, which is also that of the Service `kubernetes`: the first of the service range."""
    return f"{network}.1"


def is_free(port: int, address: str = LOOPBACK) -> bool:
    """Whether a server could listen there now.

    SO_REUSEADDR, which the parts set too, lets connections in TIME_WAIT not count as an owner.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port(address: str = LOOPBACK, taken: Iterable[int] = ()) -> int:
    """A free port out of the range below the kernel's ephemeral one, so that no outgoing connection takes it.

    Raises:
        NoFreePort: hundreds of tries found none.
    """
    avoided = set(taken)
    for _ in range(500):
        port = random.randint(20000, 32000)  # noqa: S311 - no secret
        if port not in avoided and is_free(port, address):
            return port
    raise NoFreePort(f"no free port between 20000 and 32000 on {address}")


def choose(network: str | None, ports: dict[str, int], running: frozenset[str]) -> Chosen:
    """Keep what was chosen before where it is free or owned by a living part (`running`), choose anew elsewhere.

    The API server wants port 443, where in-cluster clients look for it. Without the right to bind it, or where no
    network has it free, it gets a high port; either way it is named "kube-apiserver" in `ports`.

    Raises:
        NoFreePort: nothing could be bound.
    """
    kept = {name: port for name, port in ports.items() if name in running or is_free(port)}
    chosen: dict[str, int] = {}
    for name in NAMES:
        chosen[name] = kept[name] if name in kept else free_port(taken={*kept.values(), *chosen.values()})
    if network and "kube-apiserver" in running:
        api_port = ports["kube-apiserver"]
        return Chosen(network, api_port, {**chosen, "kube-apiserver": api_port})
    # In a random order, so that two platforms started at the same moment do not meet.
    others = random.sample(_NETWORKS, len(_NETWORKS))
    for candidate in ([network] if network else []) + others:
        if is_free(443, api_address(candidate)):
            return Chosen(candidate, 443, {**chosen, "kube-apiserver": 443})
    network = network or random.choice(_NETWORKS)  # noqa: S311 - no secret
    address = api_address(network)
    before = ports.get("kube-apiserver", 443)
    api_port = before if before != 443 and is_free(before, address) else free_port(address, taken=chosen.values())
    return Chosen(network, api_port, {**chosen, "kube-apiserver": api_port})
