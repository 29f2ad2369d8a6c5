"""A real control plane for these tests: etcd, kube-apiserver and kube-controller-manager on free loopback ports."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from local.paths import current

_START_TIMEOUT = 120.0


@dataclass(frozen=True)
class ControlPlane:
    """A running API server. `kubeconfig` is an administrator's, `limited` one of a user without any right."""

    url: str
    kubeconfig: Path
    limited: Path


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def _tool(name: str, how: str) -> str:
    found = shutil.which(name, path=str(current().bin)) or shutil.which(name)
    if found is None:
        raise RuntimeError(f"{name} is missing: run `{how}`")
    return found


def _kubeconfig(path: Path, url: str, authority: Path, token: str) -> Path:
    cluster = {"server": url, "certificate-authority": str(authority)}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    }
    path.write_text(json.dumps(document))
    return path


def _wait(what: str, url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{what} ended at once:\n{log.read_text()[-2000:]}")
        try:
            if httpx.get(url, verify=False, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"{what} is not ready after {_START_TIMEOUT:.0f} s:\n{log.read_text()[-2000:]}")


@contextmanager
def control_plane(folder: Path) -> Iterator[ControlPlane]:
    """Runs until the block ends. Raises RuntimeError when a program is missing or doesn't come up."""
    build = "python -m local.tools kubernetes"
    etcd = _tool("etcd", "apt-get install etcd-server")
    server, manager = _tool("kube-apiserver", build), _tool("kube-controller-manager", build)
    key = folder / "service-accounts.key"
    key.write_bytes(
        rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    tokens = folder / "tokens.csv"
    tokens.write_text('admin-token,admin,1,"system:masters"\nlimited-token,limited,2\n')
    ports = {name: _free_port() for name in ("etcd", "peer", "api", "manager")}
    etcd_url, peer_url = (f"http://127.0.0.1:{ports[name]}" for name in ("etcd", "peer"))
    url, authority = f"https://127.0.0.1:{ports['api']}", folder / "certificates" / "apiserver.crt"
    admin = _kubeconfig(folder / "admin.json", url, authority, "admin-token")
    limited = _kubeconfig(folder / "limited.json", url, authority, "limited-token")
    commands = {
        "etcd": [
            *(etcd, "--unsafe-no-fsync", f"--data-dir={folder}/etcd", f"--listen-client-urls={etcd_url}"),
            *(f"--advertise-client-urls={etcd_url}", f"--listen-peer-urls={peer_url}"),
            *(f"--initial-advertise-peer-urls={peer_url}", f"--initial-cluster=default={peer_url}"),
        ],
        "kube-apiserver": [
            *(server, f"--etcd-servers={etcd_url}", f"--secure-port={ports['api']}", "--bind-address=127.0.0.1"),
            *("--advertise-address=127.0.0.1", "--service-cluster-ip-range=127.64.0.0/24"),
            *(f"--cert-dir={authority.parent}", f"--token-auth-file={tokens}", "--authorization-mode=RBAC"),
            *("--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={key}"),
            f"--service-account-signing-key-file={key}",
        ],
        "kube-controller-manager": [
            *(manager, f"--kubeconfig={admin}", "--leader-elect=false", f"--root-ca-file={authority}"),
            *(f"--service-account-private-key-file={key}", f"--secure-port={ports['manager']}"),
            *("--bind-address=127.0.0.1", f"--cert-dir={folder}/manager"),
        ],
    }
    ready = {
        "etcd": f"{etcd_url}/health",
        "kube-apiserver": f"{url}/readyz",
        "kube-controller-manager": f"https://127.0.0.1:{ports['manager']}/healthz",
    }
    running: list[subprocess.Popen[bytes]] = []
    try:
        for name, command in commands.items():
            log = folder / f"{name}.log"
            with log.open("wb") as output:
                running.append(subprocess.Popen(command, stdout=output, stderr=output))
            _wait(name, ready[name], running[-1], log)
        yield ControlPlane(url, admin, limited)
    finally:
        for process in running:
            # Nothing is worth keeping, and an API server without etcd takes minutes to end by itself.
            process.kill()
            process.wait()
