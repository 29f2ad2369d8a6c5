"""etcd, the API server, the controller manager and the scheduler as parts of the platform."""

import http.client
import platform
import shutil
import ssl
from collections.abc import Callable
from pathlib import Path

from local.apt import SYSTEM_PATH
from local.cluster.api import Api
from local.cluster.certificates import Pki
from local.paths import Paths
from local.ports import LOOPBACK, api_address
from local.state import PlatformState
from local.supervisor import Part

# The API server as tokens for it name it; as on EKS, whoever issues them.
_API_AUDIENCE = "https://kubernetes.default.svc"


def program(name: str) -> str:
    """A program of the system by its full path; its bare name where it is missing, so that starting it says so."""
    return shutil.which(name, path=SYSTEM_PATH) or shutil.which(name) or name


def https_health(
    port: int, path: str, authority: Path, client: tuple[Path, Path] | None = None
) -> Callable[[], str | None]:
    """A health check of a part that serves HTTPS on loopback."""

    def check() -> str | None:
        try:
            tls = ssl.create_default_context(cafile=str(authority))
            if client is not None:
                tls.load_cert_chain(*client)
            connection = http.client.HTTPSConnection(LOOPBACK, port, context=tls, timeout=5)
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                text = answer.read(300).decode(errors="replace").strip()
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            return f"{path} on port {port}: {error}"
        return None if answer.status == 200 else f"{path} on port {port}: {answer.status} {text}"

    return check


def http_health(url_host: str, port: int, path: str) -> Callable[[], str | None]:
    """A health check of a part that serves HTTP on loopback."""

    def check() -> str | None:
        connection = http.client.HTTPConnection(url_host, port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            text = answer.read(300).decode(errors="replace").strip()
        except (OSError, http.client.HTTPException) as error:
            return f"{path} on port {port}: {error}"
        finally:
            connection.close()
        return None if answer.status == 200 else f"{path} on port {port}: {answer.status} {text}"

    return check


def etcd(folders: Paths, state: PlatformState, pki: Pki) -> Part:
    """etcd with TLS and client certificates: other users of the machine must not read the cluster's Secrets."""
    client = f"https://{LOOPBACK}:{state.ports['etcd']}"
    peer = f"https://{LOOPBACK}:{state.ports['etcd-peer']}"
    serving = (str(pki.certificate("serving")), str(pki.key("serving")))
    environment = {"PATH": SYSTEM_PATH}
    if platform.machine() == "aarch64":
        environment["ETCD_UNSUPPORTED_ARCH"] = "arm64"  # etcd 3.4 refuses to run there without it
    return Part(
        "etcd",
        (
            program("etcd"),
            "--name=everpull",
            f"--data-dir={folders.data / 'etcd'}",
            # Speed over surviving a power cut; a killed etcd loses nothing, the kernel holds what it wrote.
            "--unsafe-no-fsync",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=everpull={peer}",
            f"--cert-file={serving[0]}",
            f"--key-file={serving[1]}",
            f"--trusted-ca-file={pki.authority}",
            "--client-cert-auth",
            f"--peer-cert-file={serving[0]}",
            f"--peer-key-file={serving[1]}",
            f"--peer-trusted-ca-file={pki.authority}",
            "--peer-client-cert-auth",
            "--logger=zap",
            "--log-level=warn",
        ),
        https_health(
            state.ports["etcd"],
            "/health",
            pki.authority,
            (pki.certificate("apiserver-client"), pki.key("apiserver-client")),
        ),
        environment,
        inputs=(pki.authority, pki.certificate("serving")),
    )


def apiserver(folders: Paths, state: PlatformState, pki: Pki) -> Part:
    address = api_address(state.network)
    serving = (pki.certificate("serving"), pki.key("serving"))
    client = (pki.certificate("apiserver-client"), pki.key("apiserver-client"))
    return Part(
        "kube-apiserver",
        (
            str(folders.bin / "kube-apiserver"),
            f"--bind-address={address}",
            f"--secure-port={state.ports['kube-apiserver']}",
            # Inside loopback: the Service `kubernetes` becomes `address`, where this server listens, so in-cluster
            # clients on the host's network reach it without kube-proxy.
            f"--service-cluster-ip-range={state.network}.0/24",
            f"--etcd-servers=https://{LOOPBACK}:{state.ports['etcd']}",
            f"--etcd-cafile={pki.authority}",
            f"--etcd-certfile={client[0]}",
            f"--etcd-keyfile={client[1]}",
            f"--tls-cert-file={serving[0]}",
            f"--tls-private-key-file={serving[1]}",
            f"--client-ca-file={pki.authority}",
            f"--kubelet-certificate-authority={pki.authority}",
            f"--kubelet-client-certificate={client[0]}",
            f"--kubelet-client-key={client[1]}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
            f"--service-account-issuer={state.issuer}",
            # Whose tokens were issued under this name (earlier versions of the platform did), keeps them.
            f"--service-account-issuer={_API_AUDIENCE}",
            f"--api-audiences={_API_AUDIENCE}",
            f"--service-account-key-file={pki.service_account_key}",
            f"--service-account-signing-key-file={pki.service_account_key}",
            # One server alone: its address need not be published, and loopback would be refused as an endpoint.
            "--endpoint-reconciler-type=none",
            f"--cert-dir={folders.data / 'kube-apiserver'}",
        ),
        Api(state.kube_api, pki, timeout=5).ready,
        {"PATH": SYSTEM_PATH},
        inputs=(pki.authority, pki.certificate("serving")),
        start_seconds=180,
    )


def controller_manager(folders: Paths, state: PlatformState, pki: Pki) -> Part:
    kubeconfig = pki.kubeconfig("controller-manager")
    return Part(
        "kube-controller-manager",
        (
            str(folders.bin / "kube-controller-manager"),
            f"--kubeconfig={kubeconfig}",
            f"--bind-address={LOOPBACK}",
            f"--secure-port={state.ports['controller-manager']}",
            f"--tls-cert-file={pki.certificate('serving')}",
            f"--tls-private-key-file={pki.key('serving')}",
            "--leader-elect=false",
            "--use-service-account-credentials",
            f"--service-account-private-key-file={pki.service_account_key}",
            f"--root-ca-file={pki.authority}",
            f"--cluster-signing-cert-file={pki.authority}",
            f"--cluster-signing-key-file={pki.key('ca')}",
        ),
        https_health(state.ports["controller-manager"], "/healthz", pki.authority),
        {"PATH": SYSTEM_PATH},
        inputs=(kubeconfig, pki.authority, pki.certificate("controller-manager")),
    )


def scheduler(folders: Paths, state: PlatformState, pki: Pki) -> Part:
    kubeconfig = pki.kubeconfig("scheduler")
    return Part(
        "kube-scheduler",
        (
            str(folders.bin / "kube-scheduler"),
            f"--kubeconfig={kubeconfig}",
            f"--bind-address={LOOPBACK}",
            f"--secure-port={state.ports['scheduler']}",
            f"--tls-cert-file={pki.certificate('serving')}",
            f"--tls-private-key-file={pki.key('serving')}",
            "--leader-elect=false",
        ),
        https_health(state.ports["scheduler"], "/healthz", pki.authority),
        {"PATH": SYSTEM_PATH},
        inputs=(kubeconfig, pki.authority, pki.certificate("scheduler")),
    )
