"""What a running platform tells others: addresses, credentials, and whether pods can run."""

import dataclasses
import hashlib
import json
import os
import secrets
import string
from dataclasses import dataclass
from pathlib import Path

from local import paths, ports

DEFAULT_ACCOUNT = "000000000000"
DEFAULT_REGION = "eu-central-1"


class StateError(Exception):
    """There is no platform to speak of, or its state file is not ours; the text says what to do."""


@dataclass(frozen=True)
class PlatformState:
    """The contents of `platform.json`. Every address is inside 127.0.0.0/8.

    `node` says whether a kubelet runs here; where it is False, `node_reason` says why. `ports` and `network` (the
    127.N.0 prefix of the cluster) are kept so that addresses stay the same from one `up` to the next.
    `refresher_image` (HOST:PORT/REPOSITORY@DIGEST) is what `everpull:image` is here; empty where none could be made.
    """

    aws_endpoint: str
    registry_endpoint: str
    backend_registry: str
    kubeconfig: str
    kube_api: str
    account: str
    region: str
    aws_access_key_id: str
    aws_secret_access_key: str = dataclasses.field(repr=False)
    node: bool
    node_reason: str
    network: str
    ports: dict[str, int]
    refresher_image: str = ""

    @property
    def registry_host(self) -> str:
        """The name by which images of the default account and region are called, as on AWS."""
        return f"{self.account}.dkr.ecr.{self.region}.amazonaws.com"

    @property
    def issuer(self) -> str:
        """Who signs the tokens of this cluster's service accounts, in the form of EKS's issuers.

        IAM takes no other scheme and no port. It is kept as long as the network, and nothing answers by that name.
        """
        name = hashlib.sha256(f"{self.account} {self.region} {self.network}".encode()).hexdigest()[:32].upper()
        return f"https://oidc.eks.{self.region}.amazonaws.com/id/{name}"

    @property
    def https_proxy(self) -> str:
        """Where AWS's own host names are reached; its certificates are vouched for by `Paths.authority`."""
        return f"http://127.0.0.1:{self.ports['tunnel']}"


def choose(folders: paths.Paths, node_reason: str, running: frozenset[str]) -> PlatformState:
    """The state to bring up: what was chosen before where it still holds, new free ports where it does not.

    `node_reason` is why no node can run ("" if one can); `running` names the ports whose owners are alive, which are
    of course taken and are kept.

    Raises:
        StateError: the network of a cluster that has data is taken.
        NoFreePort: nothing could be bound.
    """
    try:
        before = load(folders)
    except StateError:
        before = None
    chosen = ports.choose(before.network if before else None, before.ports if before else {}, running)
    if before and chosen.network != before.network and (folders.data / "etcd").exists():
        # Addresses are in what the cluster stores: its Service, its node, what runs on it.
        raise StateError(
            f"{ports.api_address(before.network)}:443, where this cluster's API server belongs, is taken by another "
            f"program: end it, or delete {folders.data} to start with an empty cluster elsewhere"
        )
    if chosen.api_port != 443 and not node_reason:
        node_reason = (
            "port 443 is taken on every loopback network (something listens on 0.0.0.0:443), and pods reach the API "
            "server only there; free it and run this again"
        )
    backend_registry = f"http://127.0.0.1:{chosen.ports['registry']}"
    return PlatformState(
        aws_endpoint=f"http://127.0.0.1:{chosen.ports['aws']}",
        registry_endpoint=f"http://127.0.0.1:{chosen.ports['ecr-registry']}",
        backend_registry=backend_registry,
        kubeconfig=str(folders.kubeconfig),
        kube_api=f"https://{chosen.address}:{chosen.api_port}",
        account=DEFAULT_ACCOUNT,
        region=DEFAULT_REGION,
        aws_access_key_id=before.aws_access_key_id if before else _access_key_id(),
        aws_secret_access_key=before.aws_secret_access_key if before else secrets.token_urlsafe(30),
        node=not node_reason,
        node_reason=node_reason,
        network=chosen.network,
        ports=chosen.ports,
        # It is named by the registry's address.
        refresher_image=before.refresher_image if before and before.backend_registry == backend_registry else "",
    )


def _access_key_id() -> str:
    # AWS: 20 characters, AKIA for a long-term key, then capitals and the digits of base 32.
    return "AKIA" + "".join(secrets.choice(string.ascii_uppercase + "234567") for _ in range(16))


def save(state: PlatformState, folders: paths.Paths | None = None) -> None:
    """Write `platform.json`, readable by its owner only, in one step."""
    target = (folders or paths.current()).state_file
    write_private(target, json.dumps(dataclasses.asdict(state), indent=2) + "\n")


def load(folders: paths.Paths | None = None) -> PlatformState:
    """Read `platform.json`.

    Raises:
        StateError: the platform was never brought up, or the file is broken or from another version.
    """
    target = (folders or paths.current()).state_file
    try:
        content = json.loads(target.read_text())
        return PlatformState(**content)
    except FileNotFoundError:
        raise StateError(f"{target} does not exist: run `python -m local up` first") from None
    except (ValueError, TypeError):
        raise StateError(
            f"{target} is not a state file of this version: delete it and run `python -m local up`"
        ) from None


def write_private(target: Path, text: str) -> None:
    """Replace a file's content in one step; the file is its owner's alone (0600) from its first byte."""
    part = target.with_name(f".{target.name}.{os.getpid()}")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    part.replace(target)
